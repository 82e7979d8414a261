//! The convolution of channels-last volumes and its data gradient.

use crate::kernels::gpu::conv3d_kernel::conv3d_kernel;
use crate::kernels::gpu::conv3d_place::VolumeLaunch;
use crate::kernels::gpu::launch::{Machine, blocks, empty_like, storage, vector};
use crate::kernels::gpu::tiling::Tiling;
use crate::kernels::gpu::weights::{Direction, pack_weights};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

/// Convolution, stride 1, zero padding `kernel / 2`, of the channel concatenation of `inputs`, which is not built.
///
/// Inputs are `[batch, depth, height, width, channels]`, contiguous; `weight` is `[out, channels of all, k, k, k]`.
/// The result is `[batch, depth, height, width, out]` in the inputs' type. Sums are formed in f32; with two inputs
/// of type f16 the sum over the first is rounded before the second is added.
///
/// Without inputs there is nothing to do, and the weight comes back.
pub(crate) fn conv3d(inputs: &[CubeTensor], weight: CubeTensor) -> CubeTensor {
    let machine = Machine::of(&weight);
    conv3d_cut_for(machine, inputs, weight)
}

/// [`conv3d`] with the blocks of a given machine, for tests of a real GPU's on adapters that would use others.
pub(crate) fn conv3d_cut_for(
    machine: Machine,
    inputs: &[CubeTensor],
    weight: CubeTensor,
) -> CubeTensor {
    let weight = into_contiguous(weight);
    let [outputs, _, kernel, _, _] = weight.meta.shape().dims();
    let mut first = 0;
    let mut output = None;
    for input in inputs {
        let input = into_contiguous(input.clone());
        let [batch, depth, height, width, channels] = input.meta.shape().dims();
        let result = output
            .take()
            .unwrap_or_else(|| empty_like(&input, [batch, depth, height, width, outputs]));
        let tiling = Tiling {
            accumulate: first > 0,
            ..Tiling::of(machine, kernel, [depth, height, width], outputs)
        };
        let packed = pack_weights(
            &weight,
            first,
            channels,
            tiling.channels(),
            Direction::Forward,
        );
        run(&input, packed, &result, tiling);
        first += channels;
        output = Some(result);
    }
    output.unwrap_or(weight)
}

/// Gradient of [`conv3d`] by the `channels` input channels from `first_channel` on: `[batch, depth, height, width,
/// channels]` from the output's gradient `[batch, depth, height, width, out]`.
pub(crate) fn conv3d_data_gradient(
    grad: CubeTensor,
    weight: CubeTensor,
    first_channel: usize,
    channels: usize,
) -> CubeTensor {
    let (grad, weight) = (into_contiguous(grad), into_contiguous(weight));
    let [batch, depth, height, width, _] = grad.meta.shape().dims();
    let result = empty_like(&grad, [batch, depth, height, width, channels]);
    let kernel = weight.meta.shape()[4];
    let tiling = Tiling::of(Machine::of(&grad), kernel, [depth, height, width], channels);
    let packed = pack_weights(
        &weight,
        first_channel,
        channels,
        tiling.channels(),
        Direction::Backward,
    );
    run(&grad, packed, &result, tiling);
    result
}

/// Launches the kernel on one input with weights packed for the tiling.
pub(super) fn run(input: &CubeTensor, packed: CubeTensor, output: &CubeTensor, tiling: Tiling) {
    let [batch, depth, height, width, inputs] = input.meta.shape().dims();
    let outputs = output.meta.shape()[4];
    let lanes = if tiling.staged { vector(inputs) } else { 1 };
    let blocks_z = depth.div_ceil(tiling.units_z);
    let blocks_y = height.div_ceil(tiling.height());
    let blocks_x = width.div_ceil(tiling.width());
    let blocks_o = outputs.div_ceil(tiling.channels());
    let all = batch * blocks_z * blocks_y * blocks_x * blocks_o;
    conv3d_kernel::launch(
        &input.client,
        blocks(all),
        CubeDim::new_1d(tiling.units() as u32),
        lanes,
        vector(outputs),
        input.clone().into_buffer_arg(),
        packed.into_buffer_arg(),
        output.clone().into_buffer_arg(),
        VolumeLaunch::new(
            depth,
            height,
            width,
            inputs / lanes,
            outputs,
            outputs.next_multiple_of(tiling.channels()) / 4,
            blocks_z,
            blocks_y,
            blocks_x,
            blocks_o,
            all,
        ),
        tiling,
        storage(input),
    );
}
