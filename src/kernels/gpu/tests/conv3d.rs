//! Convolution, data gradient and weight gradient.

use super::{assert_near, device, error, filled, host, upload, values};
use crate::kernels::gpu::conv3d::run;
use crate::kernels::gpu::launch::{Machine, empty_like};
use crate::kernels::gpu::tiling::Tiling;
use crate::kernels::gpu::weight_gradient_kernel::GradientTiling;
use crate::kernels::gpu::weights::{Direction, pack_weights};
use crate::kernels::gpu::{conv3d, conv3d_data_gradient, conv3d_weight_gradient, weight_gradient};
use burn::backend::ops::FloatTensorOps;
use burn::tensor::FloatDType;
use burn_cubecl::CubeBackend;
use cubecl::ir::{ElemType, FloatKind};

/// Batch, depth, height, width, input channels, output channels, edge of the kernel.
type Case = [usize; 7];

/// Odd, even and prime sizes and channels, the network's own at its lower resolutions.
const SMALL: [Case; 9] = [
    [1, 1, 1, 1, 1, 1, 3],
    [1, 2, 1, 3, 4, 4, 3],
    [3, 5, 6, 7, 3, 5, 3],
    [2, 9, 8, 17, 4, 8, 3],
    [1, 7, 13, 11, 17, 18, 3],
    [2, 3, 5, 4, 8, 16, 1],
    [1, 8, 8, 8, 160, 20, 3],
    [1, 12, 12, 12, 128, 128, 3],
    [1, 24, 24, 24, 1, 16, 3],
];

/// The network's shapes at its higher resolutions: burn's own weight gradient fails from 32^3 on.
const LARGE: [Case; 4] = [
    [1, 24, 24, 24, 64, 64, 3],
    [1, 33, 32, 34, 16, 16, 3],
    [1, 48, 48, 48, 32, 32, 3],
    [1, 96, 96, 96, 16, 16, 3],
];

/// Numbers a sampled check looks at.
const SAMPLES: usize = 4096;

/// Position of tap `t` seen from `at`, none outside.
fn neighbour(at: usize, t: usize, kernel: usize, extent: usize) -> Option<usize> {
    (at + t).checked_sub(kernel / 2).filter(|p| *p < extent)
}

/// The offsets in memory of position `at` of `[batch, depth, height, width]` and of its neighbours, by tap.
fn neighbours(case: &Case, at: usize) -> impl Iterator<Item = (usize, usize)> {
    let [_, depth, height, width, _, _, kernel] = *case;
    let (x, y, z) = (at % width, at / width % height, at / width / height % depth);
    let volume = at / width / height / depth;
    (0..kernel.pow(3)).filter_map(move |tap| {
        let x = neighbour(x, tap % kernel, kernel, width)?;
        let y = neighbour(y, tap / kernel % kernel, kernel, height)?;
        let z = neighbour(z, tap / kernel / kernel, kernel, depth)?;
        Some((tap, ((volume * depth + z) * height + y) * width + x))
    })
}

/// One number of the convolution.
fn forward(case: &Case, x: &[f32], w: &[f32], index: usize) -> f64 {
    let [_, _, _, _, inputs, outputs, kernel] = *case;
    let (at, out) = (index / outputs, index % outputs);
    let taps = kernel.pow(3);
    neighbours(case, at)
        .map(|(tap, from)| {
            let products = (0..inputs).map(|c| {
                f64::from(x[from * inputs + c]) * f64::from(w[(out * inputs + c) * taps + tap])
            });
            products.sum::<f64>()
        })
        .sum()
}

/// One number of the data gradient: taps the other way round.
fn backward(case: &Case, g: &[f32], w: &[f32], index: usize) -> f64 {
    let [_, _, _, _, inputs, outputs, kernel] = *case;
    let (at, input) = (index / inputs, index % inputs);
    let taps = kernel.pow(3);
    neighbours(case, at)
        .map(|(tap, from)| {
            let products = (0..outputs).map(|o| {
                let weight = w[(o * inputs + input) * taps + taps - 1 - tap];
                f64::from(g[from * outputs + o]) * f64::from(weight)
            });
            products.sum::<f64>()
        })
        .sum()
}

/// One number of the weight gradient.
fn weight(case: &Case, x: &[f32], g: &[f32], index: usize) -> f64 {
    let [batch, depth, height, width, inputs, outputs, kernel] = *case;
    let taps = kernel.pow(3);
    let (tap, input, out) = (index % taps, index / taps % inputs, index / taps / inputs);
    let mut sum = 0.0;
    for row in 0..batch * depth * height {
        let (y, z, volume) = (row % height, row / height % depth, row / height / depth);
        let Some(y) = neighbour(y, tap / kernel % kernel, kernel, height) else {
            continue;
        };
        let Some(z) = neighbour(z, tap / kernel / kernel, kernel, depth) else {
            continue;
        };
        let from = ((volume * depth + z) * height + y) * width;
        for at in 0..width {
            if let Some(x_at) = neighbour(at, tap % kernel, kernel, width) {
                let value = x[(from + x_at) * inputs + input];
                sum += f64::from(value) * f64::from(g[(row * width + at) * outputs + out]);
            }
        }
    }
    sum
}

/// Compares all of `found`, or numbers spread over it, with the reference.
fn check(what: &str, found: Vec<f32>, samples: usize, exact: impl Fn(usize) -> f64, bound: f64) {
    let count = found.len();
    let samples = samples.min(count);
    let index = |sample: usize| {
        if samples == count {
            sample
        } else {
            sample * (count / samples) + (sample * 7919) % (count / samples)
        }
    };
    let error = error((0..samples).map(index).map(|i| (found[i], exact(i))));
    assert!(error <= bound, "{what}: relative error {error:e}");
}

fn passes_are_right(case: &Case, machine: Machine) {
    let [batch, depth, height, width, inputs, outputs, kernel] = *case;
    let volume = [depth, height, width];
    let what = format!("{case:?}, {machine:?}");
    let device = device();
    let (x, x_tensor) = filled(&[batch, depth, height, width, inputs], 0, &device);
    let (w, w_tensor) = filled(&[outputs, inputs, kernel, kernel, kernel], 1, &device);
    let (g, g_tensor) = filled(&[batch, depth, height, width, outputs], 2, &device);
    let tiling = |outputs| Tiling::of(machine, kernel, volume, outputs);

    let t = tiling(outputs);
    let y = empty_like(&x_tensor, [batch, depth, height, width, outputs]);
    let packed = pack_weights(&w_tensor, 0, inputs, t.channels(), Direction::Forward);
    run(&x_tensor, packed, &y, t);
    let name = format!("{what}, forward");
    check(&name, host(y), SAMPLES, |i| forward(case, &x, &w, i), 1e-5);

    let t = tiling(inputs);
    let dx = empty_like(&x_tensor, [batch, depth, height, width, inputs]);
    let packed = pack_weights(&w_tensor, 0, inputs, t.channels(), Direction::Backward);
    run(&g_tensor, packed, &dx, t);
    let name = format!("{what}, data gradient");
    check(
        &name,
        host(dx),
        SAMPLES,
        |i| backward(case, &g, &w, i),
        1e-5,
    );

    let t = GradientTiling::of(machine, kernel, width, outputs);
    let dw = weight_gradient::run(&x_tensor, &g_tensor, t, machine.is_processor());
    let samples = (1 << 27) / (batch * depth * height * width);
    let name = format!("{what}, weight gradient");
    check(&name, host(dw), samples, |i| weight(case, &x, &g, i), 1e-5);
}

#[test]
fn every_pass_is_right_at_odd_and_small_sizes_with_the_processors_blocks() {
    for case in &SMALL {
        passes_are_right(case, Machine::Processor);
    }
}

#[test]
fn every_pass_is_right_at_odd_and_small_sizes_with_a_gpus_blocks() {
    for case in &SMALL {
        passes_are_right(case, Machine::Gpu);
    }
}

#[test]
fn every_pass_is_right_at_odd_and_small_sizes_with_a_narrow_processors_blocks() {
    for case in &SMALL {
        passes_are_right(case, Machine::NarrowProcessor);
    }
}

#[test]
fn every_pass_is_right_at_real_sizes_with_the_processors_blocks() {
    for case in &LARGE {
        passes_are_right(case, Machine::Processor);
    }
}

#[test]
fn every_pass_is_right_at_real_sizes_with_a_gpus_blocks() {
    for case in &LARGE[..2] {
        passes_are_right(case, Machine::Gpu);
    }
}

#[test]
fn two_inputs_act_as_their_concatenation() {
    let device = device();
    let case: Case = [2, 6, 9, 10, 12, 8, 3];
    let (first, second) = (4, 8);
    let (x, _) = filled(&[2, 6, 9, 10, 12], 0, &device);
    let (w, w_tensor) = filled(&[8, 12, 3, 3, 3], 1, &device);
    let (g, g_tensor) = filled(&[2, 6, 9, 10, 8], 2, &device);
    let part = |from: usize, count: usize| {
        let rows = x.chunks(12).flat_map(|row| &row[from..from + count]);
        upload(
            &rows.copied().collect::<Vec<_>>(),
            &[2, 6, 9, 10, count],
            &device,
        )
    };
    let parts = [part(0, first), part(first, second)];
    let y = host(conv3d(&parts, w_tensor.clone()));
    check(
        "forward",
        y,
        usize::MAX,
        |i| forward(&case, &x, &w, i),
        1e-5,
    );
    for (from, count) in [(0, first), (first, second)] {
        let dx = conv3d_data_gradient(g_tensor.clone(), w_tensor.clone(), from, count);
        let exact = |i: usize| backward(&case, &g, &w, i / count * 12 + from + i % count);
        check("data gradient", host(dx), usize::MAX, exact, 1e-5);
        let dw = conv3d_weight_gradient(parts[from.min(1)].clone(), g_tensor.clone(), 3);
        let exact = |i: usize| {
            let (out, rest) = (i / (count * 27), i % (count * 27));
            weight(&case, &x, &g, (out * 12 + from) * 27 + rest)
        };
        check("weight gradient", host(dw), usize::MAX, exact, 1e-5);
    }
}

#[test]
fn half_precision_is_right() {
    let device = device();
    let half = ElemType::Float(FloatKind::F16);
    assert!(
        device.client().properties().supports_type(half),
        "the software adapter has f16 (Mesa's has)"
    );
    let case: Case = [1, 9, 10, 12, 16, 16, 3];
    // Numbers that f16 holds exactly.
    let exact = |count: usize, seed: usize| -> Vec<f32> {
        values(count, seed)
            .iter()
            .map(|v| (v * 256.0).round() / 256.0)
            .collect()
    };
    let (x, w, g) = (
        exact(9 * 10 * 12 * 16, 0),
        exact(16 * 16 * 27, 1),
        exact(9 * 10 * 12 * 16, 2),
    );
    let shape = [1, 9, 10, 12, 16];
    let [xt, wt, gt] = [(&x, &shape), (&w, &[16, 16, 3, 3, 3]), (&g, &shape)]
        .map(|(v, s)| CubeBackend::float_cast(upload(v, s, &device), FloatDType::F16));
    let y = host(conv3d(std::slice::from_ref(&xt), wt.clone()));
    check(
        "forward",
        y,
        usize::MAX,
        |i| forward(&case, &x, &w, i),
        1e-3,
    );
    let dx = host(conv3d_data_gradient(gt.clone(), wt, 0, 16));
    check(
        "data gradient",
        dx,
        usize::MAX,
        |i| backward(&case, &g, &w, i),
        1e-3,
    );
    let dw = host(conv3d_weight_gradient(xt, gt, 3));
    check(
        "weight gradient",
        dw,
        usize::MAX,
        |i| weight(&case, &x, &g, i),
        1e-3,
    );
}

#[test]
fn results_are_the_same_in_every_run() {
    let device = device();
    let (_, x) = filled(&[1, 20, 20, 20, 16], 0, &device);
    let (_, g) = filled(&[1, 20, 20, 20, 16], 1, &device);
    let first = host(conv3d_weight_gradient(x.clone(), g.clone(), 3));
    let exact: Vec<f64> = first.iter().map(|v| f64::from(*v)).collect();
    for _ in 0..3 {
        let again = conv3d_weight_gradient(x.clone(), g.clone(), 3);
        assert_near("weight gradient again", again, &exact, 0.0);
    }
}
