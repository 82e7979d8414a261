//! The scores of one case: Dice, HD95, surface Dice and volume of every class.

use serde::{Deserialize, Serialize};

use super::dice::{Overlap, Overlaps, mean_of_some};
use super::surface::distances_in;
use super::{LabelPair, MetricError};
use crate::platform;

/// How surfaces are compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SurfaceOptions {
    /// Distance up to which surfaces count as equal in NSD, mm.
    pub tolerance_mm: f64,
}

impl Default for SurfaceOptions {
    /// 2 mm.
    fn default() -> Self {
        Self { tolerance_mm: 2.0 }
    }
}

/// The scores of one class in one case; `None` is what is not counted (see [the room](super)).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassScore {
    /// The class.
    pub label: u8,
    /// Dice, 0 to 1.
    pub dice: Option<f64>,
    /// 95th percentile of the Hausdorff distance, mm. Never of the background.
    pub hd95_mm: Option<f64>,
    /// Normalised surface Dice, 0 to 1. Never of the background.
    pub nsd: Option<f64>,
    /// Volume in the reference, mL.
    pub reference_ml: f64,
    /// Volume in the prediction, mL.
    pub prediction_ml: f64,
}

/// The scores of one case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseScore {
    /// Name of the case.
    pub case: String,
    /// One score per class, the background first.
    pub classes: Vec<ClassScore>,
}

impl CaseScore {
    /// Mean Dice of the counted classes, the background among them, as the original computes it.
    pub fn mean_dice(&self) -> Option<f64> {
        mean_of_some(self.classes.iter().map(|class| class.dice))
    }

    /// Mean Dice of the counted classes without the background.
    pub fn foreground_dice(&self) -> Option<f64> {
        self.foreground(|class| class.dice)
    }

    /// Mean HD95 of the classes that have one, mm.
    pub fn foreground_hd95(&self) -> Option<f64> {
        self.foreground(|class| class.hd95_mm)
    }

    /// Mean normalised surface Dice of the counted classes.
    pub fn foreground_nsd(&self) -> Option<f64> {
        self.foreground(|class| class.nsd)
    }

    fn foreground(&self, value: impl Fn(&ClassScore) -> Option<f64>) -> Option<f64> {
        mean_of_some(self.classes.iter().skip(1).map(value))
    }
}

/// Voxels of boxes whose surfaces are compared at the same time: some 600 MB.
const VOXELS_AT_ONCE: usize = 64 << 20;

/// Runs of items that together are no larger than `most`, or single ones.
fn groups<T>(items: &[T], size: impl Fn(&T) -> usize, most: usize) -> Vec<&[T]> {
    let mut groups = Vec::new();
    let mut rest = items;
    while !rest.is_empty() {
        let mut sum = 0usize;
        let fits = rest.iter().take_while(|item| {
            sum = sum.saturating_add(size(item));
            sum <= most
        });
        let (group, after) = rest.split_at(fits.count().max(1));
        groups.push(group);
        rest = after;
    }
    groups
}

/// Scores a case with `classes` classes, the background among them. Surfaces are compared when `surfaces` says how,
/// several classes at the same time where that takes little memory; each takes some ten bytes per voxel of the box around
/// it.
///
/// # Errors
/// [`MetricError::Label`] for a label of `classes` or more, [`MetricError::Classes`] for none or more than 256,
/// [`MetricError::Tolerance`] for a tolerance that is no distance.
pub fn score(
    case: &str,
    pair: &LabelPair<'_>,
    classes: usize,
    surfaces: Option<SurfaceOptions>,
) -> Result<CaseScore, MetricError> {
    let mut overlaps = Overlaps::new(classes)?;
    overlaps.add(pair.prediction(), pair.reference())?;
    let boxes = match surfaces {
        Some(_) => pair.boxes(),
        None => Vec::new(),
    };
    let voxel_ml = pair.voxel_ml();
    let labelled: Vec<(u8, Overlap)> = (0..=u8::MAX)
        .zip(overlaps.classes().iter().copied())
        .collect();
    let of_class = |(label, overlap): &(u8, Overlap)| {
        let region = boxes.get(usize::from(*label)).copied().flatten();
        let (mut hd95_mm, mut nsd) = (None, None);
        if let (1.., Some(region), Some(options)) = (*label, region, surfaces) {
            let distances = distances_in(pair, *label, region);
            hd95_mm = distances.hd95();
            nsd = distances.nsd(options.tolerance_mm)?;
        }
        Ok(ClassScore {
            label: *label,
            dice: overlap.dice(),
            hd95_mm,
            nsd,
            reference_ml: overlap.reference as f64 * voxel_ml,
            prediction_ml: overlap.prediction as f64 * voxel_ml,
        })
    };
    let voxels = |(label, _): &(u8, Overlap)| match boxes.get(usize::from(*label)) {
        Some(Some(region)) if *label > 0 => region.voxels(),
        _ => 0,
    };
    let mut scores = Vec::new();
    for group in groups(&labelled, voxels, VOXELS_AT_ONCE) {
        scores.extend(platform::map_tasks(group.len(), |i| of_class(&group[i])));
    }
    Ok(CaseScore {
        case: case.to_owned(),
        classes: scores.into_iter().collect::<Result<_, _>>()?,
    })
}

/// The volume of each of `classes` labels in a label map whose voxels have `voxel_ml` mL, in mL; see
/// [`Volume::voxel_ml`](crate::volume::Volume::voxel_ml).
///
/// # Errors
/// As [`Overlaps::new`] and [`Overlaps::add`].
pub fn volumes_ml(labels: &[u8], classes: usize, voxel_ml: f64) -> Result<Vec<f64>, MetricError> {
    let mut overlaps = Overlaps::new(classes)?;
    overlaps.add(labels, labels)?;
    let voxels = overlaps.classes().iter().map(|class| class.prediction);
    Ok(voxels.map(|n| n as f64 * voxel_ml).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SURFACES: Option<SurfaceOptions> = Some(SurfaceOptions { tolerance_mm: 1.0 });

    fn scored(prediction: &[u8], reference: &[u8], shape: [usize; 3]) -> CaseScore {
        let pair = LabelPair::new(prediction, reference, shape, [1.0, 2.0, 3.0]).unwrap();
        score("case", &pair, 3, SURFACES).unwrap()
    }

    #[test]
    fn items_are_taken_together_while_they_are_small() {
        let sizes = [1, 2, 3, 9, 0, 1, 4, 4];
        let groups = groups(&sizes, |size| *size, 5);
        assert_eq!(groups, [&[1, 2][..], &[3], &[9], &[0, 1, 4], &[4]]);
    }

    #[test]
    fn a_class_that_is_missing_is_scored_as_the_room_says() {
        // Class 1 is invented, class 2 is missed.
        let (mut prediction, mut reference) = ([0; 60], [0; 60]);
        (prediction[7], reference[20]) = (1, 2);
        let case = scored(&prediction, &reference, [3, 4, 5]);
        let of = |class: &ClassScore| (class.dice, class.hd95_mm, class.nsd);
        assert_eq!(of(&case.classes[1]), (None, None, Some(0.0)));
        assert_eq!(of(&case.classes[2]), (Some(0.0), None, Some(0.0)));
        let background = 2.0 * 58.0 / 118.0;
        assert_eq!(of(&case.classes[0]), (Some(background), None, None));
        assert_eq!(case.mean_dice(), Some(background / 2.0));
        assert_eq!(case.foreground_dice(), Some(0.0));
        assert_eq!(case.foreground_hd95(), None);
        let none = scored(&[0; 60], &[0; 60], [3, 4, 5]);
        assert_eq!(of(&none.classes[1]), (None, None, None));
        assert_eq!(none.foreground_nsd(), None);
        assert_eq!(none.mean_dice(), Some(1.0));
    }

    #[test]
    fn single_voxels_are_as_far_apart_as_their_grid_says() {
        let (mut prediction, mut reference) = ([0; 60], [0; 60]);
        (prediction[0], reference[59]) = (1, 1);
        let case = scored(&prediction, &reference, [3, 4, 5]);
        // Two steps of 1 mm, three of 2 mm, four of 3 mm.
        let expected = f64::from(184.0_f32.sqrt());
        assert_eq!(case.classes[1].hd95_mm, Some(expected));
        assert_eq!(case.classes[1].nsd, Some(0.0));
        let same = scored(&prediction, &prediction, [3, 4, 5]);
        assert_eq!(same.classes[1].hd95_mm, Some(0.0));
        assert_eq!(same.classes[1].nsd, Some(1.0));
    }

    #[test]
    fn volumes_are_voxels_times_their_size() {
        let case = scored(&[1; 60], &[2; 60], [3, 4, 5]);
        assert_eq!(case.classes[1].prediction_ml, 0.36);
        assert_eq!(case.classes[2].reference_ml, 0.36);
        // Slices that lean, of a tilted gantry.
        let pair = LabelPair::new(&[1; 60], &[2; 60], [3, 4, 5], [1.0, 1.0, 5.0]).unwrap();
        let case = score("case", &pair.with_voxel_ml(0.004), 3, None).unwrap();
        assert_eq!(case.classes[1].prediction_ml, 0.24);
        assert_eq!(volumes_ml(&[1, 1, 0], 2, 1.0), Ok(vec![1.0, 2.0]));
        assert!(volumes_ml(&[2], 2, 1.0).is_err());
    }

    #[test]
    fn without_surface_options_only_overlap_is_scored() {
        let pair = LabelPair::new(&[1; 8], &[1; 8], [2; 3], [1.0; 3]).unwrap();
        let case = score("case", &pair, 2, None).unwrap();
        assert_eq!(case.classes[1].dice, Some(1.0));
        assert_eq!(case.classes[1].hd95_mm, None);
        let wrong = Some(SurfaceOptions { tolerance_mm: -1.0 });
        let refused = score("case", &pair, 2, wrong);
        assert_eq!(refused, Err(MetricError::Tolerance { tolerance: -1.0 }));
    }
}
