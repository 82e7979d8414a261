//! Turned and scaled patches.

use super::*;
use crate::augment::rotate90;
use crate::random::{Purpose, SampleKey, Stage};
use crate::volume::Affine;

type TestResult = Result<(), Box<dyn std::error::Error>>;

const SHAPE: [usize; 3] = [17, 17, 13];
const REGION: Region = Region {
    start: [3, 2, 1],
    size: [11, 11, 9],
};

fn random() -> impl RandomSource {
    let key = SampleKey {
        seed: 3,
        stage: Stage::Finetuning,
        epoch: 0,
        step: 0,
        sample: 0,
    };
    key.for_purpose(Purpose::Affine)
}

fn turned(volume: &Volume, labels: &[u8], matrix: &Matrix3<f64>) -> (Vec<f32>, Vec<u8>) {
    let (mut image, mut label) = (vec![0.0; REGION.voxels()], vec![0; REGION.voxels()]);
    copy_turned(volume, labels, REGION, matrix, &mut image, &mut label);
    (image, label)
}

/// A ball of `radius` mm about the middle of the region, in a volume with voxels of `spacing` mm.
fn ball(radius: f64, spacing: [f64; 3]) -> Result<(Volume, Vec<u8>), crate::volume::VolumeError> {
    let count = SHAPE.iter().product::<usize>();
    let labels: Vec<u8> = (0..count)
        .map(|n| {
            let place = [
                n / (SHAPE[1] * SHAPE[2]),
                n / SHAPE[2] % SHAPE[1],
                n % SHAPE[2],
            ];
            let square = |a: usize| {
                let middle = REGION.start[a] as f64 + (REGION.size[a] as f64 - 1.0) / 2.0;
                ((place[a] as f64 - middle) * spacing[a]).powi(2)
            };
            u8::from((0..3).map(square).sum::<f64>() <= radius * radius)
        })
        .collect();
    let image = labels.iter().map(|&l| f32::from(l)).collect();
    let [a, b, c] = spacing;
    let affine = Affine::new_nonuniform_scaling(&Vector3::new(a, b, c));
    Ok((Volume::new(SHAPE, image, affine)?, labels))
}

#[test]
fn no_turn_copies_the_region() -> TestResult {
    let data: Vec<f32> = (0..17 * 17 * 13).map(|n| (n * 31 % 1009) as f32).collect();
    let labels: Vec<u8> = (0..17 * 17 * 13u32).map(|n| (n * 7 % 251) as u8).collect();
    let volume = Volume::new(SHAPE, data, Affine::identity())?;
    let (image, label) = turned(&volume, &labels, &Matrix3::identity());
    let mut expected = (vec![0.0; image.len()], vec![0; label.len()]);
    REGION.copy(volume.data(), SHAPE, &mut expected.0);
    REGION.copy(&labels, SHAPE, &mut expected.1);
    assert_eq!((image, label), expected);
    Ok(())
}

#[test]
fn a_quarter_turn_is_the_exact_one() -> TestResult {
    let labels: Vec<u8> = (0..17 * 17 * 13u32).map(|n| (n * 7 % 251) as u8).collect();
    let image = labels.iter().map(|&l| f32::from(l)).collect();
    let volume = Volume::new(SHAPE, image, Affine::identity())?;
    let mut exact = vec![0; REGION.voxels()];
    REGION.copy(&labels, SHAPE, &mut exact);
    rotate90(&mut exact, REGION.size, 1);
    let quarter = Rotation3::from_euler_angles(0.0, 0.0, -std::f64::consts::FRAC_PI_2);
    let (image, label) = turned(&volume, &labels, quarter.matrix());
    assert_eq!(label, exact);
    for (x, l) in image.iter().zip(&exact) {
        assert!((x - f32::from(*l)).abs() < 1e-3, "{x} for {l}");
    }
    Ok(())
}

/// In voxels of unequal edges too, which a turn by voxels would shear.
#[test]
fn a_ball_stays_a_ball_and_grows_with_the_size() -> TestResult {
    let spacing = [1.0, 1.0, 1.6];
    let (volume, labels) = ball(4.0, spacing)?;
    let turn = AugmentSettings {
        affine_probability: 1.0,
        affine_angle: 60.0,
        affine_scale: 0.0,
        ..AugmentSettings::NONE
    };
    let mut random = random();
    let mut upright = vec![0; REGION.voxels()];
    REGION.copy(&labels, SHAPE, &mut upright);
    let inside = |label: &[u8]| label.iter().filter(|&&l| l == 1).count();
    let same = |label: &[u8]| label.iter().zip(&upright).filter(|(a, b)| a == b).count();
    for _ in 0..20 {
        let matrix = turn.draw_affine(&mut random, spacing).ok_or("not drawn")?;
        let (image, label) = turned(&volume, &labels, &matrix);
        let apart = |(x, l): &(&f32, &u8)| (**x > 0.5) != (**l == 1);
        let apart = image.iter().zip(&label).filter(apart).count();
        assert!(apart * 100 < label.len() * 5, "{apart} voxels apart");
        assert!(same(&label) * 100 > upright.len() * 93, "{}", same(&label));
    }
    let halved = Matrix3::from_diagonal_element(2.0);
    let (_, label) = turned(&volume, &labels, &halved);
    let share = inside(&label) as f64 / inside(&upright) as f64;
    assert!((0.07..0.19).contains(&share), "{share}");
    Ok(())
}

#[test]
fn turns_and_sizes_stay_within_their_bounds_and_reach_them() -> TestResult {
    let settings = AugmentSettings {
        affine_probability: 0.5,
        affine_angle: 10.0,
        affine_scale: 0.25,
        ..AugmentSettings::NONE
    };
    let mut random = random();
    let (mut sizes, mut angles) = (Vec::new(), Vec::new());
    for _ in 0..2000 {
        if let Some(matrix) = settings.draw_affine(&mut random, [2.0; 3]) {
            let size = matrix.determinant().powf(-1.0 / 3.0);
            sizes.push(size);
            angles.push(Rotation3::from_matrix(&(matrix * size)).euler_angles().0);
        }
    }
    assert!((900..1100).contains(&sizes.len()), "{}", sizes.len());
    let range = |values: &[f64]| {
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        (
            low,
            values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        )
    };
    let (small, large) = range(&sizes);
    assert!((0.8 - 1e-9..0.81).contains(&small), "{small}");
    assert!((1.24..1.25 + 1e-9).contains(&large), "{large}");
    let (left, right) = range(&angles);
    let most = 10f64.to_radians();
    assert!((-most - 1e-9..-0.95 * most).contains(&left), "{left}");
    assert!((0.95 * most..most + 1e-9).contains(&right), "{right}");
    Ok(())
}

#[test]
fn beyond_the_volume_its_outermost_voxels_go_on() -> TestResult {
    let data: Vec<f32> = (0..17 * 17 * 13).map(|n| (n / (17 * 13)) as f32).collect();
    let volume = Volume::new(SHAPE, data, Affine::identity())?;
    let shrunk = Matrix3::from_diagonal_element(10.0);
    let (image, label) = turned(&volume, &[1; 17 * 17 * 13], &shrunk);
    assert_eq!((image[0], image[image.len() - 1]), (0.0, 16.0));
    assert!(label.iter().all(|&l| l == 1));
    Ok(())
}
