//! What every launch needs: outputs, counts of workgroups, vector sizes.

use burn::tensor::{DType, Shape};
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::ElemType;
use cubecl::prelude::*;

/// The most workgroups WebGPU allows along one axis.
const AXIS: usize = 65_535;

/// The adapters that play a GPU on a processor run at most this many threads in step; GPUs run more.
const WIDEST_PROCESSOR: u32 = 15;

/// At least as many workgroups of `units` threads as `threads` need; kernels skip the surplus.
pub(super) fn count(threads: usize, units: u32) -> CubeCount {
    blocks(threads.div_ceil(units as usize))
}

/// At least `blocks` workgroups, over as many axes as it takes.
pub(super) fn blocks(blocks: usize) -> CubeCount {
    let x = blocks.min(AXIS);
    let rows = blocks.div_ceil(x.max(1));
    let y = rows.min(AXIS);
    let z = rows.div_ceil(y.max(1));
    CubeCount::Static(x as u32, y as u32, z as u32)
}

/// The element type of a kernel's arguments.
pub(super) fn storage(tensor: &CubeTensor) -> ElemType {
    burn::backend::cubecl::dtype_to_storage_type(tensor.dtype)
}

/// Four where rows of `channels` can be read four at a time, else one.
pub(super) fn vector(channels: usize) -> usize {
    if channels.is_multiple_of(4) { 4 } else { 1 }
}

/// Uninitialised memory of a tensor's type beside it.
pub(super) fn empty_like(tensor: &CubeTensor, shape: impl Into<Shape>) -> CubeTensor {
    empty(tensor, shape, tensor.dtype)
}

/// Uninitialised numbers beside a tensor.
pub(super) fn empty_f32(tensor: &CubeTensor, shape: impl Into<Shape>) -> CubeTensor {
    empty(tensor, shape, DType::F32)
}

fn empty(tensor: &CubeTensor, shape: impl Into<Shape>, dtype: DType) -> CubeTensor {
    empty_device_contiguous_dtype(
        tensor.client.clone(),
        tensor.device.clone(),
        shape.into(),
        dtype,
    )
}

/// Whether the adapter is a processor playing a GPU (lavapipe, SwiftShader).
pub(super) fn is_processor(tensor: &CubeTensor) -> bool {
    let hardware = &tensor.client.properties().hardware;
    hardware.plane_size_max <= WIDEST_PROCESSOR
}
