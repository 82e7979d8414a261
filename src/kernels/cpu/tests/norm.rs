//! Instance norm and its gradient.

use super::super::*;
use super::random;

/// Mean and reciprocal deviation of each sample and channel.
fn stats_exactly(x: &[f32], shape: NormShape) -> Vec<[f64; 2]> {
    let NormShape {
        batch,
        positions,
        channels,
    } = shape;
    let mut stats = Vec::new();
    for sample in 0..batch {
        for channel in 0..channels {
            let at = |p| f64::from(x[(sample * positions + p) * channels + channel]);
            let mean = (0..positions).map(at).sum::<f64>() / positions as f64;
            let squares: f64 = (0..positions).map(|p| (at(p) - mean).powi(2)).sum();
            stats.push([mean, (squares / positions as f64 + 1e-5).sqrt().recip()]);
        }
    }
    stats
}

#[test]
fn statistics_are_exact_even_where_the_mean_dwarfs_the_deviation() {
    for (batch, positions, channels) in [
        (1, 1, 3),
        (2, 35, 16),
        (3, 5000, 21),
        (1, 40_000, 16),
        (1, 3000, 1),
    ] {
        let shape = NormShape {
            batch,
            positions,
            channels,
        };
        for mean in [0.0, 3000.0] {
            let x: Vec<f32> = random(batch * positions * channels, 3)
                .iter()
                .map(|x| x + mean)
                .collect();
            let found = stats(&x, shape);
            for (index, [mean, scale]) in stats_exactly(&x, shape).into_iter().enumerate() {
                let at = index / channels * 2 * channels + index % channels;
                let (found_mean, found_scale) =
                    (f64::from(found[at]), f64::from(found[at + channels]));
                assert!(
                    (found_mean - mean).abs() <= 1e-7 * mean.abs() + 1e-6,
                    "{shape:?}"
                );
                assert!(
                    (found_scale - scale).abs() <= 2e-6 * scale,
                    "{shape:?}: {found_scale} for {scale}"
                );
            }
        }
    }
}

#[test]
fn the_norm_adds_the_residual_before_the_activation() {
    let shape = NormShape {
        batch: 2,
        positions: 700,
        channels: 19,
    };
    let count = 2 * 700 * 19;
    let (x, residual) = (random(count, 5), random(count, 6));
    let found = stats(&x, shape);
    let exact = stats_exactly(&x, shape);
    for slope in [0.01, 1.0] {
        for residual in [None, Some(&residual[..])] {
            let y = apply(&x, &found, residual, slope, shape);
            for (index, y) in y.iter().enumerate() {
                let [mean, scale] = exact[index / (700 * 19) * 19 + index % 19];
                let z = (f64::from(x[index]) - mean) * scale
                    + residual.map_or(0.0, |residual| f64::from(residual[index]));
                let z = if z > 0.0 { z } else { z * f64::from(slope) };
                assert!((f64::from(*y) - z).abs() < 1e-5, "{index}: {y} for {z}");
            }
        }
    }
}

#[test]
fn the_gradient_of_the_norm_is_that_of_finite_differences() {
    let shape = NormShape {
        batch: 2,
        positions: 30,
        channels: 5,
    };
    let count = 2 * 30 * 5;
    let (x, grad) = (random(count, 7), random(count, 8));
    let loss = |x: &[f64], slope: f64| {
        let mut loss = 0.0;
        for sample in 0..2 {
            for channel in 0..5 {
                let at = |p: usize| (sample * 30 + p) * 5 + channel;
                let mean = (0..30).map(|p| x[at(p)]).sum::<f64>() / 30.0;
                let variance = (0..30).map(|p| (x[at(p)] - mean).powi(2)).sum::<f64>() / 30.0;
                for p in 0..30 {
                    let z = (x[at(p)] - mean) / (variance + 1e-5).sqrt();
                    loss += f64::from(grad[at(p)]) * if z > 0.0 { z } else { slope * z };
                }
            }
        }
        loss
    };
    for slope in [0.01f32, 1.0] {
        let stats = stats(&x, shape);
        let y = apply(&x, &stats, None, slope, shape);
        let dx = backward(&y, &stats, None, &grad, slope, shape);
        let exact: Vec<f64> = x.iter().map(|x| f64::from(*x)).collect();
        for index in 0..count {
            let moved = |by: f64| {
                let mut x = exact.clone();
                x[index] += by;
                loss(&x, slope.into())
            };
            let difference = (moved(1e-6) - moved(-1e-6)) / 2e-6;
            assert!(
                (f64::from(dx[index]) - difference).abs() < 2e-5,
                "{index}: {} for {difference}",
                dx[index]
            );
        }
    }
}

#[test]
fn the_leaky_gradient_follows_the_sign_of_the_output() {
    let grad = leaky_backward(&[2.0, -0.5, 0.0], &[3.0, 4.0, 5.0], 0.5);
    assert_eq!(grad, [3.0, 2.0, 2.5]);
}
