//! Weights before they are filled.

use crate::kernels::lasting_zeros;
use burn::Tensor;
use burn::module::Param;
use burn::tensor::Device;

/// A weight of zeros; [`crate::weights`] fills it.
pub(super) fn blank<const D: usize>(shape: [usize; D], device: &Device) -> Param<Tensor<D>> {
    Param::from_tensor(lasting_zeros(shape, device))
}
