//! Three-dimensional convolution with stride 1 and zero padding that keeps the size, channels-last.
//!
//! burn 0.22's own convolution is an order of magnitude slower in the backward pass, and its weight gradient is wrong
//! on the WGSL path from 32^3 voxels on. Here the three passes are our own: blocked SIMD code on the CPU, implicit
//! matrix products on the GPU. A skip connection's two tensors are read where they are, never concatenated.

mod backward;

pub(in crate::kernels) use backward::weight_gradient;

use crate::kernels::{flex, gpu};
use burn::Tensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, backend_extension};
#[cfg(feature = "fusion")]
use burn::tensor::Shape;
use burn_cubecl::CubeBackend;

/// The passes of a convolution on a concrete backend. Activations are `[batch, depth, height, width, channels]`,
/// weights PyTorch's `[out, in, k, k, k]` with k = 1 or 3.
#[backend_extension(Autodiff, Cube, Flex, Fusion: cfg(feature = "fusion"))]
pub trait Conv3dBackend: Backend {
    /// `[.., in]` to `[.., out]`.
    #[fusion(dtype = x, shape = with_channels(x, weight[0]))]
    fn same_conv3d(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self>;

    /// As [`Self::same_conv3d`] of `a` and `b` concatenated along the channels.
    #[fusion(dtype = a, shape = with_channels(a, weight[0]))]
    fn same_conv3d_pair(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        weight: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// Gradient of the input channels `first..first + channels`.
    #[fusion(dtype = grad, shape = with_channels(grad, *channels))]
    fn same_conv3d_data_gradient(
        grad: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        first: usize,
        channels: usize,
    ) -> FloatTensor<Self>;

    /// Gradient of the weights that meet the channels of `x`, `[out, channels of x, kernel, kernel, kernel]`.
    #[fusion(dtype = x, shape = weight_shape(x, grad, *kernel))]
    fn same_conv3d_weight_gradient(
        x: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        kernel: usize,
    ) -> FloatTensor<Self>;
}

#[cfg(feature = "fusion")]
fn with_channels(x: &Shape, channels: usize) -> Shape {
    let mut shape = x.clone();
    shape[4] = channels;
    shape
}

#[cfg(feature = "fusion")]
fn weight_shape(x: &Shape, grad: &Shape, kernel: usize) -> Shape {
    Shape::from([grad[4], x[4], kernel, kernel, kernel])
}

impl Conv3dBackend for CubeBackend {
    fn same_conv3d(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        gpu::conv3d(&[x], weight)
    }

    fn same_conv3d_pair(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        weight: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        gpu::conv3d(&[a, b], weight)
    }

    fn same_conv3d_data_gradient(
        grad: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        first: usize,
        channels: usize,
    ) -> FloatTensor<Self> {
        gpu::conv3d_data_gradient(grad, weight, first, channels)
    }

    fn same_conv3d_weight_gradient(
        x: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        kernel: usize,
    ) -> FloatTensor<Self> {
        gpu::conv3d_weight_gradient(x, grad, kernel)
    }
}

impl Conv3dBackend for Flex {
    fn same_conv3d(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        flex::conv3d(&[x], &weight)
    }

    fn same_conv3d_pair(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        weight: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        flex::conv3d(&[a, b], &weight)
    }

    fn same_conv3d_data_gradient(
        grad: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        first: usize,
        channels: usize,
    ) -> FloatTensor<Self> {
        flex::conv3d_data_gradient(&grad, &weight, first, channels)
    }

    fn same_conv3d_weight_gradient(
        x: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        kernel: usize,
    ) -> FloatTensor<Self> {
        flex::conv3d_weight_gradient(&x, &grad, kernel)
    }
}

/// Backends would read past, or compute something else.
pub(in crate::kernels) fn check(channels: usize, [_, inputs, k0, k1, k2]: [usize; 5]) {
    assert_eq!(channels, inputs, "the channels of input and weight");
    assert!(
        [1, 3].contains(&k0) && k0 == k1 && k1 == k2,
        "a kernel of edge 1 or 3, not {k0} x {k1} x {k2}"
    );
}

/// Convolution of `[batch, depth, height, width, in]` with `[out, in, k, k, k]`, k = 1 or 3: stride 1, zero padding
/// `k / 2`, no bias. Gives `[batch, depth, height, width, out]`; differentiable once.
///
/// # Panics
/// When the weight is for another number of channels, or no cube of edge 1 or 3.
pub fn conv3d(x: Tensor<5>, weight: Tensor<5>) -> Tensor<5> {
    check(x.dims()[4], weight.dims());
    Tensor::from_dispatch(<Dispatch as Conv3dBackend>::same_conv3d(
        x.into_dispatch(),
        weight.into_dispatch(),
    ))
}

/// [`conv3d`] of the channels of `a` followed by those of `b`, without building their concatenation.
///
/// # Panics
/// As [`conv3d`], and when `a` and `b` differ in more than their channels.
pub fn conv3d_pair(a: Tensor<5>, b: Tensor<5>, weight: Tensor<5>) -> Tensor<5> {
    assert_eq!(a.dims()[..4], b.dims()[..4], "the inputs' voxels");
    check(a.dims()[4] + b.dims()[4], weight.dims());
    Tensor::from_dispatch(<Dispatch as Conv3dBackend>::same_conv3d_pair(
        a.into_dispatch(),
        b.into_dispatch(),
        weight.into_dispatch(),
    ))
}
