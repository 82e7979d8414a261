//! The picture of an image with its labels.

use super::grid::OutputGrid;
use crate::config::FinetuneConfig;
use crate::platform;
use crate::report::labels::labelled_picture;
use crate::train::Picture;
use crate::transform::Intensity;
use anyhow::ensure;
use std::path::Path;

/// The share of the foreground's values that is shown as black, and as white, as in training by percentiles.
const TAIL: f64 = 0.005;
/// Values looked at for that; larger scans are looked at in even steps.
const MOST_RANKED: usize = 1 << 24;

/// Draws an image from 0 to 1 with the labels over it, both on `grid`, with the names of the case and of the classes.
pub(super) fn draw(
    path: &Path,
    grid: &OutputGrid,
    (image, labels): (Vec<f32>, Vec<u8>),
    (name, classes): (&str, &[String]),
) -> anyhow::Result<()> {
    ensure!(
        labels.len() == image.len(),
        "the picture and the labels have different grids"
    );
    let picture = Picture::Segmentation {
        name: name.to_owned(),
        shape: grid.shape,
        affine: grid.affine,
        image,
        labels: Vec::new(),
        prediction: labels,
    };
    let image = labelled_picture(&picture, classes)?;
    platform::write_atomic(path, &image.encode_png()?)?;
    Ok(())
}

/// Input values from 0 to 1: by the window of the settings, else by the scan's own percentiles.
pub(super) fn displayed(values: &[f32], config: &FinetuneConfig) -> Vec<f32> {
    let (low, high) = match config.transform().intensity {
        Intensity::Range(window) => (window.min, window.max),
        Intensity::Percentile | Intensity::Zscore => own_window(values),
    };
    let width = (high - low).max(f32::MIN_POSITIVE);
    values
        .iter()
        .map(|value| ((value - low) / width).clamp(0.0, 1.0))
        .collect()
}

/// Where all but the darkest and the brightest values of the foreground lie, which is what is finite and not 0: single
/// bright voxels of MR would leave the rest nearly black. From the smallest to the largest where that is no range.
fn own_window(values: &[f32]) -> (f32, f32) {
    let step = values.len().div_ceil(MOST_RANKED).max(1);
    let finite = || values.iter().copied().filter(|value| value.is_finite());
    let mut ranked: Vec<f32> = finite()
        .filter(|value| *value != 0.0)
        .step_by(step)
        .collect();
    if let Some(last) = ranked.len().checked_sub(1) {
        let mut percentile = |share: f64| {
            let rank = (share * last as f64).round() as usize;
            *ranked.select_nth_unstable_by(rank, f32::total_cmp).1
        };
        let (low, high) = (percentile(TAIL), percentile(1.0 - TAIL));
        if low < high {
            return (low, high);
        }
    }
    finite().fold((f32::MAX, f32::MIN), |(low, high), value| {
        (low.min(value), high.max(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::IntensityMode;

    #[test]
    fn a_few_bright_voxels_do_not_darken_a_scan_of_mr() {
        let mut config = FinetuneConfig::default();
        config.crops.intensity = IntensityMode::Percentile;
        // Air, tissue from 1 to 1000, and a vessel of two voxels.
        let mut scan: Vec<f32> = (0..2000)
            .map(|n| (n / 2 * (n % 2) + n % 2) as f32)
            .collect();
        scan.extend([90_000.0, 100_000.0, f32::NAN]);
        let shown = displayed(&scan, &config);
        assert_eq!((shown[0], shown[2000], shown[2001]), (0.0, 1.0, 1.0));
        // The tissue fills the range.
        let tissue = shown[2 * 500 + 1];
        assert!((0.45..0.55).contains(&tissue), "{tissue}");
    }

    #[test]
    fn a_scan_of_two_values_is_shown_from_one_to_the_other() {
        assert_eq!(own_window(&[0.0, 7.0, 7.0, f32::INFINITY]), (0.0, 7.0));
        let (low, high) = own_window(&[0.0; 4]);
        assert_eq!((low, high), (0.0, 0.0));
    }
}
