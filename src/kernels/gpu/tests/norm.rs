//! Instance norm, its activation and its gradients.

use super::{assert_near, device, filled, upload, values};
use crate::kernels::gpu::{
    instance_norm_apply, instance_norm_backward, instance_norm_stats, leaky_relu_backward,
};

/// Batch, depth, height, width, channels: odd and even, and more workgroups than one axis holds.
const SIZES: [[usize; 5]; 7] = [
    [1, 2, 1, 1, 1],
    [3, 5, 6, 7, 3],
    [2, 9, 8, 17, 4],
    [1, 1, 1, 33, 160],
    [2, 12, 12, 12, 128],
    [1, 48, 48, 48, 16],
    [1, 96, 96, 96, 5],
];

/// Slope of the leaky ReLU.
const SLOPE: f32 = 0.01;

/// What the kernels should give, in f64.
struct Exact {
    stats: Vec<f64>,
    y: Vec<f64>,
    dx: Vec<f64>,
}

fn exact(shape: &[usize; 5], x: &[f32], residual: Option<&[f32]>, g: &[f32], slope: f64) -> Exact {
    let (batch, channels) = (shape[0], shape[4]);
    let positions: usize = shape[1..4].iter().product();
    let count = positions as f64;
    let mut all = Exact {
        stats: vec![0.0; batch * 2 * channels],
        y: vec![0.0; x.len()],
        dx: vec![0.0; x.len()],
    };
    for n in 0..batch {
        for c in 0..channels {
            let at = |p: usize| (n * positions + p) * channels + c;
            let value = |p: usize| f64::from(x[at(p)]);
            let mean = (0..positions).map(value).sum::<f64>() / count;
            let squares = (0..positions)
                .map(|p| (value(p) - mean).powi(2))
                .sum::<f64>();
            let scale = (squares / count + 1e-5).sqrt().recip();
            all.stats[n * 2 * channels + c] = mean;
            all.stats[(n * 2 + 1) * channels + c] = scale;
            let normal = |p: usize| (value(p) - mean) * scale;
            let (mut sum, mut product) = (0.0, 0.0);
            let mut before = vec![0.0; positions];
            for (p, before) in before.iter_mut().enumerate() {
                let z = normal(p) + residual.map_or(0.0, |r| f64::from(r[at(p)]));
                let factor = if z > 0.0 { 1.0 } else { slope };
                all.y[at(p)] = z * factor;
                *before = f64::from(g[at(p)]) * factor;
                sum += *before;
                product += *before * normal(p);
            }
            for (p, before) in before.iter().enumerate() {
                let gradient = before - sum / count - normal(p) * product / count;
                all.dx[at(p)] = scale * gradient;
            }
        }
    }
    all
}

/// Numbers of means up to some units and deviations that differ by channel.
fn activations(shape: &[usize; 5]) -> Vec<f32> {
    let channels = shape[4];
    let mut x = values(shape.iter().product(), 0);
    for (i, value) in x.iter_mut().enumerate() {
        let channel = i % channels;
        *value = *value * (1.0 + channel as f32) + (channel % 5) as f32;
    }
    x
}

#[test]
fn norm_and_gradient_are_right_from_one_position_to_96_cubed() {
    let device = device();
    for shape in &SIZES {
        for (with_residual, slope) in [(true, SLOPE), (false, 1.0)] {
            let what = format!("{shape:?}, residual {with_residual}");
            let x = activations(shape);
            let x_tensor = upload(&x, shape, &device);
            let (residual, residual_tensor) = filled(shape, 1, &device);
            let (g, g_tensor) = filled(shape, 2, &device);
            let residual = with_residual.then_some(residual.as_slice());
            let exact = exact(shape, &x, residual, &g, f64::from(slope));
            let stats = instance_norm_stats(x_tensor.clone());
            assert_near(&format!("{what}: stats"), stats.clone(), &exact.stats, 1e-5);
            let residual = with_residual.then_some(residual_tensor);
            let y = instance_norm_apply(x_tensor, stats.clone(), residual.clone(), slope);
            assert_near(&format!("{what}: y"), y.clone(), &exact.y, 1e-5);
            if shape[1..4].iter().product::<usize>() == 2 {
                // Two positions: the exact gradient is nearly zero, rounding is all there is to see.
                continue;
            }
            let dx = instance_norm_backward(y, stats, residual, g_tensor, slope);
            assert_near(&format!("{what}: gradient"), dx, &exact.dx, 1e-5);
        }
    }
}

#[test]
fn statistics_survive_a_mean_far_above_the_deviation() {
    let device = device();
    let shape = [1, 32, 32, 32, 4];
    let x: Vec<f32> = values(shape.iter().product(), 0)
        .iter()
        .map(|v| v + 1000.0)
        .collect();
    let g = vec![0.0; x.len()];
    let exact = exact(&shape, &x, None, &g, 1.0);
    let stats = instance_norm_stats(upload(&x, &shape, &device));
    let host = super::host(stats);
    for (found, exact) in host.iter().zip(&exact.stats) {
        let error = (f64::from(*found) - exact).abs() / exact;
        assert!(error < 1e-5, "{found}, should be {exact}");
    }
}

#[test]
fn the_gradient_of_leaky_relu_follows_the_sign_of_its_result() {
    let device = device();
    let shape = [2, 3, 5, 7, 6];
    let (y, y_tensor) = filled(&shape, 0, &device);
    let (g, g_tensor) = filled(&shape, 1, &device);
    let factor = |y: &f32| if *y > 0.0 { 1.0 } else { f64::from(SLOPE) };
    let exact: Vec<f64> = y
        .iter()
        .zip(&g)
        .map(|(y, g)| f64::from(*g) * factor(y))
        .collect();
    assert_near(
        "gradient",
        leaky_relu_backward(y_tensor, g_tensor, SLOPE),
        &exact,
        1e-6,
    );
}
