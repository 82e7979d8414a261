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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::MemorySource;
    use crate::train::finetuning::tests::cases;
    use crate::transform::{FinetuneTransform, IntensityWindow};
    use crate::volume::{Affine, Volume};
    use std::ops::ControlFlow;

    /// Finds one of three classes everywhere.
    struct Always(usize);

    impl WindowNetwork for Always {
        fn classes(&self) -> usize {
            3
        }

        async fn logits(&self, input: Vec<f32>, _: &SlidingWindow) -> Result<Vec<f32>, InferError> {
            let mut voxel = [0.0_f32; 3];
            voxel[self.0] = 1.0;
            Ok(voxel.repeat(input.len()))
        }
    }

    /// What is measured under a name, in windows as large as the cases.
    fn measured(class: usize, cases: &dyn VolumeSource<Labelled>, edge: usize, name: &str) -> f64 {
        let (network, windows) = (Always(class), SlidingWindow::original([edge; 3]));
        let mut go_on = |_: f64| ControlFlow::Continue(());
        let found = validate_segmentation(&network, cases, &windows, &mut go_on);
        let values = pollster::block_on(found).unwrap().unwrap().values;
        let value = values.into_iter().find(|(of, _)| of == name);
        value.unwrap().1
    }

    #[test]
    fn a_network_that_finds_nothing_scores_nothing() {
        let cases = cases();
        assert_eq!(measured(0, cases.as_ref(), 8, "val/dice"), 0.0);
        assert!(measured(0, cases.as_ref(), 8, "val/dice_with_background") > 0.0);
    }

    #[test]
    fn padding_is_not_scored() {
        let label: Vec<f32> = (0..512).map(|n| f32::from(u8::from(n % 8 == 3))).collect();
        let image = label.iter().map(|label| label + 1.0).collect();
        let volume = |data| Volume::new([8; 3], data, Affine::identity()).unwrap();
        let case = ("a".to_owned(), volume(image), volume(label));
        let padded = FinetuneTransform {
            spacing: [1.0; 3],
            intensity: IntensityWindow { min: 0.0, max: 4.0 }.into(),
            patch: [16; 3],
            classes: 3,
            ..FinetuneTransform::default()
        };
        let padded = MemorySource::prepare_labelled([case], &padded).unwrap();
        // 64 of 512 voxels are of class 1, and all are said to be.
        let found = measured(1, &padded, 16, "val/dice");
        assert!((found - 128.0 / 576.0).abs() < 1e-6, "{found}");
    }
}
