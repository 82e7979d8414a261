//! The convolution's weight gradient.

use crate::kernels::gpu::launch::{Machine, count, empty_f32, empty_like, storage, vector};
use crate::kernels::gpu::sum::add_runs;
use crate::kernels::gpu::weight_gradient_kernel::{
    GradientTiling, GradientVolumeLaunch, unpack_kernel, weight_gradient_kernel,
};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

/// Threads of a workgroup, and of one on a processor, where few make the cores' shares even.
const UNITS: u32 = 64;
const PROCESSOR_UNITS: u32 = 8;
/// Threads that keep a GPU busy, and a processor.
const GPU_THREADS: usize = 1 << 17;
const PROCESSOR_THREADS: usize = 1 << 11;
/// The most positions one thread adds up: longer sums of f32 lose digits.
const RUN: usize = 4096;
/// The most bytes of all chunks' sums.
const PARTIAL_BYTES: usize = 64 << 20;

/// Gradient of [`conv3d`](super::conv3d::conv3d) by the weight for one of its inputs `x` `[batch, depth, height,
/// width, channels]` from the output's gradient: `[out, channels, kernel, kernel, kernel]`.
pub(crate) fn conv3d_weight_gradient(x: CubeTensor, grad: CubeTensor, kernel: usize) -> CubeTensor {
    weight_gradient_cut_for(Machine::of(&x), x, grad, kernel)
}

/// [`conv3d_weight_gradient`] with the work of a given machine, for tests of a real GPU's on adapters that would have
/// another.
pub(crate) fn weight_gradient_cut_for(
    machine: Machine,
    x: CubeTensor,
    grad: CubeTensor,
    kernel: usize,
) -> CubeTensor {
    let (x, grad) = (into_contiguous(x), into_contiguous(grad));
    let [_, _, _, width, _] = x.meta.shape().dims();
    let outputs = grad.meta.shape()[4];
    let tiling = GradientTiling::of(machine, kernel, width, outputs);
    run(&x, &grad, tiling, machine.is_processor())
}

impl GradientTiling {
    /// The work of a thread: on a GPU one row of taps, with its sums in registers; on a processor all taps, with the
    /// sums in the first cache, or one plane of them where the compiler is slow.
    pub(super) fn of(machine: Machine, kernel: usize, width: usize, outputs: usize) -> Self {
        let (tap_rows, outs) = match machine {
            Machine::Gpu => (1, 4),
            Machine::Processor => (kernel * kernel, outputs.next_multiple_of(4).min(16)),
            Machine::NarrowProcessor => (kernel, 4),
        };
        let columns = if width >= 4 { 4 } else { 1 };
        Self {
            kernel,
            tap_rows,
            outs,
            columns,
            exact: width.is_multiple_of(columns),
        }
    }
}

/// Launches the kernels.
pub(super) fn run(
    x: &CubeTensor,
    grad: &CubeTensor,
    tiling: GradientTiling,
    processor: bool,
) -> CubeTensor {
    let [batch, depth, height, width, inputs] = x.meta.shape().dims();
    let outputs = grad.meta.shape()[4];
    let kernel = tiling.kernel;
    let taps = kernel * kernel * kernel;
    let lanes = if processor { 1 } else { vector(inputs) };
    let blocks_o = outputs.div_ceil(tiling.outs);
    let rows = batch * depth * height;

    let of_chunk = inputs / lanes * blocks_o * (kernel * kernel / tiling.tap_rows);
    let packed = blocks_o * tiling.outs;
    let chunk_numbers = taps * inputs * packed;
    let wanted = if processor {
        PROCESSOR_THREADS
    } else {
        GPU_THREADS
    }
    .div_ceil(of_chunk);
    let wanted = wanted.max((rows * width).div_ceil(RUN)).min(rows);
    let fitting = (PARTIAL_BYTES / 4 / chunk_numbers).max(1);
    let rows_of_chunk = rows.div_ceil(wanted.min(fitting));
    let chunks = rows.div_ceil(rows_of_chunk);

    let threads = of_chunk * chunks;
    let sums = empty_f32(x, [chunks * chunk_numbers]);
    let units = if processor { PROCESSOR_UNITS } else { UNITS };
    weight_gradient_kernel::launch(
        &x.client,
        count(threads, units),
        CubeDim::new_1d(units),
        lanes,
        vector(outputs),
        x.clone().into_buffer_arg(),
        grad.clone().into_buffer_arg(),
        sums.clone().into_buffer_arg(),
        GradientVolumeLaunch::new(
            depth,
            height,
            width,
            inputs / lanes,
            outputs,
            blocks_o,
            rows,
            rows_of_chunk,
            threads,
        ),
        tiling,
        storage(x),
    );

    let sums = add_runs(sums, 1, chunks, chunk_numbers);
    let result = empty_like(x, [outputs, inputs, kernel, kernel, kernel]);
    let threads = outputs * inputs * taps;
    unpack_kernel::launch(
        &x.client,
        count(threads, UNITS),
        CubeDim::new_1d(UNITS),
        sums.into_buffer_arg(),
        result.clone().into_buffer_arg(),
        taps,
        inputs,
        packed,
        threads,
        storage(x),
    );
    result
}
