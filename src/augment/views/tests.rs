//! Two views of a patch: what they keep of it, and how they are drawn.

use super::*;
use crate::augment::DropoutSpec;
use crate::augment::fill::value_range;
use crate::random::Stage;
use crate::volume::{Affine, VolumeError};

const PATCH: [usize; 3] = [16, 20, 24];
const KEY: SampleKey = SampleKey {
    seed: 7,
    stage: Stage::Pretraining,
    epoch: 0,
    step: 0,
    sample: 0,
};

type TestResult = Result<(), Box<dyn std::error::Error>>;

fn volume() -> Result<Volume, VolumeError> {
    let data = (0..24 * 26 * 28)
        .map(|n| (n * 31 % 1009) as f32 / 1009.0)
        .collect();
    Volume::new([24, 26, 28], data, Affine::identity())
}

fn made(key: SampleKey) -> Result<Views, Box<dyn std::error::Error>> {
    Ok(views(
        &volume()?,
        PATCH,
        &CorruptionSpec::scaled_to(PATCH),
        key,
    )?)
}

#[test]
fn views_are_a_function_of_the_key() -> TestResult {
    let first = made(KEY)?;
    assert_eq!(first, made(KEY)?);
    let others = [
        SampleKey { sample: 1, ..KEY },
        SampleKey { step: 1, ..KEY },
        SampleKey { epoch: 1, ..KEY },
        SampleKey {
            stage: Stage::PretrainingValidation,
            ..KEY
        },
    ];
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
        let made = made(SampleKey { sample, ..KEY })?;
        let mut random = SampleKey { sample, ..KEY }.for_purpose(Purpose::Crop);
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
    spec.outpaint = DropoutSpec {
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

/// A stored run must resume with the same views in every later version. Computed apart from this program.
#[test]
fn the_views_of_a_key_never_change() -> TestResult {
    let sum = |values: &[f32]| {
        let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        crc32c::crc32c(&bytes)
    };
    for (sample, sums) in [
        (1, [0xe555_63e5_u32, 0x1630_4c4a, 0xa501_92c0]),
        (2, [0xe3e1_1504, 0x6ff9_b8c0, 0x70ac_683d]),
    ] {
        let made = made(SampleKey { sample, ..KEY })?;
        let found = [&made.target, &made.view1, &made.view2].map(|values| sum(values.as_slice()));
        assert_eq!(found, sums, "sample {sample}");
    }
    Ok(())
}

/// Samples of a volume without two equal voxels.
fn many(spec: &CorruptionSpec) -> Result<Vec<Views>, Box<dyn std::error::Error>> {
    let data = (0..24 * 26 * 28).map(|n| n as f32).collect();
    let volume = Volume::new([24, 26, 28], data, Affine::identity())?;
    let mut samples = Vec::new();
    for sample in 0..400 {
        samples.push(views(&volume, PATCH, spec, SampleKey { sample, ..KEY })?);
    }
    Ok(samples)
}

/// Which voxels of a view are not those of the patch.
fn changed(view: &[f32], target: &[f32]) -> Vec<bool> {
    view.iter().zip(target).map(|(a, b)| a != b).collect()
}

fn count(flags: impl IntoIterator<Item = bool>) -> usize {
    flags.into_iter().filter(|flag| *flag).count()
}

/// In- and out-painting of one box of a single size, without shuffling.
fn one_box(size: [usize; 3]) -> CorruptionSpec {
    let holes = DropoutSpec {
        holes: 1,
        min_size: size,
        max_size: size,
    };
    let mut spec = CorruptionSpec::scaled_to(PATCH);
    (spec.inpaint, spec.outpaint) = (holes, holes);
    spec.shuffle.probability = 0.0;
    spec
}

#[test]
fn half_of_the_views_are_in_painted_and_each_has_boxes_of_its_own() -> TestResult {
    let mut inside = [0usize; 2];
    let (mut agreeing, mut both, mut same) = (0, 0, 0);
    for made in many(&one_box([4; 3]))? {
        let flags = [&made.view1, &made.view2].map(|view| changed(view.as_slice(), &made.target));
        let painted = flags.each_ref().map(|flags| {
            let count = count(flags.iter().copied());
            assert!(count <= 64 || count >= made.target.len() - 64, "{count}");
            count <= 64
        });
        for (inside, painted) in inside.iter_mut().zip(painted) {
            *inside += usize::from(painted);
        }
        agreeing += usize::from(painted[0] == painted[1]);
        if painted == [true; 2] {
            both += 1;
            same += usize::from(flags[0] == flags[1]);
        }
    }
    for count in [inside[0], inside[1], agreeing] {
        assert!((160..=240).contains(&count), "{inside:?}, {agreeing}");
    }
    assert!((60..=140).contains(&both), "{both}");
    assert!(same < 5, "{same} of {both} have the same box in both views");
    Ok(())
}

#[test]
fn views_are_shuffled_as_often_as_asked_each_by_itself() -> TestResult {
    // Nothing is dropped, so that what changes was shuffled.
    let mut spec = one_box(PATCH);
    spec.inpaint.holes = 0;
    spec.shuffle.probability = 0.8;
    let samples = many(&spec)?;
    let first = || samples.iter().map(|made| made.view1 != made.target);
    let second = || samples.iter().map(|made| made.view2 != made.target);
    for count in [count(first()), count(second())] {
        assert!((290..=350).contains(&count), "{count}, not 320");
    }
    // 0.8^2 + 0.2^2 of them.
    let agreeing = count(first().zip(second()).map(|(a, b)| a == b));
    assert!((232..=312).contains(&agreeing), "{agreeing}, not 272");
    Ok(())
}

#[test]
fn boxes_that_do_not_grow_from_one_to_the_next_leave_more_of_the_patch() -> TestResult {
    let painted = |ratchet| -> Result<usize, Box<dyn std::error::Error>> {
        let mut spec = CorruptionSpec::scaled_to(PATCH);
        spec.shuffle.probability = 0.0;
        spec.outpaint = one_box(PATCH).outpaint;
        spec.ratchet = ratchet;
        let counts = many(&spec)?
            .into_iter()
            .map(|made| count(changed(&made.view1, &made.target)));
        Ok(counts.sum())
    };
    let (growing, independent) = (painted(true)?, painted(false)?);
    assert!(
        2 * independent < growing,
        "{growing} voxels with growing boxes, {independent} without"
    );
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
