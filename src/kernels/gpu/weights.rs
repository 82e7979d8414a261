//! Weights in the order in which the convolution reads them.

use crate::kernels::gpu::launch::{count, empty_f32, storage};
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

/// Threads of a workgroup.
const UNITS: u32 = 64;

/// Which way the convolution runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Direction {
    /// From inputs to outputs.
    Forward,
    /// From gradients of the outputs to those of the inputs: channels swapped, taps mirrored.
    Backward,
}

/// What the kernel reads of the weight `[out, in, k, k, k]`.
#[derive(CubeLaunch, CubeType)]
struct Slice {
    /// Input channels of the weight.
    total: usize,
    /// The first input channel of the slice.
    first: usize,
    /// Channels the convolution reads and makes.
    inputs: usize,
    outputs: usize,
    /// Vectors of the result, and of one tap.
    vectors: usize,
    packed: usize,
}

#[cube(launch)]
fn pack_kernel<F: Float>(
    weight: &[F],
    packed: &mut [Vector<f32, Const<4>>],
    slice: Slice,
    #[comptime] kernel: usize,
    #[comptime] direction: Direction,
    #[define(F)] _dtype: ElemType,
) {
    if ABSOLUTE_POS >= slice.vectors {
        terminate!();
    }
    let vector = ABSOLUTE_POS % slice.packed;
    let rest = ABSOLUTE_POS / slice.packed;
    let taps = comptime!(kernel * kernel);
    let tap = rest % taps;
    let input = rest / taps % slice.inputs;
    let tap = rest / taps / slice.inputs * taps + tap;
    let mut value = Vector::<f32, Const<4>>::new(0.0);
    #[unroll]
    for lane in 0..4usize {
        let output = vector * 4 + lane;
        let inside = output < slice.outputs;
        let index = if comptime!(direction == Direction::Forward) {
            (output * slice.total + slice.first + input) * comptime!(taps * kernel) + tap
        } else {
            (input * slice.total + slice.first + output) * comptime!(taps * kernel)
                + (comptime!(taps * kernel - 1) - tap)
        };
        let number = f32::cast_from(weight[select(inside, index, 0usize)]);
        value.insert(lane, select(inside, number, 0.0f32));
    }
    packed[ABSOLUTE_POS] = value;
}

/// `[tap_z, input, tap_y, tap_x, output]` in f32, outputs filled up with zeros to a multiple of `outs`.
///
/// `channels` input channels of the weight from `first` on take part.
pub(super) fn pack_weights(
    weight: &CubeTensor,
    first: usize,
    channels: usize,
    outs: usize,
    direction: Direction,
) -> CubeTensor {
    let [out, total, kernel, _, _] = weight.meta.shape().dims();
    let (inputs, outputs) = match direction {
        Direction::Forward => (channels, out),
        Direction::Backward => (out, channels),
    };
    let packed = outputs.next_multiple_of(outs) / 4;
    let vectors = kernel * inputs * kernel * kernel * packed;
    let result = empty_f32(weight, [vectors * 4]);
    pack_kernel::launch(
        &weight.client,
        count(vectors, UNITS),
        CubeDim::new_1d(UNITS),
        weight.clone().into_buffer_arg(),
        result.clone().into_buffer_arg(),
        SliceLaunch::new(total, first, inputs, outputs, vectors, packed),
        kernel,
        direction,
        storage(weight),
    );
    result
}
