//! The validation of fine-tuning: Dice of every case on the network's own grid (specification 9).

use crate::dataset::VolumeSource;
use crate::infer::{InferError, SlidingWindow, WindowNetwork, segment};
use crate::metric::{Overlaps, mean_of_running_means, mean_of_some};
use crate::train::{GoOn, Picture, TrainError, Validation};
use crate::transform::Labelled;

/// Segments and scores all cases on the voxels that were scanned, or gives none when `go_on` says to stop. The score is the mean over the cases of the mean Dice of
/// their foreground classes. `network` is outside the autodiff graph.
///
/// # Errors
/// [`TrainError`] for a volume that cannot be read, a lost device, or no case at all.
pub(super) async fn validate_segmentation(
    network: &impl WindowNetwork,
    cases: &dyn VolumeSource<Labelled>,
    windows: &SlidingWindow,
    go_on: &mut GoOn<'_>,
) -> Result<Option<Validation>, TrainError> {
    let (mut foreground, mut whole) = (Vec::new(), Vec::new());
    let mut picture = None;
    for index in 0..cases.len() {
        let case = cases.volume(index)?;
        let (image, shape) = (case.image.data(), case.image.shape());
        let mut of_case = |done: usize, of: usize| {
            let part = done as f64 / of.max(1) as f64;
            go_on((index as f64 + part) / cases.len() as f64)
        };
        let found = segment(network, image, shape, windows, None, &mut of_case).await;
        let prediction = match found {
            Ok(prediction) => prediction,
            Err(InferError::Stopped) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut overlaps = Overlaps::new(network.classes())?;
        let scanned = |labels| (case.geometry.without_padding(labels)).map_err(InferError::from);
        overlaps.add(&scanned(&prediction)?, &scanned(&case.label)?)?;
        let dice = overlaps.dice();
        foreground.push(mean_of_some(dice.iter().skip(1).copied()));
        whole.push(mean_of_some(dice));
        picture.get_or_insert_with(|| Picture::Segmentation {
            name: cases.name(index),
            shape,
            affine: *case.image.affine(),
            image: image.to_vec(),
            labels: case.label.clone(),
            prediction,
        });
    }
    let score = mean_of_some(foreground).unwrap_or(0.0);
    Ok(Some(Validation {
        score,
        values: values(score, &whole),
        picture: picture.ok_or(TrainError::Internal("there is no validation case"))?,
    }))
}

/// Everything measured, by name: the score, and what comes of each case's mean Dice with the background.
fn values(score: f64, whole: &[Option<f64>]) -> Vec<(String, f64)> {
    let values = [
        ("val/dice", Some(score)),
        (
            "val/dice_with_background",
            mean_of_some(whole.iter().copied()),
        ),
        // What the original's script reports (specification 9.2).
        ("val/dice_original", mean_of_running_means(whole)),
    ];
    values
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}
