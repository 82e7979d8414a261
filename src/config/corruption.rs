//! Holes and shuffles as settings: what is not given follows the crop.

use crate::augment::{CorruptionSpec, DropoutSpec, ShuffleSpec};
use serde::{Deserialize, Serialize};

/// How views are corrupted, as far as it is given.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CorruptionConfig {
    /// Boxes that are filled with noise.
    pub inpaint: DropoutConfig,
    /// Boxes outside which everything is filled with noise.
    pub outpaint: DropoutConfig,
    /// Boxes whose voxels are permuted.
    pub shuffle: ShuffleConfig,
    /// Whether a box is never smaller than the one before it.
    pub ratchet: Option<bool>,
}

/// Boxes of a dropout step, as far as they are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DropoutConfig {
    /// Boxes per patch.
    pub holes: Option<usize>,
    /// Smallest edges of a box in voxels.
    pub min_size: Option<[usize; 3]>,
    /// Largest edges of a box in voxels.
    pub max_size: Option<[usize; 3]>,
}

/// Boxes of the local shuffling step, as far as they are given.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ShuffleConfig {
    /// Probability that a patch is shuffled at all.
    pub probability: Option<f64>,
    /// Boxes per patch.
    pub holes: Option<usize>,
    /// Edges of every box in voxels.
    pub size: Option<[usize; 3]>,
}

impl CorruptionConfig {
    /// The whole corruption; what is not given is that of `rest`.
    #[must_use]
    pub fn over(self, rest: CorruptionSpec) -> CorruptionSpec {
        let boxes = |own: DropoutConfig, rest: DropoutSpec| DropoutSpec {
            holes: own.holes.unwrap_or(rest.holes),
            min_size: own.min_size.unwrap_or(rest.min_size),
            max_size: own.max_size.unwrap_or(rest.max_size),
        };
        let shuffle = ShuffleSpec {
            probability: (self.shuffle.probability).unwrap_or(rest.shuffle.probability),
            holes: self.shuffle.holes.unwrap_or(rest.shuffle.holes),
            size: self.shuffle.size.unwrap_or(rest.shuffle.size),
        };
        CorruptionSpec {
            inpaint: boxes(self.inpaint, rest.inpaint),
            outpaint: boxes(self.outpaint, rest.outpaint),
            shuffle,
            ratchet: self.ratchet.unwrap_or(rest.ratchet),
        }
    }
}

/// All of it is given.
impl From<CorruptionSpec> for CorruptionConfig {
    fn from(spec: CorruptionSpec) -> Self {
        let boxes = |spec: DropoutSpec| DropoutConfig {
            holes: Some(spec.holes),
            min_size: Some(spec.min_size),
            max_size: Some(spec.max_size),
        };
        CorruptionConfig {
            inpaint: boxes(spec.inpaint),
            outpaint: boxes(spec.outpaint),
            shuffle: ShuffleConfig {
                probability: Some(spec.shuffle.probability),
                holes: Some(spec.shuffle.holes),
                size: Some(spec.shuffle.size),
            },
            ratchet: Some(spec.ratchet),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::augment::CorruptionSpec;
    use crate::config::{PretrainConfig, StageConfig};

    #[test]
    fn a_part_of_the_table_is_enough_and_the_rest_follows_the_crop() {
        let made = |text: &str| {
            let mut config = PretrainConfig::from_toml(text, "my.toml").unwrap();
            config.unsettle();
            config.sampling.roi_size = [48; 3];
            config.settle();
            let saved = config.to_toml().unwrap();
            assert_eq!(PretrainConfig::from_toml(&saved, "saved").unwrap(), config);
            config.corruption()
        };
        let mut expected = CorruptionSpec::scaled_to([48; 3]);
        expected.shuffle.probability = 0.5;
        assert_eq!(made("[corruption.shuffle]\nprobability = 0.5\n"), expected);
        let expected = CorruptionSpec {
            ratchet: false,
            ..CorruptionSpec::scaled_to([48; 3])
        };
        assert_eq!(made("[corruption]\nratchet = false\n"), expected);
        let error = PretrainConfig::from_toml("[corruption.shuffle]\nhole = 3\n", "my.toml");
        assert!(error.unwrap_err().to_string().contains("`hole`"));
    }
}
