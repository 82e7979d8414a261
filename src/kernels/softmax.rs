//! Softmax over the last axis as one operation with its own gradient `y (g - sum(g y))`.
//!
//! burn differentiates the five elementary operations, each a pass over memory and, on the CPU, on one thread.

use crate::kernels::host::{rows, rows2};
use crate::kernels::{cpu, gpu};
use burn::Tensor;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind, unary};
use burn::backend::ops::ActivationOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{
    Autodiff, AutodiffBackend, Backend, Dispatch, Flex, TensorMetadata, backend_extension,
};
use burn::tensor::DType;
use burn_cubecl::CubeBackend;

/// Softmax and its gradient on a concrete backend.
#[backend_extension(Autodiff, Cube, Flex, Fusion: cfg(feature = "fusion"))]
pub trait SoftmaxBackend: Backend {
    /// Softmax over the last axis.
    #[fusion(dtype = x, shape = x)]
    fn row_softmax(x: FloatTensor<Self>) -> FloatTensor<Self>;

    /// Gradient from the output `y` and its gradient.
    #[fusion(dtype = { let _ = grad; y }, shape = { let _ = grad; y.clone() })]
    fn row_softmax_backward(y: FloatTensor<Self>, grad: FloatTensor<Self>) -> FloatTensor<Self>;
}

fn backward_by_parts<B: Backend>(y: FloatTensor<B>, grad: FloatTensor<B>) -> FloatTensor<B> {
    let last = y.rank() - 1;
    let weighted = B::float_mul(y.clone(), grad.clone());
    let sum = B::float_sum_dim(weighted, last);
    B::float_mul(y, B::float_sub(grad, sum))
}

impl SoftmaxBackend for CubeBackend {
    fn row_softmax(x: FloatTensor<Self>) -> FloatTensor<Self> {
        match x.dtype() {
            DType::F32 => gpu::softmax(x),
            _ => {
                let last = x.rank() - 1;
                <Self as ActivationOps<Self>>::softmax(x, last)
            }
        }
    }

    fn row_softmax_backward(y: FloatTensor<Self>, grad: FloatTensor<Self>) -> FloatTensor<Self> {
        match y.dtype() {
            DType::F32 => gpu::softmax_backward(y, grad),
            _ => backward_by_parts::<Self>(y, grad),
        }
    }
}

impl SoftmaxBackend for Flex {
    fn row_softmax(x: FloatTensor<Self>) -> FloatTensor<Self> {
        rows(
            &x,
            #[inline(always)]
            |out, x| {
                out.copy_from_slice(x);
                cpu::softmax(out);
            },
        )
        .unwrap_or_else(|| {
            let last = x.rank() - 1;
            <Flex as ActivationOps<Flex>>::softmax(x, last)
        })
    }

    fn row_softmax_backward(y: FloatTensor<Self>, grad: FloatTensor<Self>) -> FloatTensor<Self> {
        rows2(
            &y,
            &grad,
            #[inline(always)]
            |out, y, grad| {
                out.copy_from_slice(grad);
                cpu::softmax_gradient(out, y);
            },
        )
        .unwrap_or_else(|| backward_by_parts::<Flex>(y, grad))
    }
}

impl<B: SoftmaxBackend, C: CheckpointStrategy> SoftmaxBackend for Autodiff<B, C> {
    fn row_softmax(x: FloatTensor<Self>) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct Softmax;

        impl<B: SoftmaxBackend> Backward<B, 1> for Softmax {
            type State = B::FloatTensorPrimitive;

            fn backward(
                self,
                ops: Ops<Self::State, 1>,
                grads: &mut Gradients,
                _: &mut Checkpointer,
            ) {
                let y = ops.state;
                unary::<B, _>(ops.parents, ops.node, grads, |grad| {
                    B::row_softmax_backward(y, grad)
                });
            }
        }

        match Softmax.prepare::<C>([x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let y = B::row_softmax(x.into_primitive());
                prep.finish(y.clone(), y)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::row_softmax(x.into_primitive())),
        }
    }

    // The gradient of the gradient is not needed: this is a constant to autodiff.

    fn row_softmax_backward(y: FloatTensor<Self>, grad: FloatTensor<Self>) -> FloatTensor<Self> {
        let (y, grad) = (y.into_primitive(), grad.into_primitive());
        <Self as AutodiffBackend>::from_inner(B::row_softmax_backward(y, grad))
    }
}

/// Softmax over the last axis; differentiable once.
pub fn softmax<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    Tensor::from_dispatch(<Dispatch as SoftmaxBackend>::row_softmax(x.into_dispatch()))
}
