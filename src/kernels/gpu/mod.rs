//! Kernels for GPUs, over tensors of the cubecl backend.

mod conv3d;
mod conv3d_kernel;
mod launch;
mod norm;
mod norm_kernel;
mod sum;
mod tiling;
mod weight_gradient;
mod weight_gradient_kernel;
mod weights;

pub(super) use conv3d::{conv3d, conv3d_data_gradient};
pub(super) use norm::{
    instance_norm_apply, instance_norm_backward, instance_norm_stats, leaky_backward,
};
pub(super) use weight_gradient::conv3d_weight_gradient;

#[cfg(test)]
mod tests;
