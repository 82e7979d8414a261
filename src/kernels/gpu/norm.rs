//! Instance norm with residual and leaky ReLU, over channels-last volumes.

use crate::kernels::NORM_EPSILON;
use crate::kernels::gpu::launch::{Machine, count, empty_f32, empty_like, owned, storage, vector};
use crate::kernels::gpu::norm_kernel::{
    LayoutLaunch, apply_kernel, input_gradient_kernel, leaky_backward_kernel,
    merge_statistics_kernel, run_statistics_kernel, run_sums_kernel,
};
use crate::kernels::gpu::sum::add_runs;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

/// Threads of a workgroup.
pub(super) const UNITS: u32 = 64;
/// Positions of a run on a GPU, whose threads are many, and on a processor.
const GPU_RUN: usize = 64;
const PROCESSOR_RUN: usize = 512;
/// Runs one thread merges.
const GROUP: usize = 32;

/// `[batch, positions, channels]` of a channels-last tensor, and the size of its vectors.
pub(super) struct Sizes {
    pub(super) batch: usize,
    pub(super) positions: usize,
    pub(super) channels: usize,
    pub(super) vector: usize,
}

impl Sizes {
    pub(super) fn of(x: &CubeTensor) -> Self {
        let shape = x.meta.shape();
        let last = shape.num_dims() - 1;
        Self {
            batch: shape[0],
            positions: shape.iter().take(last).skip(1).product(),
            channels: shape[last],
            vector: vector(shape[last]),
        }
    }

    /// Vectors of all numbers.
    pub(super) fn vectors(&self) -> usize {
        self.batch * self.positions * self.vectors_of_position()
    }

    pub(super) fn vectors_of_position(&self) -> usize {
        self.channels / self.vector
    }

    pub(super) fn layout(&self, run: usize, threads: usize) -> LayoutLaunch {
        LayoutLaunch::new(
            self.positions,
            self.vectors_of_position(),
            run,
            self.positions.div_ceil(run),
            threads,
        )
    }
}

/// Positions of a run.
pub(super) fn run_of(x: &CubeTensor) -> usize {
    if Machine::of(x).is_processor() {
        PROCESSOR_RUN
    } else {
        GPU_RUN
    }
}

/// Mean and reciprocal deviation of each channel of each volume of `x` `[batch, …, channels]`: `[batch, 2,
/// channels]` in f32. The variance is the biased one, and 1e-5 is added to it.
pub(crate) fn instance_norm_stats(x: CubeTensor) -> CubeTensor {
    let x = &into_contiguous(x);
    let sizes = Sizes::of(x);
    let mut run = run_of(x);
    let mut runs = sizes.positions.div_ceil(run);
    let mut statistics = empty_f32(x, [sizes.batch, runs, 2, sizes.channels]);
    let threads = sizes.batch * runs * sizes.vectors_of_position();
    run_statistics_kernel::launch(
        &x.client,
        count(threads, UNITS),
        CubeDim::new_1d(UNITS),
        sizes.vector,
        x.clone().into_buffer_arg(),
        statistics.clone().into_buffer_arg(),
        sizes.layout(run, threads),
        storage(x),
    );
    loop {
        let groups = runs.div_ceil(GROUP);
        let merged = empty_f32(x, [sizes.batch, groups, 2, sizes.channels]);
        let threads = sizes.batch * groups * sizes.vectors_of_position();
        merge_statistics_kernel::launch(
            &x.client,
            count(threads, UNITS),
            CubeDim::new_1d(UNITS),
            sizes.vector,
            statistics.into_buffer_arg(),
            merged.clone().into_buffer_arg(),
            sizes.layout(run, threads),
            GROUP,
            groups,
            NORM_EPSILON as f32,
            groups == 1,
        );
        if groups == 1 {
            return burn_cubecl::ops::reshape(merged, [sizes.batch, 2, sizes.channels].into());
        }
        statistics = merged;
        run *= GROUP;
        runs = groups;
    }
}

/// `leaky_relu((x - mean) * reciprocal_deviation + residual)`; a slope of 1 leaves the activation out.
pub(crate) fn instance_norm_apply(
    x: CubeTensor,
    stats: CubeTensor,
    residual: Option<CubeTensor>,
    slope: f32,
) -> CubeTensor {
    let (x, stats) = (&into_contiguous(x), into_contiguous(stats));
    let sizes = Sizes::of(x);
    let y = empty_like(x, x.meta.shape().clone());
    apply_kernel::launch(
        &x.client,
        count(sizes.vectors(), UNITS),
        CubeDim::new_1d(UNITS),
        sizes.vector,
        x.clone().into_buffer_arg(),
        stats.into_buffer_arg(),
        residual
            .map(|residual| into_contiguous(residual).into_buffer_arg())
            .into(),
        y.clone().into_buffer_arg(),
        sizes.layout(1, sizes.vectors()),
        slope,
        storage(x),
    );
    y
}

/// Gradient of [`instance_norm_apply`] by `x`, through the statistics too, from its result `y` and its gradient. The
/// normalised input comes back from `y` and the residual. The gradient's memory holds the result where nothing else holds it.
pub(crate) fn instance_norm_backward(
    y: CubeTensor,
    stats: CubeTensor,
    residual: Option<CubeTensor>,
    grad: CubeTensor,
    slope: f32,
) -> CubeTensor {
    let [y, stats] = &[y, stats].map(into_contiguous);
    let grad = owned(grad);
    let residual = residual.map(into_contiguous);
    let sizes = Sizes::of(y);
    let run = run_of(y);
    let runs = sizes.positions.div_ceil(run);
    let sums = empty_f32(y, [sizes.batch, runs, 2, sizes.channels]);
    let threads = sizes.batch * runs * sizes.vectors_of_position();
    run_sums_kernel::launch(
        &y.client,
        count(threads, UNITS),
        CubeDim::new_1d(UNITS),
        sizes.vector,
        y.clone().into_buffer_arg(),
        residual.clone().map(CubeTensor::into_buffer_arg).into(),
        grad.clone().into_buffer_arg(),
        sums.clone().into_buffer_arg(),
        sizes.layout(run, threads),
        slope,
        storage(y),
    );
    let sums = add_runs(sums, sizes.batch, runs, 2 * sizes.channels);
    input_gradient_kernel::launch(
        &y.client,
        count(sizes.vectors(), UNITS),
        CubeDim::new_1d(UNITS),
        sizes.vector,
        y.clone().into_buffer_arg(),
        residual.map(CubeTensor::into_buffer_arg).into(),
        stats.clone().into_buffer_arg(),
        grad.clone().into_buffer_arg(),
        sums.into_buffer_arg(),
        sizes.layout(1, sizes.vectors()),
        slope,
        storage(y),
    );
    grad
}

/// Gradient before a leaky ReLU from its result `y` and its gradient.
pub(crate) fn leaky_relu_backward(y: CubeTensor, grad: CubeTensor, slope: f32) -> CubeTensor {
    let [y, grad] = &[y, grad].map(into_contiguous);
    let sizes = Sizes::of(y);
    let result = empty_like(y, y.meta.shape().clone());
    leaky_backward_kernel::launch(
        &y.client,
        count(sizes.vectors(), UNITS),
        CubeDim::new_1d(UNITS),
        sizes.vector,
        y.clone().into_buffer_arg(),
        grad.clone().into_buffer_arg(),
        result.clone().into_buffer_arg(),
        slope,
        sizes.vectors(),
        storage(y),
    );
    result
}
