//! The picture of an image with its labels.

use super::grid::OutputGrid;
use crate::config::FinetuneConfig;
use crate::platform;
use crate::report::ReportError;
use crate::report::labels::labelled_picture;
use crate::train::Picture;
use crate::transform::{Intensity, IntensityWindow, own_window, scale_intensity};
use crate::volume::Volume;
use anyhow::ensure;
use std::io::ErrorKind;
use std::path::Path;

/// Draws an image from 0 to 1 with the labels over it, both on `grid`, with the names of the case and of the classes. One
/// that cannot be drawn is said, and is no error: the labels are written, and their volumes yet to be printed. Gives
/// whether it is drawn.
pub(super) fn draw(
    path: &Path,
    grid: &OutputGrid,
    (image, labels): (Vec<f32>, Vec<u8>),
    (name, classes): (&str, &[String]),
) -> anyhow::Result<bool> {
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
    let image = match labelled_picture(&picture, classes) {
        Ok(image) => image,
        Err(error @ ReportError::PictureSize { .. }) => {
            log::warn!("{} is left out: {error}", path.display());
            // One of another scan would pass for this one's.
            return match std::fs::remove_file(path) {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
                _ => Ok(false),
            };
        }
        Err(error) => return Err(error.into()),
    };
    platform::write_atomic(path, &image.encode_png()?)?;
    Ok(true)
}

/// Input values from 0 to 1: by the window of the settings, else by the scan's own, since single bright voxels of MR would
/// leave the rest nearly black.
pub(super) fn displayed(scan: &Volume, config: &FinetuneConfig) -> Vec<f32> {
    let window = match config.transform().intensity {
        Intensity::Range(window) => window,
        Intensity::Percentile | Intensity::Zscore => {
            own_window(scan).unwrap_or_else(|| whole_range(scan))
        }
    };
    let mut shown = scan.clone();
    scale_intensity(&mut shown, window);
    shown.into_data()
}

/// From the smallest to the largest of the values that can be meant.
fn whole_range(scan: &Volume) -> IntensityWindow {
    let reach = scan.reach();
    let meant = scan.data().iter().copied().filter(|v| v.abs() <= reach);
    let (min, max) = meant.fold((f32::MAX, f32::MIN), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    IntensityWindow { min, max }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::IntensityMode;
    use crate::volume::Affine;

    fn shown(scan: Vec<f32>, intensity: IntensityMode) -> Vec<f32> {
        let mut config = FinetuneConfig::default();
        config.crops.intensity = intensity;
        let scan = Volume::new([scan.len(), 1, 1], scan, Affine::identity()).unwrap();
        displayed(&scan, &config)
    }

    #[test]
    fn a_picture_that_is_too_large_is_left_out_and_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("picture.png");
        // A slice of one voxel by two million.
        let voxels = 2_000_000;
        let scan = Volume::new([1, voxels, 1], vec![0.5; voxels], Affine::identity()).unwrap();
        let grid = OutputGrid::of_model(&scan);
        let shown = (scan.into_data(), vec![0; voxels]);
        // That of another scan, which would pass for this one's.
        std::fs::write(&file, "old").unwrap();
        for _ in 0..2 {
            let drawn = draw(&file, &grid, shown.clone(), ("scan", &[][..])).unwrap();
            assert!(!drawn && !file.exists());
        }
    }

    #[test]
    fn a_few_bright_voxels_do_not_darken_a_scan_of_mr() {
        // Air, tissue from 1 to 1000, and a vessel of two voxels.
        let mut scan: Vec<f32> = (0..2000)
            .map(|n| (n / 2 * (n % 2) + n % 2) as f32)
            .collect();
        scan.extend([90_000.0, 100_000.0, f32::NAN]);
        let shown = shown(scan, IntensityMode::Percentile);
        assert_eq!(
            (shown[0], shown[2000], shown[2001], shown[2002]),
            (0.0, 1.0, 1.0, 0.0)
        );
        // The tissue fills the range.
        let tissue = shown[2 * 500 + 1];
        assert!((0.45..0.55).contains(&tissue), "{tissue}");
    }

    #[test]
    fn a_scan_of_two_values_is_shown_from_one_to_the_other() {
        let scan = vec![0.0, 7.0, 7.0, f32::INFINITY];
        assert_eq!(shown(scan, IntensityMode::Zscore), [0.0, 1.0, 1.0, 1.0]);
        assert_eq!(shown(vec![0.0; 4], IntensityMode::Zscore), [0.0; 4]);
    }

    #[test]
    fn an_absurd_voxel_does_not_darken_the_picture_of_a_flat_scan() {
        let mut scan = [vec![0.0; 400], vec![7.0; 600]].concat();
        scan.push(3e38);
        let found = shown(scan, IntensityMode::Zscore);
        assert_eq!((found[0], found[500], found[1000]), (0.0, 1.0, 1.0));
    }
}
