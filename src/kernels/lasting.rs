//! Memory for what outlives a step, such as weights and their moments: of its own size each, for among the pages that a
//! step's activations come from it would keep whole pages from being free.
//!
//! What is dropped waits for another tensor of the same size, or for [`give_back`].

use crate::kernels::is_cpu;
use crate::platform::MAY_WAIT;
use burn::Tensor;
use burn::tensor::{Device, TensorData};

/// A tensor that lasts.
pub(crate) fn lasting<const D: usize>(data: TensorData, device: &Device) -> Tensor<D> {
    device.memory_persistent_allocations(data, |data| Tensor::from_data(data, device))
}

/// Zeros that last.
pub(crate) fn lasting_zeros<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    device.memory_persistent_allocations(shape, |shape| Tensor::zeros(shape, device))
}

/// A copy that lasts, in memory that it does not share.
pub(crate) fn lasting_copy<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    let device = tensor.device();
    device.memory_persistent_allocations(tensor, |tensor| tensor * 1.0)
}

/// Gives the memory of what was dropped back to a device, such as that of a network which made room for another.
pub fn give_back(device: &Device) {
    if is_cpu(device) {
        return;
    }
    // What fused operations dropped is not known to be so before they have run. A browser has no fusion.
    if MAY_WAIT && let Err(error) = device.sync() {
        log::debug!("no memory is given back: {error}");
        return;
    }
    device.memory_cleanup();
}
