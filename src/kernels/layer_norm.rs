//! Layer normalisation (Ba, Kiros and Hinton, 2016) with a gradient of its own, where burn's is a chain of reductions and
//! elementwise passes.

use crate::kernels::{NORM_EPSILON, flex, gpu};
use burn::Tensor;
use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
#[cfg(feature = "fusion")]
use burn::backend::fusion::custom::TensorSpec;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, AutodiffBackend, Backend, Dispatch, Flex, backend_extension};
use burn::tensor::DType;
use burn_cubecl::CubeBackend;

/// Layer norm of `[rows, features]`, f32.
#[backend_extension(Autodiff, Cube, Flex, Fusion: cfg(feature = "fusion"))]
pub trait LayerNormBackend: Backend {
    /// `(x - mean) / sqrt(variance + 1e-5) * weight + bias` with the statistics of each row.
    #[fusion(dtype = { let _ = (weight, bias); x }, shape = { let _ = (weight, bias); x.clone() })]
    fn row_layer_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// Gradients by input, weight and bias.
    #[fusion(meta = gradients)]
    fn row_layer_norm_backward(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

#[cfg(feature = "fusion")]
fn gradients(
    x: &TensorSpec,
    weight: &TensorSpec,
    _grad: &TensorSpec,
) -> (TensorSpec, TensorSpec, TensorSpec) {
    (x.clone(), weight.clone(), weight.clone())
}

impl LayerNormBackend for CubeBackend {
    fn row_layer_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        gpu::layer_norm(x, weight, bias)
    }

    fn row_layer_norm_backward(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        gpu::layer_norm_backward(x, weight, grad)
    }
}

impl LayerNormBackend for Flex {
    fn row_layer_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        flex::layer_norm(&x, &weight, &bias)
    }

    fn row_layer_norm_backward(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        flex::layer_norm_backward(&x, &weight, &grad)
    }
}

#[derive(Debug)]
struct LayerNorm;

impl<B: LayerNormBackend> Backward<B, 3> for LayerNorm {
    type State = [NodeId; 2];

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let grad = grads.consume::<B>(&ops.node);
        let [x, weight] = ops
            .state
            .map(|node| checkpointer.retrieve_node_output(node));
        let (x, weight, bias) = B::row_layer_norm_backward(x, weight, grad);
        for (parent, part) in ops.parents.iter().zip([x, weight, bias]) {
            if let Some(node) = parent {
                grads.register::<B>(node.id, part);
            }
        }
    }
}

impl<B: LayerNormBackend, C: CheckpointStrategy> LayerNormBackend for Autodiff<B, C> {
    fn row_layer_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), weight.node(), bias.node()];
        let prepared = Backward::<B, 3>::prepare::<C>(LayerNorm, nodes);
        match prepared.compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let state = [prep.checkpoint(&x), prep.checkpoint(&weight)];
                let (x, weight) = (x.into_primitive(), weight.into_primitive());
                prep.finish(state, B::row_layer_norm(x, weight, bias.into_primitive()))
            }
            OpsKind::UnTracked(prep) => prep.finish(B::row_layer_norm(
                x.into_primitive(),
                weight.into_primitive(),
                bias.into_primitive(),
            )),
        }
    }

    // The gradients of gradients are not needed: these are constants to autodiff.

    fn row_layer_norm_backward(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let (x, weight) = (x.into_primitive(), weight.into_primitive());
        let (x, weight, bias) = B::row_layer_norm_backward(x, weight, grad.into_primitive());
        let constant = <Self as AutodiffBackend>::from_inner;
        (constant(x), constant(weight), constant(bias))
    }
}

/// Layer norm of `[rows, features]`, f32: biased variance, epsilon 1e-5, then `weight` and `bias` `[features]`.
/// Differentiable once.
pub fn layer_norm(x: Tensor<2>, weight: Tensor<1>, bias: Tensor<1>) -> Tensor<2> {
    if x.dtype() != DType::F32 {
        return burn::tensor::module::layer_norm(x, weight, Some(bias), NORM_EPSILON);
    }
    Tensor::from_dispatch(<Dispatch as LayerNormBackend>::row_layer_norm(
        x.into_dispatch(),
        weight.into_dispatch(),
        bias.into_dispatch(),
    ))
}
