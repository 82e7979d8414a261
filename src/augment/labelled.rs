//! Augmented patches of an image and its labels, in training (pipeline specification, section 4).

use super::affine::copy_turned;
use super::patch::{copy_region, voxels};
use super::rigid::{flip, rotate90, shift_intensity};
use super::{
    AugmentError, AugmentSettings, Candidates, CropSettings, RandomKey, RandomSource, Transform,
    patch_around,
};

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
    if let Some(matrix) = augment.draw_affine(&mut random, volume.spacing()) {
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
            affine_probability: 1.0,
            affine_angle: 15.0,
            affine_scale: 0.2,
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
    fn weights_that_are_no_shares_are_refused() {
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
