//! A bias whose gradient is summed in stages.

use crate::kernels::{flex, gpu};
use burn::Tensor;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{
    Autodiff, AutodiffBackend, Backend, Dispatch, Flex, TensorMetadata, backend_extension,
};
use burn::tensor::{DType, Shape};
use burn_cubecl::CubeBackend;

/// A bias of `[rows, features]`, f32.
#[backend_extension(Autodiff, Cube, Flex, Fusion: cfg(feature = "fusion"))]
pub trait BiasBackend: Backend {
    /// `x + bias`.
    #[fusion(default)]
    fn add_row(x: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self> {
        let features = bias.shape()[0];
        Self::float_add(x, Self::float_reshape(bias, Shape::from([1, features])))
    }

    /// Sums over rows, `[features]`.
    #[fusion(dtype = x, shape = Shape::from([x[1]]))]
    fn sum_rows(x: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl BiasBackend for CubeBackend {
    fn sum_rows(x: FloatTensor<Self>) -> FloatTensor<Self> {
        gpu::column_sums(x)
    }
}

impl BiasBackend for Flex {
    fn sum_rows(x: FloatTensor<Self>) -> FloatTensor<Self> {
        flex::sum_rows(&x)
    }
}

#[derive(Debug)]
struct AddRow;

impl<B: BiasBackend> Backward<B, 2> for AddRow {
    type State = ();

    fn backward(self, ops: Ops<(), 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let [x, bias] = ops.parents;
        if let Some(node) = bias {
            grads.register::<B>(node.id, B::sum_rows(grad.clone()));
        }
        if let Some(node) = x {
            grads.register::<B>(node.id, grad);
        }
    }
}

impl<B: BiasBackend, C: CheckpointStrategy> BiasBackend for Autodiff<B, C> {
    fn add_row(x: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self> {
        let prepared = Backward::<B, 2>::prepare::<C>(AddRow, [x.node(), bias.node()]);
        let stateful = prepared.compute_bound().stateful();
        let y = B::add_row(x.into_primitive(), bias.into_primitive());
        match stateful {
            OpsKind::Tracked(prep) => prep.finish((), y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    fn sum_rows(x: FloatTensor<Self>) -> FloatTensor<Self> {
        <Self as AutodiffBackend>::from_inner(B::sum_rows(x.into_primitive()))
    }
}

/// `x + bias` for `[rows, features]` and `[features]`, f32; differentiable once.
///
/// The gradient of a broadcast bias is a sum over all rows. burn 0.22's reduction gives wrong sums over long axes without
/// an error: on the WGSL path, and on the CPU, where one f32 takes millions of small numbers. Here it is summed in stages.
pub fn add_bias(x: Tensor<2>, bias: Tensor<1>) -> Tensor<2> {
    if x.dtype() != DType::F32 {
        let features = bias.dims()[0];
        return x + bias.reshape([1, features]);
    }
    Tensor::from_dispatch(<Dispatch as BiasBackend>::add_row(
        x.into_dispatch(),
        bias.into_dispatch(),
    ))
}
