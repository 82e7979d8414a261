//! What input values mean: HU, or whatever a volume's own values say.

use crate::dataset::is_ct;
use crate::transform::{Intensity, IntensityWindow};
use serde::{Deserialize, Serialize};
use std::fmt;

/// CT in HU has air in it, far below this; MR and CT of another scale have not, not even with an overshoot of resampling.
pub(super) const LOWEST_OF_OTHER_SCALES: f32 = -100.0;

/// Nothing but air, in the body or around it, lies below this in HU, and hardly a scan of another scale does.
pub(super) const AIR: f32 = -500.0;

/// Whether an image with this lowest value may be in HU: a crop of the body may have no air, but it has fat.
pub fn may_be_hu(lowest: f32) -> bool {
    lowest <= LOWEST_OF_OTHER_SCALES
}

/// Whether an image with this lowest value is taken for CT in HU where nothing names its modality.
pub fn is_hu(lowest: f32) -> bool {
    lowest < AIR
}

/// How input values become the network's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
pub enum IntensityMode {
    /// Range for CT, percentile for a split file that says that it is something else.
    #[default]
    Auto,
    /// From intensity_min and intensity_max to 0 and 1: the original's.
    Range,
    /// From the 0.5th and 99.5th percentile of each volume's foreground to 0 and 1.
    Percentile,
    /// Mean 0 and deviation 1 over each volume's foreground.
    Zscore,
}

/// The value that `--intensity` and settings take.
impl fmt::Display for IntensityMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            IntensityMode::Auto => "auto",
            IntensityMode::Range => "range",
            IntensityMode::Percentile => "percentile",
            IntensityMode::Zscore => "zscore",
        })
    }
}

impl IntensityMode {
    /// The transform, with the window of the range.
    pub fn transform(self, min: f32, max: f32) -> Intensity {
        match self {
            IntensityMode::Auto | IntensityMode::Range => {
                Intensity::Range(IntensityWindow { min, max })
            }
            IntensityMode::Percentile => Intensity::Percentile,
            IntensityMode::Zscore => Intensity::Zscore,
        }
    }

    /// What is to be said of a network that learned by another mode than this one of a run, to follow its name.
    pub fn other_than(self, before: Self) -> Option<String> {
        let [before, after] = [before, self].map(|mode| mode.settled(None));
        (before != after).then(|| {
            format!(
                "learned from intensities scaled by {before}, and this run scales them by {after}"
            )
        })
    }

    /// What `auto` means for images of a modality.
    pub fn settled(self, modality: Option<&str>) -> Self {
        match (self, modality) {
            (IntensityMode::Auto, Some(modality)) if !is_ct(modality) => IntensityMode::Percentile,
            (IntensityMode::Auto, _) => IntensityMode::Range,
            (mode, _) => mode,
        }
    }
}

/// Whether that word means no CT at all: PET/CT may mean CT as well.
pub(super) fn is_other_than_ct(modality: &str) -> bool {
    !is_ct(modality) && !modality.to_uppercase().contains("CT")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::{Affine, Volume};

    #[test]
    fn a_box_of_an_absurd_low_value_makes_no_ct_of_an_mr_scan() {
        let mut data: Vec<f32> = (0..1000).map(|n| n as f32).collect();
        data.extend([-3.4e38; 500]);
        let volume = Volume::new([data.len(), 1, 1], data, Affine::identity()).unwrap();
        let lowest = volume.lowest().unwrap();
        assert!(!is_hu(lowest) && !may_be_hu(lowest), "{lowest}");
    }

    #[test]
    fn a_scan_with_fat_and_no_air_may_be_in_hu_and_is_not_taken_for_it() {
        let told = [-1024.0, -150.0, -20.0, 0.0].map(|lowest| (may_be_hu(lowest), is_hu(lowest)));
        let expected = [(true, true), (true, false), (false, false), (false, false)];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_mode_differs_from_what_another_means() {
        let [auto, range, zscore] = [
            IntensityMode::Auto,
            IntensityMode::Range,
            IntensityMode::Zscore,
        ];
        assert_eq!(auto.other_than(range), None);
        let told = zscore.other_than(auto).unwrap();
        assert!(told.contains("by range, and this run scales them by zscore"));
    }

    #[test]
    fn lists_call_ct_by_many_names() {
        for name in [
            "CT",
            "ct",
            "CTA",
            "CT angiography",
            "CBCT",
            "Computed Tomography",
            "cone-beam CT",
        ] {
            assert_eq!(
                IntensityMode::Auto.settled(Some(name)),
                IntensityMode::Range,
                "{name}"
            );
        }
        for name in [
            "MRI",
            "T1",
            "PET/CT",
            "positron emission tomography",
            "US",
            "sector scan",
        ] {
            assert_eq!(
                IntensityMode::Auto.settled(Some(name)),
                IntensityMode::Percentile,
                "{name}"
            );
        }
        assert_eq!(IntensityMode::Auto.settled(None), IntensityMode::Range);
        assert_eq!(
            IntensityMode::Zscore.settled(Some("CT")),
            IntensityMode::Zscore
        );
    }
}
