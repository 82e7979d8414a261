//! Two normalised tensors added, then a leaky ReLU: the end of a residual unit whose shortcut has a norm of its own.
//!
//! Results are written over inputs that nobody else holds, for these tensors are the largest of a training step.

use crate::kernels::gpu::launch::{count, empty_f32, owned, storage};
use crate::kernels::gpu::norm::{Sizes, UNITS, run_of};
use crate::kernels::gpu::norm_kernel::{
    Layout, gradient_of_z, normal_of, statistics_index, stretch_of,
};
use crate::kernels::gpu::sum::add_runs;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

/// `x` becomes `leaky_relu(norm(x) + norm(shortcut))`.
#[cube(launch)]
fn add_kernel<F: Float, N: Size>(
    x: &mut [Vector<F, N>],
    statistics: &[Vector<f32, N>],
    shortcut: &[Vector<F, N>],
    shortcut_statistics: &[Vector<f32, N>],
    layout: Layout,
    slope: f32,
    #[define(F)] _dtype: ElemType,
) {
    if ABSOLUTE_POS >= layout.threads {
        terminate!();
    }
    let at = statistics_index(&layout);
    let scale_at = at + layout.channels;
    let own = Vector::<f32, N>::cast_from(x[ABSOLUTE_POS]);
    let other = Vector::<f32, N>::cast_from(shortcut[ABSOLUTE_POS]);
    let own = (own - statistics[at]) * statistics[scale_at];
    let other = (other - shortcut_statistics[at]) * shortcut_statistics[scale_at];
    let z = own + other;
    let above = z.greater_than(&Vector::<f32, N>::new(0.0));
    x[ABSOLUTE_POS] = Vector::cast_from(select_many(above, z, z * Vector::new(slope)));
}

/// Sums over each run of the gradient before the activation and of its products with both normalised tensors: `[batch,
/// run, 3, channels]`.
#[cube(launch)]
fn sums_kernel<F: Float, N: Size>(
    y: &[Vector<F, N>],
    shortcut: &[Vector<F, N>],
    shortcut_statistics: &[Vector<f32, N>],
    grad: &[Vector<F, N>],
    sums: &mut [Vector<f32, N>],
    layout: Layout,
    slope: f32,
    #[define(F)] _dtype: ElemType,
) {
    if ABSOLUTE_POS >= layout.threads {
        terminate!();
    }
    let own = stretch_of(&layout);
    let mean = shortcut_statistics[own.batch * 2 * layout.channels + own.channel];
    let scale = shortcut_statistics[(own.batch * 2 + 1) * layout.channels + own.channel];

    let mut sum = Vector::<f32, N>::new(0.0);
    let mut product = Vector::<f32, N>::new(0.0);
    let mut other_product = Vector::<f32, N>::new(0.0);
    for position in own.first..own.last {
        let at = (own.batch * layout.positions + position) * layout.channels + own.channel;
        let y = Vector::<f32, N>::cast_from(y[at]);
        let grad = gradient_of_z::<N>(y, Vector::<f32, N>::cast_from(grad[at]), slope);
        let other = (Vector::<f32, N>::cast_from(shortcut[at]) - mean) * scale;
        sum += grad;
        product += grad * normal_of::<N>(y, other, slope);
        other_product += grad * other;
    }
    let at = own.number * 3 * layout.channels + own.channel;
    sums[at] = sum;
    sums[at + layout.channels] = product;
    sums[at + 2 * layout.channels] = other_product;
}

/// The gradient of x takes the place of `y`, that of the shortcut its own.
#[cube(launch)]
fn gradients_kernel<F: Float, N: Size>(
    y: &mut [Vector<F, N>],
    statistics: &[Vector<f32, N>],
    shortcut: &mut [Vector<F, N>],
    shortcut_statistics: &[Vector<f32, N>],
    grad: &[Vector<F, N>],
    sums: &[Vector<f32, N>],
    layout: Layout,
    slope: f32,
    #[define(F)] _dtype: ElemType,
) {
    if ABSOLUTE_POS >= layout.threads {
        terminate!();
    }
    let at = statistics_index(&layout);
    let scale_at = at + layout.channels;
    let batch = ABSOLUTE_POS / (layout.positions * layout.channels);
    let sums_at = batch * 3 * layout.channels + ABSOLUTE_POS % layout.channels;
    let count = Vector::<f32, N>::new(f32::cast_from(layout.positions));
    let mean = sums[sums_at] / count;
    let product = sums[sums_at + layout.channels] / count;
    let other_product = sums[sums_at + 2 * layout.channels] / count;

    let other = Vector::<f32, N>::cast_from(shortcut[ABSOLUTE_POS]);
    let other = (other - shortcut_statistics[at]) * shortcut_statistics[scale_at];
    let out = Vector::<f32, N>::cast_from(y[ABSOLUTE_POS]);
    let own = normal_of::<N>(out, other, slope);
    let grad = Vector::<f32, N>::cast_from(grad[ABSOLUTE_POS]);
    let grad = gradient_of_z::<N>(out, grad, slope) - mean;
    y[ABSOLUTE_POS] = Vector::cast_from(statistics[scale_at] * (grad - own * product));
    shortcut[ABSOLUTE_POS] =
        Vector::cast_from(shortcut_statistics[scale_at] * (grad - other * other_product));
}

/// `leaky_relu(norm(x) + norm(shortcut))`; the statistics are those of x, then of the shortcut.
pub(crate) fn add_norms(
    [x, shortcut]: [CubeTensor; 2],
    stats: [CubeTensor; 2],
    slope: f32,
) -> CubeTensor {
    let (x, shortcut) = (owned(x), into_contiguous(shortcut));
    let [stats, shortcut_stats] = stats.map(into_contiguous);
    let sizes = Sizes::of(&x);
    add_kernel::launch(
        &x.client,
        count(sizes.vectors(), UNITS),
        CubeDim::new_1d(UNITS),
        sizes.vector,
        x.clone().into_buffer_arg(),
        stats.into_buffer_arg(),
        shortcut.into_buffer_arg(),
        shortcut_stats.into_buffer_arg(),
        sizes.layout(1, sizes.vectors()),
        slope,
        storage(&x),
    );
    x
}

/// Gradients of `x` and the shortcut of [`add_norms`] from its result `y`, the shortcut and the result's gradient.
pub(crate) fn add_norms_backward(
    [y, shortcut]: [CubeTensor; 2],
    stats: [CubeTensor; 2],
    grad: CubeTensor,
    slope: f32,
) -> (CubeTensor, CubeTensor) {
    let [y, shortcut] = [y, shortcut].map(owned);
    let [stats, shortcut_stats] = stats.map(into_contiguous);
    let grad = into_contiguous(grad);
    let sizes = Sizes::of(&y);
    let run = run_of(&y);
    let runs = sizes.positions.div_ceil(run);
    let sums = empty_f32(&y, [sizes.batch, runs, 3, sizes.channels]);
    let threads = sizes.batch * runs * sizes.vectors_of_position();
    sums_kernel::launch(
        &y.client,
        count(threads, UNITS),
        CubeDim::new_1d(UNITS),
        sizes.vector,
        y.clone().into_buffer_arg(),
        shortcut.clone().into_buffer_arg(),
        shortcut_stats.clone().into_buffer_arg(),
        grad.clone().into_buffer_arg(),
        sums.clone().into_buffer_arg(),
        sizes.layout(run, threads),
        slope,
        storage(&y),
    );
    let sums = add_runs(sums, sizes.batch, runs, 3 * sizes.channels);
    gradients_kernel::launch(
        &y.client,
        count(sizes.vectors(), UNITS),
        CubeDim::new_1d(UNITS),
        sizes.vector,
        y.clone().into_buffer_arg(),
        stats.into_buffer_arg(),
        shortcut.clone().into_buffer_arg(),
        shortcut_stats.into_buffer_arg(),
        grad.into_buffer_arg(),
        sums.into_buffer_arg(),
        sizes.layout(1, sizes.vectors()),
        slope,
        storage(&y),
    );
    (y, shortcut)
}
