//! GELU and the matrix product behind it as one operation: what GELU gave, the widest tensor of a transformer's block, is
//! computed again in the backward pass instead of being kept.

use crate::kernels::gelu::gelu_and_backward;
use crate::kernels::{GeluBackend, MatmulBackend};
use burn::Tensor;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, AutodiffBackend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::FloatDType;
use burn_cubecl::CubeBackend;

/// GELU and a product on a concrete backend.
#[backend_extension(Autodiff, Cube, Flex, Fusion: cfg(feature = "fusion"))]
pub(crate) trait GeluProductBackend: GeluBackend + MatmulBackend {
    /// `gelu(x) weight` in the weight's type, of `[rows, in]` in f32 and `[in, out]`.
    #[fusion(default)]
    fn gelu_product(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::product(activated::<Self>(x, &weight), weight, false, false)
    }

    /// Gradients of `x` and of the weight.
    #[fusion(default)]
    fn gelu_product_backward(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let wide = activated::<Self>(x.clone(), &weight);
        let of_weight = Self::product(wide, grad.clone(), true, false);
        let wide = in_type_of::<Self>(Self::product(grad, weight, false, true), &x);
        (Self::exact_gelu_backward(x, wide), of_weight)
    }
}

impl GeluProductBackend for CubeBackend {}

impl GeluProductBackend for Flex {
    fn gelu_product_backward(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        // GELU and its gradient share most of their work.
        let wide = in_type_of::<Self>(Self::product(grad.clone(), weight.clone(), false, true), &x);
        let [activated, of_x] = gelu_and_backward(&x, &wide).unwrap_or_else(|| {
            let activated = Self::exact_gelu(x.clone());
            [activated, Self::exact_gelu_backward(x, wide)]
        });
        let activated = in_type_of::<Self>(activated, &weight);
        (of_x, Self::product(activated, grad, true, false))
    }
}

/// `gelu(x)` in the type of `like`.
fn activated<B: GeluBackend>(x: FloatTensor<B>, like: &FloatTensor<B>) -> FloatTensor<B> {
    in_type_of::<B>(B::exact_gelu(x), like)
}

fn in_type_of<B: GeluBackend>(x: FloatTensor<B>, like: &FloatTensor<B>) -> FloatTensor<B> {
    if x.dtype() == like.dtype() {
        return x;
    }
    B::float_cast(x, FloatDType::from(like.dtype()))
}

#[derive(Debug)]
struct GeluProduct;

impl<B: GeluProductBackend> Backward<B, 2> for GeluProduct {
    /// `x` and the weight.
    type State = [FloatTensor<B>; 2];

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let [x, weight] = ops.state;
        let (of_x, of_weight) = B::gelu_product_backward(x, weight, grad);
        for (node, grad) in ops.parents.into_iter().zip([of_x, of_weight]) {
            if let Some(node) = node {
                grads.register::<B>(node.id, grad);
            }
        }
    }
}

impl<B: GeluProductBackend, C: CheckpointStrategy> GeluProductBackend for Autodiff<B, C> {
    fn gelu_product(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        let prepared = Backward::<B, 2>::prepare::<C>(GeluProduct, [x.node(), weight.node()]);
        let (x, weight) = (x.into_primitive(), weight.into_primitive());
        match prepared.compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let y = B::gelu_product(x.clone(), weight.clone());
                prep.finish([x, weight], y)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::gelu_product(x, weight)),
        }
    }

    // The gradient of the gradient is not needed: this is a constant to autodiff.

    fn gelu_product_backward(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let [x, weight, grad] = [x, weight, grad].map(|tensor| tensor.into_primitive());
        let (of_x, of_weight) = B::gelu_product_backward(x, weight, grad);
        let constant = |tensor| <Self as AutodiffBackend>::from_inner(tensor);
        (constant(of_x), constant(of_weight))
    }
}

/// `gelu(x) weight` for `[rows, in]` in f32 and `[in, out]`, whose type the product and the result are in. Differentiable
/// once.
///
/// # Panics
/// If the shapes do not fit.
pub(crate) fn gelu_product(x: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
    let (of_x, of_weight) = (x.dims(), weight.dims());
    assert_eq!(of_x[1], of_weight[0], "columns of x and rows of the weight");
    Tensor::from_dispatch(<Dispatch as GeluProductBackend>::gelu_product(
        x.into_dispatch(),
        weight.into_dispatch(),
    ))
}
