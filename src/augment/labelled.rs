//! Augmented patches of an image and its labels, in training (pipeline specification, section 4).

use serde::{Deserialize, Serialize};

use super::affine::copy_turned;
use super::patch::{copy_region, voxels};
use super::rigid::{flip, rotate90, shift_intensity};
use super::{
    AffineSettings, AugmentError, Candidates, CropSettings, RandomKey, RandomSource, Transform,
    patch_around,
};

/// How the patches of fine-tuning are varied.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AugmentSettings {
    /// Probability that an axis is reversed, for each of the three.
    pub flip_probability: f64,
    /// Probability of a turn by one to three quarters in the plane of the first two axes.
    pub rotate_probability: f64,
    /// The number added to the image lies within plus and minus this.
    pub shift_offset: f64,
    /// Probability that a number is added to the image.
    pub shift_probability: f64,
    /// Turns by any angle and changes of size.
    pub affine: AffineSettings,
}

impl Default for AugmentSettings {
    /// The original recipe.
    fn default() -> Self {
        Self {
            flip_probability: 0.1,
            rotate_probability: 0.1,
            shift_offset: 0.1,
            shift_probability: 0.5,
            affine: AffineSettings::NONE,
        }
    }
}

impl AugmentSettings {
    /// No variation at all.
    pub const NONE: Self = Self {
        flip_probability: 0.0,
        rotate_probability: 0.0,
        shift_offset: 0.0,
        shift_probability: 0.0,
        affine: AffineSettings::NONE,
    };

    /// Checks the settings for patches of `patch` voxels.
    ///
    /// # Errors
    /// [`AugmentError::InvalidProbability`], [`AugmentError::InvalidOffset`], or
    /// [`AugmentError::NotSquare`] where a quarter turn would change the shape of a patch.
    pub fn validate(&self, patch: [usize; 3]) -> Result<(), AugmentError> {
        for (what, probability) in [
            ("flip", self.flip_probability),
            ("rotation", self.rotate_probability),
            ("intensity shift", self.shift_probability),
        ] {
            if !(0.0..=1.0).contains(&probability) {
                return Err(AugmentError::InvalidProbability { what, probability });
            }
        }
        if !(self.shift_offset.is_finite() && self.shift_offset >= 0.0) {
            return Err(AugmentError::InvalidOffset {
                offset: self.shift_offset,
            });
        }
        self.affine.validate()?;
        if self.rotate_probability > 0.0 && patch[0] != patch[1] {
            return Err(AugmentError::NotSquare { patch });
        }
        Ok(())
    }

    /// Draws the quarter turns, 1 to 3, and whether they are carried out, in the original's order.
    pub fn draw_turn(&self, random: &mut impl RandomSource) -> (usize, bool) {
        let quarters = 1 + random.integer(0, 3);
        (quarters, random.uniform() < self.rotate_probability)
    }

    /// Draws the number to add to the image.
    pub fn draw_offset(&self, random: &mut impl RandomSource) -> f64 {
        2.0 * self.shift_offset * random.uniform() - self.shift_offset
    }
}

/// Cuts one patch of the case that `candidates` are of and varies it, into existing buffers of one
/// value a voxel: a pure function of the other arguments. The transform of `key` is ignored; every
/// transform uses its own.
///
/// # Errors
/// When the case is smaller than the patch, a setting is out of range, or a buffer has another
/// length.
pub fn write_labelled(
    candidates: &Candidates<'_>,
    crop: &CropSettings,
    augment: &AugmentSettings,
    key: RandomKey,
    image: &mut [f32],
    label: &mut [u8],
) -> Result<(), AugmentError> {
    let patch = crop.patch;
    crop.validate()?;
    augment.validate(patch)?;
    let count = voxels(patch)?;
    for (what, len) in [("the image", image.len()), ("the labels", label.len())] {
        if len != count {
            return Err(AugmentError::BufferSize { what, len, patch });
        }
    }
    let (volume, labels) = candidates.case();
    let shape = volume.shape();
    let centre = candidates.draw(
        &mut key.with(Transform::PositiveNegativeCrop).random(),
        crop,
    );
    let region = patch_around(centre, shape, patch)?;
    let mut random = key.with(Transform::Affine).random();
    if let Some(matrix) = augment.affine.draw(&mut random, volume.spacing()) {
        copy_turned(volume, labels, region, &matrix, image, label);
    } else {
        copy_region(volume.data(), shape, region, image)?;
        copy_region(labels, shape, region, label)?;
    }

    let mut random = key.with(Transform::Flip).random();
    let flips = [(); 3].map(|()| random.uniform() < augment.flip_probability);
    flip(image, patch, flips);
    flip(label, patch, flips);
    let mut random = key.with(Transform::Rotate).random();
    if let (quarters, true) = augment.draw_turn(&mut random) {
        rotate90(image, patch, quarters);
        rotate90(label, patch, quarters);
    }
    let mut random = key.with(Transform::Shift).random();
    if random.uniform() < augment.shift_probability {
        shift_intensity(image, augment.draw_offset(&mut random));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::Stage;
    use crate::volume::{Affine, Volume};

    type TestResult = Result<(), Box<dyn std::error::Error>>;

    const CROP: CropSettings = CropSettings {
        patch: [8, 8, 6],
        positive: 1.0,
        negative: 1.0,
        image_threshold: 0.0,
    };

    fn key(sample: u64) -> RandomKey {
        RandomKey {
            seed: 5,
            stage: Stage::Finetuning,
            epoch: 1,
            step: 2,
            sample,
            transform: Transform::Init,
        }
    }

    /// An image whose values say which label each voxel has.
    fn case() -> Result<(Volume, Vec<u8>), Box<dyn std::error::Error>> {
        let label: Vec<u8> = (0u32..11 * 12 * 13)
            .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8 % 5)
            .collect();
        let image = label.iter().map(|&l| 1.0 + f32::from(l)).collect();
        Ok((Volume::new([11, 12, 13], image, Affine::identity())?, label))
    }

    fn made(
        augment: &AugmentSettings,
        key: RandomKey,
    ) -> Result<(Vec<f32>, Vec<u8>), Box<dyn std::error::Error>> {
        let (volume, labels) = case()?;
        let candidates = Candidates::new(&volume, &labels, 0.0)?;
        let (mut image, mut label) = (vec![0.0; 384], vec![9; 384]);
        write_labelled(&candidates, &CROP, augment, key, &mut image, &mut label)?;
        Ok((image, label))
    }

    #[test]
    fn image_and_labels_stay_together() -> TestResult {
        let often = AugmentSettings {
            flip_probability: 0.5,
            rotate_probability: 0.5,
            ..AugmentSettings::default()
        };
        let mut shifted = 0;
        for sample in 0..40 {
            let (image, label) = made(&often, key(sample))?;
            let offset = image[0] - f32::from(label[0]) - 1.0;
            assert!(offset.abs() <= 0.1);
            shifted += usize::from(offset.abs() > 1e-6);
            for (x, l) in image.iter().zip(&label) {
                assert!((x - f32::from(*l) - 1.0 - offset).abs() < 1e-5);
            }
        }
        assert!((10..30).contains(&shifted), "{shifted} of 40 are shifted");
        Ok(())
    }

    #[test]
    fn a_patch_is_a_function_of_its_key() -> TestResult {
        let settings = AugmentSettings::default();
        let first = made(&settings, key(0))?;
        assert_eq!(first, made(&settings, key(0).with(Transform::Crop))?);
        for other in [
            key(1),
            RandomKey { epoch: 0, ..key(0) },
            RandomKey { step: 3, ..key(0) },
        ] {
            assert_ne!(first, made(&settings, other)?);
        }
        Ok(())
    }

    #[test]
    fn without_variation_the_patch_is_part_of_the_case() -> TestResult {
        let (volume, labels) = case()?;
        let candidates = Candidates::new(&volume, &labels, 0.0)?;
        let mut random = key(3).with(Transform::PositiveNegativeCrop).random();
        let region = patch_around(
            candidates.draw(&mut random, &CROP),
            volume.shape(),
            CROP.patch,
        )?;
        let mut expected = vec![0; 384];
        copy_region(&labels, volume.shape(), region, &mut expected)?;
        assert_eq!(made(&AugmentSettings::NONE, key(3))?.1, expected);
        Ok(())
    }

    #[test]
    fn turned_patches_are_a_function_of_their_key_too() -> TestResult {
        let turning = AugmentSettings {
            affine: AffineSettings {
                probability: 1.0,
                angle: 15.0,
                scale: 0.2,
            },
            ..AugmentSettings::NONE
        };
        let first = made(&turning, key(0))?;
        assert_eq!(first, made(&turning, key(0))?);
        assert_ne!(first, made(&AugmentSettings::NONE, key(0))?);
        assert_ne!(first, made(&turning, key(1))?);
        assert!(first.1.iter().all(|&label| label < 5));
        Ok(())
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        let good = AugmentSettings::default();
        assert_eq!(good.validate([8, 8, 4]), Ok(()));
        let turned = good.validate([8, 4, 8]);
        assert_eq!(turned, Err(AugmentError::NotSquare { patch: [8, 4, 8] }));
        assert_eq!(AugmentSettings::NONE.validate([8, 4, 8]), Ok(()));
        let bad = [
            AugmentSettings {
                flip_probability: 1.1,
                ..good
            },
            AugmentSettings {
                rotate_probability: f64::NAN,
                ..good
            },
            AugmentSettings {
                shift_probability: -0.1,
                ..good
            },
            AugmentSettings {
                shift_offset: -1.0,
                ..good
            },
        ];
        for settings in bad {
            assert!(settings.validate([8; 3]).is_err(), "{settings:?}");
        }
        for (positive, negative) in [(0.0, 0.0), (-1.0, 2.0), (1.0, f64::INFINITY)] {
            let crop = CropSettings {
                positive,
                negative,
                ..CROP
            };
            assert!(matches!(
                crop.validate(),
                Err(AugmentError::InvalidWeights { .. })
            ));
        }
    }
}
