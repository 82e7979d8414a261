//! What becomes of values.

use super::*;
use crate::volume::Affine;

#[test]
fn values_are_scaled_and_clipped() {
    let mut values = [-1000.0, -57.0, 53.5, 164.0, 3000.0, f32::NAN, f32::INFINITY];
    IntensityWindow {
        min: -57.0,
        max: 164.0,
    }
    .scale(&mut values);
    assert_eq!(values, [0.0, 0.0, 0.5, 1.0, 1.0, 0.0, 1.0]);
}

#[test]
fn an_empty_window_is_an_error() {
    for (min, max) in [
        (1.0, 1.0),
        (2.0, 1.0),
        (f32::NAN, 1.0),
        (f32::MIN, f32::MAX),
    ] {
        assert!(IntensityWindow { min, max }.validate().is_err());
    }
}

fn volume(data: Vec<f32>) -> Result<Volume, TransformError> {
    Ok(Volume::new([data.len(), 1, 1], data, Affine::identity())?)
}

#[test]
fn standard_values_have_mean_0_and_deviation_1_and_leave_air_alone() -> Result<(), TransformError> {
    let mut v = volume(vec![0.0, 2.0, f32::NAN, 4.0, 0.0, 6.0, f32::INFINITY])?;
    let mapping = Intensity::Zscore.mapping(&v)?;
    mapping.scale(v.data_mut());
    let step = 1.5_f32.sqrt();
    for (value, expected) in v.data().iter().zip([0.0, -step, 0.0, 0.0, 0.0, step, 0.0]) {
        assert!((value - expected).abs() < 1e-6, "{value} {expected}");
    }
    Ok(())
}

#[test]
fn percentiles_leave_out_the_tails_and_air() -> Result<(), TransformError> {
    // 1000 values from 1 to 1000 in a scrambled order, and as many zeros.
    let data = (0..2000).map(|n| match n % 2 {
        0 => 0.0,
        _ => (n / 2 * 37 % 1000 + 1) as f32,
    });
    let v = volume(data.collect())?;
    let Mapping::Window(window) = Intensity::Percentile.mapping(&v)? else {
        return Err(TransformError::Blank);
    };
    // numpy.percentile(arange(1, 1001), [0.5, 99.5])
    assert!((window.min - 5.995).abs() < 1e-4, "{window:?}");
    assert!((window.max - 995.005).abs() < 1e-3, "{window:?}");
    Ok(())
}

#[test]
fn volumes_without_contrast_are_errors() -> Result<(), TransformError> {
    for intensity in [Intensity::Zscore, Intensity::Percentile] {
        let blank = intensity.mapping(&volume(vec![0.0, f32::NAN, 0.0])?);
        assert!(matches!(blank, Err(TransformError::Blank)));
        let flat = intensity.mapping(&volume(vec![7.0, 0.0, 7.0])?);
        assert!(matches!(flat, Err(TransformError::Flat { value: 7.0 })));
    }
    Ok(())
}

#[test]
fn a_volume_of_values_too_large_is_not_called_empty() -> Result<(), TransformError> {
    for intensity in [Intensity::Zscore, Intensity::Percentile] {
        for large in [f32::INFINITY, f32::MAX, -1e25] {
            let data = vec![0.0, large, f32::NAN, f32::NEG_INFINITY];
            let found = intensity.mapping(&volume(data)?);
            assert!(matches!(found, Err(TransformError::Infinite { count: 2 })));
        }
    }
    Ok(())
}

/// Alone, beside others like it, and after resampling, which leaves a part of it in neighbours.
#[test]
fn an_absurd_value_sets_no_scale_and_becomes_nothing() -> Result<(), TransformError> {
    let plain: Vec<f32> = (0..2000).map(|n| (n * 37 % 101) as f32).collect();
    for absurd in [3e38, f32::MIN, 1e9] {
        for count in [1, 9] {
            let mut data = plain.clone();
            data[..count].fill(absurd);
            let mut without = plain.clone();
            without[..count].fill(0.0);
            for intensity in [Intensity::Zscore, Intensity::Percentile] {
                let mapping = intensity.mapping(&volume(data.clone())?)?;
                let (mut with, mut expected) = (data.clone(), without.clone());
                mapping.scale(&mut with);
                intensity
                    .mapping(&volume(without.clone())?)?
                    .scale(&mut expected);
                assert_eq!(with[count..], expected[count..], "{absurd} {intensity:?}");
                let mut part = [0.3 * absurd, absurd];
                mapping.scale(&mut part);
                match intensity {
                    Intensity::Zscore => assert_eq!(part, [0.0; 2]),
                    _ => assert_eq!(part, [f32::from(absurd > 0.0); 2]),
                }
            }
        }
    }
    Ok(())
}

#[test]
fn a_filling_at_both_ends_of_f32_leaves_a_scale() -> Result<(), TransformError> {
    let mut data: Vec<f32> = (1..=1000).map(|n| n as f32).collect();
    data.extend([[f32::MIN; 300], [f32::MAX; 300]].concat());
    let v = volume(data)?;
    let Mapping::Window(window) = Intensity::Percentile.mapping(&v)? else {
        return Err(TransformError::Blank);
    };
    assert!(window.min > 5.0 && window.max < 996.0, "{window:?}");
    let Mapping::Standard { mean, .. } = Intensity::Zscore.mapping(&v)? else {
        return Err(TransformError::Blank);
    };
    assert!((mean - 500.5).abs() < 1e-3, "{mean}");
    Ok(())
}
