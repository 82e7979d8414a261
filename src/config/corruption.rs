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

impl CorruptionConfig {
    /// What is given and is not that of `rest` anyway; none where that is nothing.
    #[must_use]
    pub fn beyond(self, rest: CorruptionSpec) -> Option<Self> {
        fn other<T: PartialEq>(own: Option<T>, rest: T) -> Option<T> {
            own.filter(|own| *own != rest)
        }
        let boxes = |own: DropoutConfig, rest: DropoutSpec| DropoutConfig {
            holes: other(own.holes, rest.holes),
            min_size: other(own.min_size, rest.min_size),
            max_size: other(own.max_size, rest.max_size),
        };
        let own = CorruptionConfig {
            inpaint: boxes(self.inpaint, rest.inpaint),
            outpaint: boxes(self.outpaint, rest.outpaint),
            shuffle: ShuffleConfig {
                probability: other(self.shuffle.probability, rest.shuffle.probability),
                holes: other(self.shuffle.holes, rest.shuffle.holes),
                size: other(self.shuffle.size, rest.shuffle.size),
            },
            ratchet: other(self.ratchet, rest.ratchet),
        };
        (own != CorruptionConfig::default()).then_some(own)
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

    #[test]
    fn one_chosen_value_does_not_keep_the_derived_ones_of_another_crop() {
        let text = "[sampling]\nroi_size = [64, 64, 64]\n[corruption.shuffle]\nprobability = 0.5\n";
        let mut config = PretrainConfig::from_toml(text, "my.toml").unwrap();
        config.settle();
        let saved = config.to_toml().unwrap();
        let mut again = PretrainConfig::from_toml(&saved, "saved").unwrap();
        again.unsettle();
        again.sampling.roi_size = [96; 3];
        again.settle();
        let mut expected = CorruptionSpec::scaled_to([96; 3]);
        expected.shuffle.probability = 0.5;
        assert_eq!(again.corruption(), expected);
    }

    #[test]
    fn the_ratchet_can_be_set_again_wherever_it_was_set_before() {
        for text in [
            "[corruption]\nratchet = false\n",
            "[sampling]\nratchet = false\n",
        ] {
            let mut config = PretrainConfig::from_toml(text, "my.toml").unwrap();
            assert!(!config.corruption().ratchet);
            config.unsettle();
            assert!(!config.corruption().ratchet);
            config.settle();
            assert!(!config.corruption().ratchet);
            // As a flag does, or an edit of what was saved.
            for saved in [false, true] {
                let mut config = config.clone();
                if saved {
                    config.unsettle();
                }
                config.sampling.ratchet = true;
                config.settle();
                assert!(config.corruption().ratchet, "{text}");
            }
        }
    }
}
