//! Sums for Dice and cross-entropy, and their gradient, straight from logits.

use crate::kernels::gpu::launch::{count, empty_f32, empty_like};
use crate::kernels::gpu::sum::add_runs;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

/// Threads of a workgroup.
const UNITS: u32 = 64;
/// Voxels one thread adds up.
const RUN: usize = 64;

/// Turns logits of one voxel into probabilities; returns the logarithm of the sum of powers.
#[cube]
fn probabilities(
    logits: &[f32],
    p: &mut Array<f32>,
    voxel: usize,
    #[comptime] classes: usize,
) -> f32 {
    let start = voxel * classes;
    let mut largest = logits[start];
    #[unroll]
    for class in 0..classes {
        p[class] = logits[start + class];
        largest = max(largest, p[class]);
    }
    let mut sum = 0.0f32;
    #[unroll]
    for class in 0..classes {
        p[class] = (p[class] - largest).exp();
        sum += p[class];
    }
    #[unroll]
    for class in 0..classes {
        p[class] /= sum;
    }
    sum.ln() + largest
}

/// Sums over some voxels of a sample: `[batch, thread, numbers]`. The voxels of neighbouring threads are neighbours.
#[cube(launch)]
fn class_sums_kernel(
    logits: &[f32],
    labels: &[f32],
    sums: &mut [f32],
    voxels: usize,
    runs: usize,
    threads: usize,
    #[comptime] classes: usize,
    #[comptime] numbers: usize,
) {
    if ABSOLUTE_POS >= threads {
        terminate!();
    }
    let sample = ABSOLUTE_POS / runs;
    let run = ABSOLUTE_POS % runs;
    let mut p = Array::<f32>::new(classes);
    let mut totals = Array::<f32>::new(comptime!(3 * classes));
    #[unroll]
    for i in 0..comptime!(3 * classes) {
        totals[i] = 0.0f32;
    }
    let mut entropy = 0.0f32;
    for i in range_stepped(run, voxels, runs) {
        let voxel = sample * voxels + i;
        let log_sum = probabilities(logits, &mut p, voxel, classes);
        let label = labels[voxel];
        #[unroll]
        for class in 0..classes {
            // A label that is no class counts nowhere.
            let hit = select(label == comptime!(class as f32), 1.0f32, 0.0f32);
            totals[class] += hit * p[class];
            totals[comptime!(classes + class)] += p[class];
            totals[comptime!(2 * classes + class)] += hit;
            entropy += hit * (log_sum - logits[voxel * classes + class]);
        }
    }
    let at = ABSOLUTE_POS * numbers;
    #[unroll]
    for i in 0..comptime!(3 * classes) {
        sums[at + i] = totals[i];
    }
    sums[at + comptime!(3 * classes)] = entropy;
    #[unroll]
    for i in comptime!(3 * classes + 1)..numbers {
        sums[at + i] = 0.0f32;
    }
}

/// `p_c (s_c - sum_k p_k s_k) + e (p_c - g_c)`, with s the slope of the sums by the probability.
#[cube(launch)]
fn class_sums_backward_kernel(
    logits: &[f32],
    labels: &[f32],
    grad: &[f32],
    input_grad: &mut [f32],
    voxels: usize,
    threads: usize,
    #[comptime] classes: usize,
) {
    if ABSOLUTE_POS >= threads {
        terminate!();
    }
    let of_sample = ABSOLUTE_POS / voxels * comptime!(3 * classes + 1);
    let mut p = Array::<f32>::new(classes);
    probabilities(logits, &mut p, ABSOLUTE_POS, classes);
    let label = labels[ABSOLUTE_POS];
    let entropy = grad[of_sample + comptime!(3 * classes)];
    let mut mean = 0.0f32;
    #[unroll]
    for class in 0..classes {
        let hit = select(label == comptime!(class as f32), 1.0f32, 0.0f32);
        mean += p[class]
            * (grad[of_sample + comptime!(classes + class)] + hit * grad[of_sample + class]);
    }
    #[unroll]
    for class in 0..classes {
        let hit = select(label == comptime!(class as f32), 1.0f32, 0.0f32);
        let slope = grad[of_sample + comptime!(classes + class)] + hit * grad[of_sample + class];
        input_grad[ABSOLUTE_POS * classes + class] =
            p[class] * (slope - mean) + entropy * (p[class] - hit);
    }
}

/// The sums `[batch, 1, 1, 1, 3 * classes + 1]`; see [`crate::kernels::ClassSumsBackend::class_sums`]. All f32.
pub(crate) fn class_sums(logits: CubeTensor, labels: CubeTensor) -> CubeTensor {
    let [logits, labels] = [logits, labels].map(into_contiguous);
    let [batch, depth, height, width, classes] = logits.meta.shape().dims();
    let voxels = depth * height * width;
    let runs = voxels.div_ceil(RUN);
    // A multiple of four is added in vectors.
    let numbers = (3 * classes + 1).next_multiple_of(4);
    let sums = empty_f32(&logits, [batch, runs, numbers]);
    let threads = batch * runs;
    class_sums_kernel::launch(
        &logits.client.clone(),
        count(threads, UNITS),
        CubeDim::new_1d(UNITS),
        logits.into_buffer_arg(),
        labels.into_buffer_arg(),
        sums.clone().into_buffer_arg(),
        voxels,
        runs,
        threads,
        classes,
        numbers,
    );
    let sums = add_runs(sums, batch, runs, numbers);
    let sums = burn_cubecl::ops::reshape(sums, [batch, 1, 1, 1, numbers].into());
    let all = burn::tensor::Slice::full();
    let used = burn::tensor::Slice::from(0..3 * classes + 1);
    <burn_cubecl::CubeBackend as burn::backend::ops::FloatTensorOps<_>>::float_slice(
        sums,
        &[all, all, all, all, used],
    )
}

/// Gradient of the logits from that of the sums.
pub(crate) fn class_sums_backward(
    logits: CubeTensor,
    labels: CubeTensor,
    grad: CubeTensor,
) -> CubeTensor {
    let [logits, labels, grad] = [logits, labels, grad].map(into_contiguous);
    let [batch, depth, height, width, classes] = logits.meta.shape().dims();
    let voxels = depth * height * width;
    let result = empty_like(&logits, logits.meta.shape().clone());
    let threads = batch * voxels;
    class_sums_backward_kernel::launch(
        &logits.client.clone(),
        count(threads, UNITS),
        CubeDim::new_1d(UNITS),
        logits.into_buffer_arg(),
        labels.into_buffer_arg(),
        grad.into_buffer_arg(),
        result.clone().into_buffer_arg(),
        voxels,
        threads,
        classes,
    );
    result
}
