//! Sums for Dice and cross-entropy, and their gradient, straight from logits, whatever the number of classes.

use crate::kernels::gpu::launch::{count, empty_f32, empty_like};
use crate::kernels::gpu::sum::add_runs;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

/// Threads of a workgroup.
const UNITS: u32 = 64;
/// Voxels one thread adds up.
const RUN: usize = 64;
/// Sums of a class: its probability where it is the label, its probability, its voxels, its share of the entropy.
const SUMS: usize = 4;

/// Logarithm of the sum of the powers of a voxel's logits.
#[cube]
fn log_sum(logits: &[f32], start: usize, classes: usize) -> f32 {
    let mut largest = logits[start];
    for class in 1..classes {
        largest = max(largest, logits[start + class]);
    }
    let mut sum = 0.0f32;
    for class in 0..classes {
        sum += (logits[start + class] - largest).exp();
    }
    sum.ln() + largest
}

#[cube(launch)]
fn log_sums_kernel(logits: &[f32], log_sums: &mut [f32], classes: usize, voxels: usize) {
    if ABSOLUTE_POS >= voxels {
        terminate!();
    }
    log_sums[ABSOLUTE_POS] = log_sum(logits, ABSOLUTE_POS * classes, classes);
}

/// Sums of a class over some voxels of a sample: `[sample, run, SUMS, class]`. Neighbouring threads read neighbours.
#[cube(launch)]
fn class_sums_kernel(
    logits: &[f32],
    log_sums: &[f32],
    labels: &[f32],
    sums: &mut [f32],
    classes: usize,
    voxels: usize,
    runs: usize,
    threads: usize,
) {
    if ABSOLUTE_POS >= threads {
        terminate!();
    }
    let class = ABSOLUTE_POS % classes;
    let rest = ABSOLUTE_POS / classes;
    let run = rest % runs;
    let sample = rest / runs;
    let wanted = f32::cast_from(class);
    let mut overlap = 0.0f32;
    let mut predicted = 0.0f32;
    let mut labelled = 0.0f32;
    let mut entropy = 0.0f32;
    for i in range_stepped(run, voxels, runs) {
        let voxel = sample * voxels + i;
        let logit = logits[voxel * classes + class];
        let p = (logit - log_sums[voxel]).exp();
        // A label that is no class counts nowhere.
        let hit = labels[voxel] == wanted;
        overlap += select(hit, p, 0.0f32);
        predicted += p;
        labelled += select(hit, 1.0f32, 0.0f32);
        entropy += select(hit, log_sums[voxel] - logit, 0.0f32);
    }
    let at = rest * comptime!(SUMS) * classes + class;
    sums[at] = overlap;
    sums[at + classes] = predicted;
    sums[at + 2 * classes] = labelled;
    sums[at + 3 * classes] = entropy;
}

/// From `[sample, SUMS, class]` to `[sample, 3 * classes + 1]`: the entropy's shares added.
#[cube(launch)]
fn finish_kernel(sums: &[f32], output: &mut [f32], classes: usize, threads: usize) {
    if ABSOLUTE_POS >= threads {
        terminate!();
    }
    let numbers = 3 * classes + 1;
    let start = ABSOLUTE_POS / numbers * comptime!(SUMS) * classes;
    let number = ABSOLUTE_POS % numbers;
    let mut value = sums[start + number];
    if number == 3 * classes {
        for class in 1..classes {
            value += sums[start + number + class];
        }
    }
    output[ABSOLUTE_POS] = value;
}

/// `p_c (s_c - sum_k p_k s_k) + e (p_c - g_c)`, with s the slope of the sums by the probability.
#[cube(launch)]
fn class_sums_backward_kernel(
    logits: &[f32],
    labels: &[f32],
    grad: &[f32],
    input_grad: &mut [f32],
    classes: usize,
    voxels: usize,
    threads: usize,
) {
    if ABSOLUTE_POS >= threads {
        terminate!();
    }
    let of_sample = ABSOLUTE_POS / voxels * (3 * classes + 1);
    let start = ABSOLUTE_POS * classes;
    let log_sum = log_sum(logits, start, classes);
    let label = labels[ABSOLUTE_POS];
    let entropy = grad[of_sample + 3 * classes];
    let mut mean = 0.0f32;
    for class in 0..classes {
        let hit = label == f32::cast_from(class);
        let slope =
            grad[of_sample + classes + class] + select(hit, grad[of_sample + class], 0.0f32);
        mean += (logits[start + class] - log_sum).exp() * slope;
    }
    for class in 0..classes {
        let hit = label == f32::cast_from(class);
        let slope =
            grad[of_sample + classes + class] + select(hit, grad[of_sample + class], 0.0f32);
        let p = (logits[start + class] - log_sum).exp();
        input_grad[start + class] =
            p * (slope - mean) + entropy * (p - select(hit, 1.0f32, 0.0f32));
    }
}

/// The sums `[batch, 1, 1, 1, 3 * classes + 1]`; see [`crate::kernels::ClassSumsBackend::class_sums`]. All f32.
pub(crate) fn class_sums(logits: CubeTensor, labels: CubeTensor) -> CubeTensor {
    let [logits, labels] = [logits, labels].map(into_contiguous);
    let [batch, depth, height, width, classes] = logits.meta.shape().dims();
    let client = logits.client.clone();
    let units = CubeDim::new_1d(UNITS);
    let voxels = depth * height * width;
    let log_sums = empty_f32(&logits, [batch * voxels]);
    log_sums_kernel::launch(
        &client,
        count(batch * voxels, UNITS),
        units,
        logits.clone().into_buffer_arg(),
        log_sums.clone().into_buffer_arg(),
        classes,
        batch * voxels,
    );
    let runs = voxels.div_ceil(RUN);
    let threads = batch * runs * classes;
    let sums = empty_f32(&logits, [batch, runs, SUMS * classes]);
    class_sums_kernel::launch(
        &client,
        count(threads, UNITS),
        units,
        logits.clone().into_buffer_arg(),
        log_sums.into_buffer_arg(),
        labels.into_buffer_arg(),
        sums.clone().into_buffer_arg(),
        classes,
        voxels,
        runs,
        threads,
    );
    let sums = add_runs(sums, batch, runs, SUMS * classes);
    let output = empty_f32(&logits, [batch, 1, 1, 1, 3 * classes + 1]);
    let threads = batch * (3 * classes + 1);
    finish_kernel::launch(
        &client,
        count(threads, UNITS),
        units,
        sums.into_buffer_arg(),
        output.clone().into_buffer_arg(),
        classes,
        threads,
    );
    output
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
        classes,
        voxels,
        threads,
    );
    result
}
