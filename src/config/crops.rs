//! What the crops of both stages have in common.

use crate::config::{CropConfig, SamplingConfig};

/// Crops that pass the network at once, of a step that is taken in `accumulation` parts: one at least.
pub(crate) fn crops_of_part(crops: usize, accumulation: usize) -> usize {
    crops.div_ceil(accumulation.max(1)).max(1)
}

impl CropConfig {
    /// With the voxel sizes (mm), the scaling of intensities and the crop sizes (voxels) of a pre-training, so that the
    /// network sees what it learned from; how many volumes and crops make a step stays.
    pub fn with_input_of(self, sampling: &SamplingConfig) -> Self {
        CropConfig {
            spacing: sampling.spacing,
            intensity: sampling.intensity,
            intensity_min: sampling.intensity_min,
            intensity_max: sampling.intensity_max,
            roi_size: sampling.roi_size,
            ..self
        }
    }
}

impl SamplingConfig {
    /// With the voxels, intensities and crops of a fine-tuning, as [`CropConfig::with_input_of`].
    pub fn with_input_of(self, crops: &CropConfig) -> Self {
        SamplingConfig {
            spacing: crops.spacing,
            intensity: crops.intensity,
            intensity_min: crops.intensity_min,
            intensity_max: crops.intensity_max,
            roi_size: crops.roi_size,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::IntensityMode;

    #[test]
    fn a_part_holds_its_share_of_the_crops_and_one_at_least() {
        for (crops, accumulation, expected) in [
            (8, 1, 8),
            (8, 3, 3),
            (8, 8, 1),
            (2, 5, 1),
            (4, 0, 4),
            (0, 2, 1),
        ] {
            assert_eq!(crops_of_part(crops, accumulation), expected);
        }
    }

    #[test]
    fn what_a_network_sees_goes_from_one_stage_to_the_other_and_back() {
        let sampling = SamplingConfig {
            spacing: [1.0, 2.0, 3.0],
            intensity: IntensityMode::Zscore,
            intensity_min: -1.0,
            intensity_max: 1.0,
            roi_size: [16, 32, 48],
            ..SamplingConfig::default()
        };
        let crops = CropConfig::default().with_input_of(&sampling);
        assert_eq!(
            crops.crops_per_step(),
            CropConfig::default().crops_per_step()
        );
        assert_eq!(SamplingConfig::default().with_input_of(&crops), sampling);
    }
}
