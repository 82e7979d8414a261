//! Augmented patches of an image and its labels, in training (specification 4).

use super::affine::copy_turned;
use super::patch::{copy_region, voxels};
use super::rigid::{flip, rotate90, shift_intensity};
use super::{AugmentError, AugmentSettings, Candidates, CropSettings, patch_around};
use crate::random::{Purpose, RandomSource, SampleKey};

/// Cuts one patch of the case that `candidates` are of and varies it, into existing buffers of one
/// value a voxel: a pure function of the other arguments.
///
/// # Errors
/// When the case is smaller than the patch, a setting is out of range, or a buffer has another
/// length.
pub fn write_labelled(
    candidates: &Candidates<'_>,
    crop: &CropSettings,
    augment: &AugmentSettings,
    key: SampleKey,
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
    let centre = candidates.draw(&mut key.for_purpose(Purpose::PositiveNegativeCrop), crop);
    let region = patch_around(centre, shape, patch)?;
    let mut random = key.for_purpose(Purpose::Affine);
    if let Some(matrix) = augment.draw_affine(&mut random, volume.spacing()) {
        copy_turned(volume, labels, region, &matrix, image, label);
    } else {
        copy_region(volume.data(), shape, region, image)?;
        copy_region(labels, shape, region, label)?;
    }

    let mut random = key.for_purpose(Purpose::Flip);
    let flips = [(); 3].map(|()| random.uniform() < augment.flip_probability);
    flip(image, patch, flips);
    flip(label, patch, flips);
    let mut random = key.for_purpose(Purpose::Rotate);
    if let (quarters, true) = augment.draw_turn(&mut random) {
        rotate90(image, patch, quarters);
        rotate90(label, patch, quarters);
    }
    let mut random = key.for_purpose(Purpose::Shift);
    if random.uniform() < augment.shift_probability {
        shift_intensity(image, augment.draw_offset(&mut random));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stage;
    use crate::volume::{Affine, Volume};
    use nalgebra::Vector3;

    type TestResult = Result<(), Box<dyn std::error::Error>>;

    const CROP: CropSettings = CropSettings {
        patch: [8, 8, 6],
        positive: 1.0,
        negative: 1.0,
        image_threshold: 0.0,
    };

    fn key(sample: u64) -> SampleKey {
        SampleKey {
            seed: 5,
            stage: Stage::Finetuning,
            epoch: 1,
            step: 2,
            sample,
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

    type Patch = (Vec<f32>, Vec<u8>);
    type Made = Result<Patch, Box<dyn std::error::Error>>;

    fn made(augment: &AugmentSettings, key: SampleKey) -> Made {
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
        assert_eq!(first, made(&settings, key(0))?);
        for other in [
            key(1),
            SampleKey { epoch: 0, ..key(0) },
            SampleKey { step: 3, ..key(0) },
        ] {
            assert_ne!(first, made(&settings, other)?);
        }
        Ok(())
    }

    #[test]
    fn without_variation_the_patch_is_part_of_the_case() -> TestResult {
        let (volume, labels) = case()?;
        let candidates = Candidates::new(&volume, &labels, 0.0)?;
        let mut random = key(3).for_purpose(Purpose::PositiveNegativeCrop);
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

    /// The unvaried patch with each combination of axes reversed.
    fn mirrored((image, label): &Patch) -> impl Iterator<Item = ([bool; 3], Patch)> {
        (0..8).map(move |bits| {
            let flips = [0, 1, 2].map(|axis| bits >> axis & 1 == 1);
            let (mut image, mut label) = (image.clone(), label.clone());
            flip(&mut image, CROP.patch, flips);
            flip(&mut label, CROP.patch, flips);
            (flips, (image, label))
        })
    }

    #[test]
    fn axes_are_reversed_one_by_one_in_image_and_labels() -> TestResult {
        let flipping = |flip_probability| AugmentSettings {
            flip_probability,
            ..AugmentSettings::NONE
        };
        let (mut image, mut label) = made(&AugmentSettings::NONE, key(0))?;
        // All three axes, which is the order of all voxels.
        image.reverse();
        label.reverse();
        assert_eq!(made(&flipping(1.0), key(0))?, (image, label));

        let mut reversed = [0usize; 3];
        let mut combinations = std::collections::BTreeSet::new();
        for sample in 0..80 {
            let plain = made(&AugmentSettings::NONE, key(sample))?;
            let found = made(&flipping(0.5), key(sample))?;
            let (flips, _) = mirrored(&plain)
                .find(|(_, expected)| *expected == found)
                .ok_or("image and labels are not one mirror image")?;
            combinations.insert(flips);
            for (count, flipped) in reversed.iter_mut().zip(flips) {
                *count += usize::from(flipped);
            }
        }
        assert!(
            reversed.iter().all(|count| (25..=55).contains(count)),
            "{reversed:?} of 80"
        );
        assert_eq!(combinations.len(), 8);
        Ok(())
    }

    #[test]
    fn patches_are_turned_by_each_number_of_quarters() -> TestResult {
        let turning = AugmentSettings {
            rotate_probability: 1.0,
            ..AugmentSettings::NONE
        };
        let mut times = [0usize; 3];
        for sample in 0..60 {
            let plain = made(&AugmentSettings::NONE, key(sample))?;
            let found = made(&turning, key(sample))?;
            let turned = |quarters: &usize| {
                let (mut image, mut label) = plain.clone();
                rotate90(&mut image, CROP.patch, *quarters);
                rotate90(&mut label, CROP.patch, *quarters);
                (image, label) == found
            };
            let quarters = (1..=3).find(turned).ok_or("not a quarter turn of both")?;
            times[quarters - 1] += 1;
        }
        assert!(
            times.iter().all(|n| (8..=32).contains(n)),
            "{times:?} of 60"
        );
        Ok(())
    }

    /// A turn in voxels would shear a body whose voxels have unequal edges.
    #[test]
    fn patches_are_turned_in_the_volumes_own_millimetres() -> TestResult {
        let turning = AugmentSettings {
            affine_probability: 1.0,
            affine_angle: 30.0,
            affine_scale: 0.2,
            ..AugmentSettings::NONE
        };
        let (volume, labels) = case()?;
        let spacing = Vector3::new(1.0, 1.5, 3.0);
        let affine = Affine::new_nonuniform_scaling(&spacing);
        let volume = Volume::new(volume.shape(), volume.data().to_vec(), affine)?;
        let candidates = Candidates::new(&volume, &labels, 0.0)?;
        let (mut image, mut label) = (vec![0.0; 384], vec![9; 384]);
        write_labelled(&candidates, &CROP, &turning, key(0), &mut image, &mut label)?;

        let mut random = key(0).for_purpose(Purpose::PositiveNegativeCrop);
        let centre = candidates.draw(&mut random, &CROP);
        let region = patch_around(centre, volume.shape(), CROP.patch)?;
        let turned = |spacing| -> Made {
            let mut random = key(0).for_purpose(Purpose::Affine);
            let matrix = turning.draw_affine(&mut random, spacing);
            let matrix = matrix.ok_or("not drawn")?;
            let (mut image, mut label) = (vec![0.0; 384], vec![9; 384]);
            copy_turned(&volume, &labels, region, &matrix, &mut image, &mut label);
            Ok((image, label))
        };
        let found = (image, label);
        assert_eq!(found, turned([1.0, 1.5, 3.0])?);
        assert_ne!(found, turned([1.0; 3])?);
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
