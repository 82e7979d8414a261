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

#[cfg(test)]
mod tests;
