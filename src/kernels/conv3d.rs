//! Three-dimensional convolution with stride 1 and zero padding that keeps the size, channels-last.
//!
//! burn 0.22's own convolution is an order of magnitude slower in the backward pass, and its weight gradient is wrong
//! on the WGSL path from 32^3 voxels on. Here the three passes are our own: blocked SIMD code on the CPU, implicit
//! matrix products on the GPU. A skip connection's two tensors are read where they are, never concatenated.

use crate::kernels::{flex, gpu};
use burn::Tensor;
use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{
    Autodiff, AutodiffBackend, Backend, Dispatch, Flex, TensorMetadata, backend_extension,
};
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

/// What the backward pass needs of one input: its node, where its channels begin in the weight, and how many there are.
#[derive(Debug, Clone)]
struct Input {
    node: NodeId,
    first: usize,
    channels: usize,
}

#[derive(Debug, Clone)]
struct State<const INPUTS: usize> {
    inputs: [Input; INPUTS],
    weight: NodeId,
    kernel: usize,
}

/// Backward of a convolution of one or two inputs; the weight is the last parent.
#[derive(Debug)]
struct Conv3d;

fn backward<B: Conv3dBackend, const INPUTS: usize, const PARENTS: usize>(
    ops: Ops<State<INPUTS>, PARENTS>,
    grads: &mut Gradients,
    checkpointer: &mut Checkpointer,
) {
    let state = ops.state;
    let grad = grads.consume::<B>(&ops.node);
    if let Some(node) = &ops.parents[INPUTS] {
        let parts = state
            .inputs
            .iter()
            .map(|input| {
                let x = checkpointer.retrieve_node_output(input.node);
                B::same_conv3d_weight_gradient(x, grad.clone(), state.kernel)
            })
            .collect::<Vec<_>>();
        let whole = match <[_; 1]>::try_from(parts) {
            Ok([one]) => one,
            Err(parts) => B::float_cat(parts, 1),
        };
        grads.register::<B>(node.id, whole);
    }
    let weight: FloatTensor<B> = checkpointer.retrieve_node_output(state.weight);
    for (input, parent) in state.inputs.iter().zip(&ops.parents) {
        if let Some(node) = parent {
            let part = B::same_conv3d_data_gradient(
                grad.clone(),
                weight.clone(),
                input.first,
                input.channels,
            );
            grads.register::<B>(node.id, part);
        }
    }
}

impl<B: Conv3dBackend> Backward<B, 2> for Conv3d {
    type State = State<1>;

    fn backward(
        self,
        ops: Ops<Self::State, 2>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        backward::<B, 1, 2>(ops, grads, checkpointer);
    }
}

impl<B: Conv3dBackend> Backward<B, 3> for Conv3d {
    type State = State<2>;

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        backward::<B, 2, 3>(ops, grads, checkpointer);
    }
}

/// The part of the backward pass's needs that shapes tell.
fn input(node: NodeId, first: usize, shape: &Shape) -> Input {
    Input {
        node,
        first,
        channels: shape[4],
    }
}

impl<B: Conv3dBackend, C: CheckpointStrategy> Conv3dBackend for Autodiff<B, C> {
    fn same_conv3d(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        let kernel = weight.shape()[2];
        let shape = x.shape();
        let prepared = Backward::<B, 2>::prepare::<C>(Conv3d, [x.node(), weight.node()]);
        match prepared.compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let state = State {
                    inputs: [input(prep.checkpoint(&x), 0, &shape)],
                    weight: prep.checkpoint(&weight),
                    kernel,
                };
                let y = B::same_conv3d(x.into_primitive(), weight.into_primitive());
                prep.finish(state, y)
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(B::same_conv3d(x.into_primitive(), weight.into_primitive()))
            }
        }
    }

    fn same_conv3d_pair(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        weight: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let kernel = weight.shape()[2];
        let (first, second) = (a.shape(), b.shape());
        let prepared = Backward::<B, 3>::prepare::<C>(Conv3d, [a.node(), b.node(), weight.node()]);
        match prepared.compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let state = State {
                    inputs: [
                        input(prep.checkpoint(&a), 0, &first),
                        input(prep.checkpoint(&b), first[4], &second),
                    ],
                    weight: prep.checkpoint(&weight),
                    kernel,
                };
                let (a, b) = (a.into_primitive(), b.into_primitive());
                let y = B::same_conv3d_pair(a, b, weight.into_primitive());
                prep.finish(state, y)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::same_conv3d_pair(
                a.into_primitive(),
                b.into_primitive(),
                weight.into_primitive(),
            )),
        }
    }

    // The gradients of gradients are not needed: these are constants to autodiff.

    fn same_conv3d_data_gradient(
        grad: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        first: usize,
        channels: usize,
    ) -> FloatTensor<Self> {
        let (grad, weight) = (grad.into_primitive(), weight.into_primitive());
        <Self as AutodiffBackend>::from_inner(B::same_conv3d_data_gradient(
            grad, weight, first, channels,
        ))
    }

    fn same_conv3d_weight_gradient(
        x: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        kernel: usize,
    ) -> FloatTensor<Self> {
        let (x, grad) = (x.into_primitive(), grad.into_primitive());
        <Self as AutodiffBackend>::from_inner(B::same_conv3d_weight_gradient(x, grad, kernel))
    }
}

/// Backends would read past, or compute something else.
fn check(channels: usize, [_, inputs, k0, k1, k2]: [usize; 5]) {
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
