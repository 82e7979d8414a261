//! What every launch needs: outputs, counts of workgroups, vector sizes.

use burn::tensor::{DType, Shape};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::ElemType;
use cubecl::prelude::*;

/// The most workgroups WebGPU allows along one axis.
const AXIS: usize = 65_535;

/// What runs the kernels, as far as the size of their blocks goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Machine {
    /// A GPU.
    Gpu,
    /// A processor playing a GPU with eight threads in step: lavapipe.
    Processor,
    /// One with four threads in step, or a number that cannot be: SwiftShader, whose compiler takes minutes and gigabytes
    /// for large blocks.
    NarrowProcessor,
}

impl Machine {
    /// What a tensor's device is.
    pub(super) fn of(tensor: &CubeTensor) -> Self {
        let properties = tensor.client.properties();
        let card = properties.identity.physical.is_some();
        Self::told(card, properties.hardware.plane_size_max)
    }

    /// CubeCL names the card behind a device, and none behind software: that is told by its threads in step. Those alone
    /// would not do, for some GPUs run four.
    fn told(card: bool, threads_in_step: u32) -> Self {
        match threads_in_step {
            _ if card => Self::Gpu,
            8..16 => Self::Processor,
            _ => Self::NarrowProcessor,
        }
    }

    /// Whether threads are few and barriers dear.
    pub(super) fn is_processor(self) -> bool {
        self != Self::Gpu
    }
}

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

/// The tensor itself where nothing else holds its memory, else a copy.
pub(super) fn owned(tensor: CubeTensor) -> CubeTensor {
    let tensor = into_contiguous(tensor);
    if tensor.can_mut() {
        tensor
    } else {
        tensor.copy()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gpu_of_few_threads_in_step_is_no_processor() {
        for threads in [4, 8, 16, 32] {
            assert_eq!(Machine::told(true, threads), Machine::Gpu, "{threads}");
        }
        for threads in [4, 128] {
            assert_eq!(Machine::told(false, threads), Machine::NarrowProcessor);
        }
        assert_eq!(Machine::told(false, 8), Machine::Processor);
    }
}
