//! How strongly the views are corrupted (specification 3, transforms 9 to 12).

use super::AugmentError;
use super::error::in_range;

/// Patch edge, in voxels, that the original sizes are for.
const TUTORIAL_PATCH: usize = 96;

/// Boxes of a step; more take memory and time, and leave nothing of a patch.
const MOST_HOLES: usize = 65_536;

/// Boxes of a dropout step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DropoutSpec {
    /// Boxes per patch; they may overlap.
    pub holes: usize,
    /// Smallest edges of a box in voxels.
    pub min_size: [usize; 3],
    /// Largest edges of a box in voxels.
    pub max_size: [usize; 3],
}

impl DropoutSpec {
    /// Checks that every box fits into a patch of `patch` voxels.
    ///
    /// # Errors
    /// [`AugmentError::InvalidHoles`] or [`AugmentError::TooManyHoles`], which name the step `what`.
    pub fn validate(&self, patch: [usize; 3], what: &'static str) -> Result<(), AugmentError> {
        if self.holes > MOST_HOLES {
            return Err(AugmentError::TooManyHoles {
                what,
                holes: self.holes,
                most: MOST_HOLES,
            });
        }
        let (min_size, max_size) = (self.min_size, self.max_size);
        let fits =
            |a: usize| 1 <= min_size[a] && min_size[a] <= max_size[a] && max_size[a] <= patch[a];
        if (0..3).all(fits) {
            Ok(())
        } else {
            Err(AugmentError::InvalidHoles {
                what,
                min_size,
                max_size,
                patch,
            })
        }
    }
}

/// Boxes of the local shuffling step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShuffleSpec {
    /// Probability that a patch is shuffled at all.
    pub probability: f64,
    /// Boxes per patch; they may overlap.
    pub holes: usize,
    /// Edges of every box in voxels.
    pub size: [usize; 3],
}

impl ShuffleSpec {
    /// Checks the probability, and that every box fits into a patch of `patch` voxels.
    ///
    /// # Errors
    /// [`AugmentError::OutOfRange`], [`AugmentError::InvalidHoles`] or [`AugmentError::TooManyHoles`].
    pub fn validate(&self, patch: [usize; 3]) -> Result<(), AugmentError> {
        in_range("shuffle.probability", self.probability, 1.0)?;
        self.boxes().validate(patch, "shuffling")
    }

    /// The boxes as those of a dropout step of one size.
    pub(super) fn boxes(&self) -> DropoutSpec {
        DropoutSpec {
            holes: self.holes,
            min_size: self.size,
            max_size: self.size,
        }
    }
}

/// How one view is made from a patch: in-painting or out-painting, equally likely, then local
/// shuffling.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CorruptionSpec {
    /// Boxes that are filled with noise.
    pub inpaint: DropoutSpec,
    /// Boxes outside which everything is filled with noise.
    pub outpaint: DropoutSpec,
    /// Boxes whose voxels are permuted.
    pub shuffle: ShuffleSpec,
    /// Whether a box is never smaller than the one before it, as in the original task (section
    /// 3.2); otherwise sizes are drawn independently.
    pub ratchet: bool,
}

impl Default for CorruptionSpec {
    /// The original recipe, for patches of 96 x 96 x 96 voxels.
    fn default() -> Self {
        Self {
            inpaint: DropoutSpec {
                holes: 6,
                min_size: [5; 3],
                max_size: [32; 3],
            },
            outpaint: DropoutSpec {
                holes: 6,
                min_size: [20; 3],
                max_size: [64; 3],
            },
            shuffle: ShuffleSpec {
                probability: 0.8,
                holes: 10,
                size: [8; 3],
            },
            ratchet: true,
        }
    }
}

impl CorruptionSpec {
    /// The original recipe with box sizes in proportion to `patch`, rounded to the nearest voxel.
    /// Edges are at least 1, of shuffled boxes at least 2 where the patch has room for it. Exactly
    /// the default for 96 voxels.
    pub fn scaled_to(patch: [usize; 3]) -> Self {
        let scaled = |sizes: [usize; 3], least: usize| -> [usize; 3] {
            std::array::from_fn(|a| {
                let size = sizes[a] as f64 * patch[a] as f64 / TUTORIAL_PATCH as f64;
                (size.round() as usize).max(least).min(patch[a].max(1))
            })
        };
        let dropout = |spec: DropoutSpec| DropoutSpec {
            min_size: scaled(spec.min_size, 1),
            max_size: scaled(spec.max_size, 1),
            ..spec
        };
        let original = Self::default();
        let shuffle = ShuffleSpec {
            size: scaled(original.shuffle.size, 2),
            ..original.shuffle
        };
        Self {
            inpaint: dropout(original.inpaint),
            outpaint: dropout(original.outpaint),
            shuffle,
            ..original
        }
    }

    /// Checks that the corruption can be applied to patches of `patch` voxels.
    ///
    /// # Errors
    /// What is wrong, when a box does not fit, a probability is none, or the patch has no voxels.
    pub fn validate(&self, patch: [usize; 3]) -> Result<(), AugmentError> {
        super::patch::voxels(patch)?;
        self.inpaint.validate(patch, "in-painting")?;
        self.outpaint.validate(patch, "out-painting")?;
        self.shuffle.validate(patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scaling_to_the_original_patch_changes_nothing() {
        assert_eq!(
            CorruptionSpec::scaled_to([96; 3]),
            CorruptionSpec::default()
        );
    }

    #[test]
    fn every_scaled_corruption_fits_its_patch() {
        for patch in [
            [1, 1, 1],
            [2, 3, 5],
            [16, 16, 16],
            [32, 48, 96],
            [7, 128, 200],
        ] {
            assert_eq!(CorruptionSpec::scaled_to(patch).validate(patch), Ok(()));
        }
        let small = CorruptionSpec::scaled_to([48, 16, 8]);
        assert_eq!(small.inpaint.min_size, [3, 1, 1]);
        assert_eq!(small.outpaint.max_size, [32, 11, 5]);
        assert_eq!(small.shuffle.size, [4, 2, 2]);
    }

    #[test]
    fn more_holes_than_memory_holds_are_an_error() {
        let mut spec = CorruptionSpec::default();
        spec.shuffle.holes = usize::MAX;
        let error = spec.validate([96; 3]);
        assert!(matches!(error, Err(AugmentError::TooManyHoles { .. })));
    }

    #[test]
    fn impossible_corruptions_are_errors() {
        let good = CorruptionSpec::default();
        let patch = [96; 3];
        assert_eq!(good.validate(patch), Ok(()));
        let mut bad = [good; 4];
        bad[0].inpaint.max_size[1] = 97;
        bad[1].outpaint.min_size[2] = 65;
        bad[2].shuffle.size[0] = 0;
        bad[3].inpaint.min_size[0] = 0;
        for spec in bad {
            assert!(matches!(
                spec.validate(patch),
                Err(AugmentError::InvalidHoles { .. })
            ));
        }
        for probability in [-0.1, 1.5, f64::NAN] {
            let mut spec = good;
            spec.shuffle.probability = probability;
            let result = spec.validate(patch);
            assert!(matches!(result, Err(AugmentError::OutOfRange { .. })));
        }
        let result = good.validate([96, 0, 96]);
        assert!(matches!(result, Err(AugmentError::InvalidPatch { .. })));
    }
}
