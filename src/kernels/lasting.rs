//! Memory for what outlives a step.

use burn::Tensor;
use burn::tensor::{Device, TensorData};

/// A tensor that stays while others come and go, such as weights and their moments, in memory of its own size: among
/// the pages that a step's activations come from, it would keep whole pages from being free.
pub(crate) fn lasting<const D: usize>(data: TensorData, device: &Device) -> Tensor<D> {
    device.memory_persistent_allocations(data, |data| Tensor::from_data(data, device))
}

/// Zeros for [`lasting`] use, as many as `like` has, beside it.
pub(crate) fn lasting_zeros<const D: usize>(like: &Tensor<D>) -> Tensor<D> {
    let device = like.device();
    device.memory_persistent_allocations(like.clone(), |like| like.zeros_like())
}
