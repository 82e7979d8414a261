//! Two corrupted views of one random patch, in training (pipeline specification, section 3.5).

use super::fill::{inpaint, outpaint, shuffle, value_range};
use super::holes::draw_holes;
use super::patch::{random_crop_region, voxels};
use super::{AugmentError, CorruptionSpec, RandomKey, RandomSource, Transform, copy_patch};
use crate::volume::Volume;

/// One sample of pre-training. Every field has one value per voxel of the patch, in C order.
#[derive(Debug, Clone, PartialEq)]
pub struct Views {
    /// The patch itself.
    pub target: Vec<f32>,
    /// The first corrupted view.
    pub view1: Vec<f32>,
    /// The second corrupted view, independent of the first.
    pub view2: Vec<f32>,
}

/// A random patch of `v` and two views of it: a pure function of the arguments. The transform of
/// `key` is ignored; every transform uses its own.
///
/// # Errors
/// When `v` is smaller than `patch` or `spec` does not fit it.
pub fn views(
    v: &Volume,
    patch: [usize; 3],
    spec: &CorruptionSpec,
    key: RandomKey,
) -> Result<Views, AugmentError> {
    let empty = || -> Result<Vec<f32>, AugmentError> { Ok(vec![0.0; voxels(patch)?]) };
    // Before any memory is taken: a patch that fits a volume fits into memory.
    check(v, patch, spec)?;
    let mut made = Views {
        target: empty()?,
        view1: empty()?,
        view2: empty()?,
    };
    let out = [&mut made.target[..], &mut made.view1, &mut made.view2];
    write_views(v, patch, spec, key, out)?;
    Ok(made)
}

/// As [`views`], into existing buffers `[target, view1, view2]`, for example those of a batch.
///
/// # Errors
/// As [`views`], and [`AugmentError::BufferSize`] when a buffer does not have one value per voxel.
pub fn write_views(
    v: &Volume,
    patch: [usize; 3],
    spec: &CorruptionSpec,
    key: RandomKey,
    out: [&mut [f32]; 3],
) -> Result<(), AugmentError> {
    check(v, patch, spec)?;
    let count = voxels(patch)?;
    let [target, view1, view2] = out;
    for (what, len) in [
        ("the target", target.len()),
        ("the first view", view1.len()),
        ("the second view", view2.len()),
    ] {
        if len != count {
            return Err(AugmentError::BufferSize { what, len, patch });
        }
    }
    let mut random = key.with(Transform::Crop).random();
    copy_patch(
        v,
        random_crop_region(&mut random, v.shape(), patch)?,
        target,
    )?;

    let range = value_range(target);
    let first = [
        Transform::View1Choice,
        Transform::View1Dropout,
        Transform::View1Shuffle,
    ];
    let second = [
        Transform::View2Choice,
        Transform::View2Dropout,
        Transform::View2Shuffle,
    ];
    for (view, transforms) in [(view1, first), (view2, second)] {
        let [mut choice, mut dropout, mut local] = transforms.map(|t| key.with(t).random());
        if choice.uniform() > 0.5 {
            view.copy_from_slice(target);
            let boxes = draw_holes(&mut dropout, patch, &spec.inpaint, spec.ratchet);
            inpaint(&mut dropout, view, patch, &boxes, range);
        } else {
            let boxes = draw_holes(&mut dropout, patch, &spec.outpaint, spec.ratchet);
            outpaint(&mut dropout, target, view, patch, &boxes, range);
        }
        if local.uniform() < spec.shuffle.probability {
            let boxes = draw_holes(&mut local, patch, &spec.shuffle.boxes(), false);
            shuffle(&mut local, view, patch, &boxes);
        }
    }
    Ok(())
}

fn check(v: &Volume, patch: [usize; 3], spec: &CorruptionSpec) -> Result<(), AugmentError> {
    spec.validate(patch)?;
    let shape = v.shape();
    if (0..3).any(|a| patch[a] > shape[a]) {
        return Err(AugmentError::VolumeTooSmall { shape, patch });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::Stage;
    use crate::volume::{Affine, VolumeError};

    const PATCH: [usize; 3] = [16, 20, 24];
    const KEY: RandomKey = RandomKey {
        seed: 7,
        stage: Stage::Pretraining,
        epoch: 0,
        step: 0,
        sample: 0,
        transform: Transform::Init,
    };

    type TestResult = Result<(), Box<dyn std::error::Error>>;

    fn volume() -> Result<Volume, VolumeError> {
        let data = (0..24 * 26 * 28)
            .map(|n| (n * 31 % 1009) as f32 / 1009.0)
            .collect();
        Volume::new([24, 26, 28], data, Affine::identity())
    }

    fn made(key: RandomKey) -> Result<Views, Box<dyn std::error::Error>> {
        Ok(views(
            &volume()?,
            PATCH,
            &CorruptionSpec::scaled_to(PATCH),
            key,
        )?)
    }

    #[test]
    fn views_are_a_function_of_the_key() -> TestResult {
        assert_eq!(made(KEY)?, made(KEY.with(Transform::Flip))?);
        let others = [
            RandomKey { sample: 1, ..KEY },
            RandomKey { step: 1, ..KEY },
            RandomKey { epoch: 1, ..KEY },
            RandomKey {
                stage: Stage::PretrainingValidation,
                ..KEY
            },
        ];
        let first = made(KEY)?;
        assert_ne!(first.view1, first.view2);
        for key in others {
            let other = made(key)?;
            assert_ne!(first.target, other.target);
            assert_ne!(first.view1, other.view1);
            assert_ne!(first.view2, other.view2);
        }
        Ok(())
    }

    #[test]
    fn the_target_is_clean_and_noise_stays_in_its_range() -> TestResult {
        let v = volume()?;
        for sample in 0..20 {
            let made = made(RandomKey { sample, ..KEY })?;
            let mut random = RandomKey { sample, ..KEY }.with(Transform::Crop).random();
            let mut patch = vec![0.0; made.target.len()];
            copy_patch(
                &v,
                random_crop_region(&mut random, v.shape(), PATCH)?,
                &mut patch,
            )?;
            assert_eq!(made.target, patch);
            let (low, high) = value_range(&patch);
            assert!(
                made.view1
                    .iter()
                    .chain(&made.view2)
                    .all(|x| (low..=high).contains(x))
            );
        }
        Ok(())
    }

    /// A patch of one value has no contrast to fill the holes with (quirk 19).
    #[test]
    fn a_uniform_patch_stays_as_it_is() -> TestResult {
        let v = Volume::new([16; 3], vec![0.25; 4096], Affine::identity())?;
        let made = views(&v, [16; 3], &CorruptionSpec::scaled_to([16; 3]), KEY)?;
        assert!(
            [made.target, made.view1, made.view2]
                .concat()
                .iter()
                .all(|&x| x == 0.25)
        );
        Ok(())
    }

    #[test]
    fn shuffling_alone_keeps_the_values_of_a_patch() -> TestResult {
        let mut spec = CorruptionSpec::scaled_to(PATCH);
        spec.inpaint.holes = 0;
        spec.outpaint = crate::augment::DropoutSpec {
            holes: 1,
            min_size: PATCH,
            max_size: PATCH,
        };
        spec.shuffle.probability = 1.0;
        let mut made = views(&volume()?, PATCH, &spec, KEY)?;
        assert_ne!(made.target, made.view1);
        made.target.sort_by(f32::total_cmp);
        made.view1.sort_by(f32::total_cmp);
        assert_eq!(made.target, made.view1);
        Ok(())
    }

    #[test]
    fn unusable_arguments_are_errors() -> TestResult {
        let v = volume()?;
        let spec = CorruptionSpec::scaled_to(PATCH);
        let too_small = views(&v, [25, 20, 24], &spec, KEY);
        assert!(matches!(
            too_small,
            Err(AugmentError::VolumeTooSmall { .. })
        ));
        let bad_spec = views(&v, PATCH, &CorruptionSpec::default(), KEY);
        assert!(matches!(bad_spec, Err(AugmentError::InvalidHoles { .. })));
        let mut buffers = [vec![0.0; 7680], vec![0.0; 7679], vec![0.0; 7680]];
        let [a, b, c] = &mut buffers;
        let short = write_views(&v, PATCH, &spec, KEY, [a, b, c]);
        assert!(matches!(
            short,
            Err(AugmentError::BufferSize {
                what: "the first view",
                ..
            })
        ));
        Ok(())
    }
}
