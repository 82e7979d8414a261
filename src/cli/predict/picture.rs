//! The picture of an image with its labels.

use super::grid::OutputGrid;
use crate::config::FinetuneConfig;
use crate::platform;
use crate::report::labels::labelled_picture;
use crate::train::Picture;
use crate::transform::Intensity;
use anyhow::ensure;
use std::path::Path;

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

/// Input values from 0 to 1: by the window of the settings, else from the smallest to the largest.
pub(super) fn displayed(values: &[f32], config: &FinetuneConfig) -> Vec<f32> {
    let (low, high) = match config.transform().intensity {
        Intensity::Range(window) => (window.min, window.max),
        Intensity::Percentile | Intensity::Zscore => values
            .iter()
            .filter(|value| value.is_finite())
            .fold((f32::MAX, f32::MIN), |(low, high), value| {
                (low.min(*value), high.max(*value))
            }),
    };
    let width = (high - low).max(f32::MIN_POSITIVE);
    values
        .iter()
        .map(|value| ((value - low) / width).clamp(0.0, 1.0))
        .collect()
}
