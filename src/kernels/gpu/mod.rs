//! Kernels for GPUs, over tensors of the cubecl backend.
//!
//! Activations are `[batch, depth, height, width, channels]`. They hold f32 or f16; sums, statistics and everything
//! between reading and writing are f32. No subgroup operations, no atomics: the same result in every run. At most 256
//! threads and 16 KiB of shared memory a workgroup, at most 7 buffers a kernel.
//!
//! Shapes are the caller's to check.

mod class_sums;
mod conv3d;
mod conv3d_kernel;
mod conv3d_place;
mod fold;
mod launch;
mod layer_norm;
mod matmul;
mod matmul_kernel;
mod norm;
mod norm_kernel;
mod norm_pair;
mod rows;
mod softmax;
mod sum;
mod tiling;
#[cfg(feature = "cli")]
mod tune;
mod update;
mod weight_gradient;
mod weight_gradient_kernel;
mod weights;

pub(crate) use class_sums::{class_sums, class_sums_backward};
pub(crate) use conv3d::{conv3d, conv3d_cut_for, conv3d_data_gradient};
pub(crate) use launch::Machine;
pub(crate) use layer_norm::{layer_norm, layer_norm_backward};
pub(crate) use matmul::{Cut, matmul, matmul_cut, prefers_own_matmul};
pub(crate) use norm::{
    instance_norm_apply, instance_norm_backward, instance_norm_stats, leaky_relu_backward,
};
pub(crate) use norm_pair::{add_norms, add_norms_backward};
pub(crate) use softmax::{softmax, softmax_backward};
pub(crate) use sum::column_sums;
#[cfg(feature = "cli")]
pub(crate) use tune::{Candidate, convolution_candidates, weight_gradient_candidates};
pub use update::AdamStep;
pub(crate) use update::{adam, parts, square_sum};
pub(crate) use weight_gradient::{conv3d_weight_gradient, weight_gradient_cut_for};

#[cfg(test)]
mod tests;
