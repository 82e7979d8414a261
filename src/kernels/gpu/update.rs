//! What an optimiser does with every parameter: the sum of squares of its gradient, and Adam's update in place.

use crate::kernels::gpu::fold::{Fold, fold, shared};
use crate::kernels::gpu::launch::{blocks, count, owned, vector};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

/// Threads of a workgroup.
const UNITS: usize = 256;
/// The most partial sums of one tensor, each of a workgroup.
const PARTS: usize = 128;

/// Partial sums of a tensor of so many numbers: small ones need no more than one workgroup.
pub(crate) fn parts(numbers: usize) -> usize {
    (numbers / vector(numbers)).div_ceil(UNITS).clamp(1, PARTS)
}

#[cube(launch)]
fn square_sum_kernel<N: Size>(
    x: &[Vector<f32, N>],
    sums: &mut [f32],
    vectors: usize,
    first: usize,
    parts: usize,
) {
    let mut numbers = Shared::<[f32]>::new_slice(comptime!(shared(UNITS)));
    let unit = UNIT_POS as usize;
    let mut sum = Vector::<f32, N>::new(0.0);
    for i in range_stepped(CUBE_POS * UNITS + unit, vectors, parts * UNITS) {
        let value = x[i];
        sum += value * value;
    }
    let mut total = 0.0f32;
    #[unroll]
    for lane in 0..N::value().comptime() {
        total += sum.extract(lane);
    }
    let total = fold(&mut numbers, total, UNITS, Fold::Sum);
    if unit == 0 {
        sums[first + CUBE_POS] = total;
    }
}

/// Fills `sums[first..][..parts]` with the [`parts`] partial sums of the squares of `x`, f32. The rest of `sums` stays,
/// and so does its memory where nothing else holds it.
pub(crate) fn square_sum(sums: CubeTensor, x: CubeTensor, first: usize) -> CubeTensor {
    let x = into_contiguous(x);
    let sums = owned(sums);
    let numbers = x.meta.shape().num_elements();
    let (lanes, parts) = (vector(numbers), parts(numbers));
    square_sum_kernel::launch(
        &x.client.clone(),
        blocks(parts),
        CubeDim::new_1d(UNITS as u32),
        lanes,
        x.into_buffer_arg(),
        sums.clone().into_buffer_arg(),
        numbers / lanes,
        first,
        parts,
    );
    sums
}

/// The numbers of one update of Adam; bias corrections are folded in.
#[derive(CubeLaunch, CubeType, Debug, Clone, Copy)]
pub struct AdamStep {
    /// Share of the new gradient in the first moment, `1 - beta1`: formed in f64, for in f32 it is off by 1e-5.
    pub newer1: f32,
    /// Share of its square in the second moment, `1 - beta2`.
    pub newer2: f32,
    /// Added to the root of the second moment.
    pub epsilon: f32,
    /// `lr / (1 - beta1^t)`.
    pub step_size: f32,
    /// `1 / sqrt(1 - beta2^t)`.
    pub root_scale: f32,
    /// `lr * weight_decay`, for AdamW.
    pub shrink: f32,
    /// Weight decay, for Adam.
    pub l2: f32,
}

#[cube(launch)]
fn adam_kernel<N: Size>(
    weight: &mut [Vector<f32, N>],
    first: &mut [Vector<f32, N>],
    second: &mut [Vector<f32, N>],
    gradient: &[Vector<f32, N>],
    factor: &[f32],
    step: AdamStep,
    vectors: usize,
) {
    if ABSOLUTE_POS >= vectors {
        terminate!();
    }
    let factor = factor[0];
    if factor > 0.0 {
        let w = weight[ABSOLUTE_POS];
        let g = gradient[ABSOLUTE_POS] * Vector::new(factor) + w * Vector::new(step.l2);
        let m = first[ABSOLUTE_POS];
        let m = m + (g - m) * Vector::new(step.newer1);
        let v = second[ABSOLUTE_POS];
        let v = v + (g * g - v) * Vector::new(step.newer2);
        let root = v.sqrt() * Vector::new(step.root_scale) + Vector::new(step.epsilon);
        let change = m / root * Vector::new(step.step_size) + w * Vector::new(step.shrink);
        weight[ABSOLUTE_POS] = w - change;
        first[ABSOLUTE_POS] = m;
        second[ABSOLUTE_POS] = v;
    }
}

/// One update of a parameter and its moments, all f32 and of one length, in place where nothing else holds them. A
/// `factor` `[1]` of 0 leaves everything as it is.
pub(crate) fn adam(
    weight: CubeTensor,
    gradient: CubeTensor,
    first: CubeTensor,
    second: CubeTensor,
    factor: CubeTensor,
    step: AdamStep,
) -> (CubeTensor, CubeTensor, CubeTensor) {
    let [weight, first, second] = [weight, first, second].map(owned);
    let [gradient, factor] = [gradient, factor].map(into_contiguous);
    let numbers = weight.meta.shape().num_elements();
    let lanes = vector(numbers);
    adam_kernel::launch(
        &weight.client,
        count(numbers / lanes, UNITS as u32),
        CubeDim::new_1d(UNITS as u32),
        lanes,
        weight.clone().into_buffer_arg(),
        first.clone().into_buffer_arg(),
        second.clone().into_buffer_arg(),
        gradient.into_buffer_arg(),
        factor.into_buffer_arg(),
        AdamStepLaunch::new(
            step.newer1,
            step.newer2,
            step.epsilon,
            step.step_size,
            step.root_scale,
            step.shrink,
            step.l2,
        ),
        numbers / lanes,
    );
    (weight, first, second)
}
