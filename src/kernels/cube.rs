//! The GPU backend's tensors, made contiguous for the kernels in [`crate::kernels::gpu`].

use crate::kernels::gpu;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

/// See [`crate::kernels::Conv3dBackend::same_conv3d_pair`].
pub(super) fn conv3d(inputs: &[CubeTensor], weight: CubeTensor) -> CubeTensor {
    let inputs: Vec<CubeTensor> = inputs.iter().cloned().map(into_contiguous).collect();
    gpu::conv3d(&inputs, into_contiguous(weight))
}

/// See [`crate::kernels::Conv3dBackend::same_conv3d_data_gradient`].
pub(super) fn conv3d_data_gradient(
    grad: CubeTensor,
    weight: CubeTensor,
    first: usize,
    channels: usize,
) -> CubeTensor {
    let (grad, weight) = (into_contiguous(grad), into_contiguous(weight));
    gpu::conv3d_data_gradient(&grad, &weight, first, channels)
}

/// See [`crate::kernels::Conv3dBackend::same_conv3d_weight_gradient`].
pub(super) fn conv3d_weight_gradient(x: CubeTensor, grad: CubeTensor, kernel: usize) -> CubeTensor {
    gpu::conv3d_weight_gradient(&into_contiguous(x), &into_contiguous(grad), kernel)
}

/// See [`crate::kernels::InstanceNormBackend::instance_norm_stats`].
pub(super) fn instance_norm_stats(x: CubeTensor) -> CubeTensor {
    gpu::instance_norm_stats(&into_contiguous(x))
}

/// See [`crate::kernels::InstanceNormBackend::instance_norm_apply_residual`].
pub(super) fn instance_norm_apply(
    x: CubeTensor,
    stats: CubeTensor,
    residual: Option<CubeTensor>,
    slope: f32,
) -> CubeTensor {
    let (x, residual) = (into_contiguous(x), residual.map(into_contiguous));
    gpu::instance_norm_apply(&x, &into_contiguous(stats), residual.as_ref(), slope)
}

/// See [`crate::kernels::InstanceNormBackend::instance_norm_backward_residual`].
pub(super) fn instance_norm_backward(
    y: CubeTensor,
    stats: CubeTensor,
    residual: Option<CubeTensor>,
    grad: CubeTensor,
    slope: f32,
) -> CubeTensor {
    let (y, grad) = (into_contiguous(y), into_contiguous(grad));
    let residual = residual.map(into_contiguous);
    gpu::instance_norm_backward(&y, &into_contiguous(stats), residual.as_ref(), &grad, slope)
}

/// See [`crate::kernels::InstanceNormBackend::leaky_relu_backward_from_output`].
pub(super) fn leaky_relu_backward(y: CubeTensor, grad: CubeTensor, slope: f32) -> CubeTensor {
    gpu::leaky_backward(&into_contiguous(y), &into_contiguous(grad), slope)
}
