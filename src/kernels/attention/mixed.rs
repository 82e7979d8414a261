//! Attention of some heads and queries as one operation: the weights of the mixture, a number for each pair of tokens, are
//! computed again in the backward pass instead of being kept (as in Rabe and Staats, Self-attention Does Not Need O(n^2)
//! Memory, 2021).

use crate::kernels::{MatmulBackend, SoftmaxBackend, flex};
use burn::Tensor;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{
    Autodiff, AutodiffBackend, Backend, Dispatch, Flex, TensorMetadata, backend_extension,
};
use burn::tensor::{DType, FloatDType};
use burn_cubecl::CubeBackend;

/// Attention on a concrete backend.
#[backend_extension(Autodiff, Cube, Flex, Fusion: cfg(feature = "fusion"))]
pub(crate) trait MixedBackend: MatmulBackend + SoftmaxBackend {
    /// `softmax(q k^T) v` for `[batch, heads, tokens, width]`; the softmax is in f32 whatever the products are in.
    #[fusion(default)]
    fn mixed(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        mixed_by_parts::<Self>(q, k, v)
    }

    /// Gradients of queries, keys and values from that of what [`Self::mixed`] gave.
    #[fusion(default)]
    fn mixed_backward(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        backward_by_parts::<Self>(q, k, v, grad)
    }
}

impl MixedBackend for CubeBackend {}

impl MixedBackend for Flex {
    fn mixed(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        flex::attention([&q, &k, &v]).unwrap_or_else(|| mixed_by_parts::<Self>(q, k, v))
    }

    fn mixed_backward(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        flex::attention_backward([&q, &k, &v], &grad)
            .unwrap_or_else(|| backward_by_parts::<Self>(q, k, v, grad))
    }
}

fn mixed_by_parts<B: MatmulBackend + SoftmaxBackend>(
    q: FloatTensor<B>,
    k: FloatTensor<B>,
    v: FloatTensor<B>,
) -> FloatTensor<B> {
    let dtype = q.dtype();
    let shares = cast::<B>(shares::<B>(q, k), dtype);
    B::product(shares, v, false, false)
}

fn backward_by_parts<B: MatmulBackend + SoftmaxBackend>(
    q: FloatTensor<B>,
    k: FloatTensor<B>,
    v: FloatTensor<B>,
    grad: FloatTensor<B>,
) -> (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>) {
    let dtype = q.dtype();
    let shares = shares::<B>(q.clone(), k.clone());
    let of_v = B::product(cast::<B>(shares.clone(), dtype), grad.clone(), true, false);
    let of_shares = cast::<B>(B::product(grad, v, false, true), DType::F32);
    let of_scores = cast::<B>(B::row_softmax_backward(shares, of_shares), dtype);
    let of_q = B::product(of_scores.clone(), k, false, false);
    let of_k = B::product(of_scores, q, true, false);
    (of_q, of_k, of_v)
}

/// `softmax(q k^T)` in f32.
fn shares<B: MatmulBackend + SoftmaxBackend>(
    q: FloatTensor<B>,
    k: FloatTensor<B>,
) -> FloatTensor<B> {
    B::row_softmax(cast::<B>(B::product(q, k, false, true), DType::F32))
}

fn cast<B: Backend>(x: FloatTensor<B>, dtype: DType) -> FloatTensor<B> {
    if x.dtype() == dtype {
        return x;
    }
    B::float_cast(x, FloatDType::from(dtype))
}

#[derive(Debug)]
struct Mixed;

impl<B: MixedBackend> Backward<B, 3> for Mixed {
    /// Queries, keys, values.
    type State = [FloatTensor<B>; 3];

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let [q, k, v] = ops.state;
        let (of_q, of_k, of_v) = B::mixed_backward(q, k, v, grad);
        for (node, grad) in ops.parents.into_iter().zip([of_q, of_k, of_v]) {
            if let Some(node) = node {
                grads.register::<B>(node.id, grad);
            }
        }
    }
}

impl<B: MixedBackend, C: CheckpointStrategy> MixedBackend for Autodiff<B, C> {
    fn mixed(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let prepared = Backward::<B, 3>::prepare::<C>(Mixed, [q.node(), k.node(), v.node()]);
        let [q, k, v] = [q, k, v].map(|tensor| tensor.into_primitive());
        match prepared.compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let y = B::mixed(q.clone(), k.clone(), v.clone());
                prep.finish([q, k, v], y)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::mixed(q, k, v)),
        }
    }

    // The gradient of the gradient is not needed: this is a constant to autodiff.

    fn mixed_backward(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let [q, k, v, grad] = [q, k, v, grad].map(|tensor| tensor.into_primitive());
        let (of_q, of_k, of_v) = B::mixed_backward(q, k, v, grad);
        let constant = |tensor| <Self as AutodiffBackend>::from_inner(tensor);
        (constant(of_q), constant(of_k), constant(of_v))
    }
}

/// `softmax(q k^T) v` of queries that are scaled already, `[batch, heads, tokens, width]` each and of one type;
/// differentiable once.
///
/// # Panics
/// If the shapes or types do not fit.
pub(super) fn mixed(q: Tensor<4>, k: Tensor<4>, v: Tensor<4>) -> Tensor<4> {
    let [of_q, of_k, of_v] = [q.dims(), k.dims(), v.dims()];
    assert!(
        of_q[..2] == of_k[..2]
            && of_k[..3] == of_v[..3]
            && of_q[3] == of_k[3]
            && q.dtype() == k.dtype()
            && k.dtype() == v.dtype(),
        "no attention of queries {of_q:?}, keys {of_k:?} and values {of_v:?}"
    );
    let [q, k, v] = [q, k, v].map(Tensor::into_dispatch);
    Tensor::from_dispatch(<Dispatch as MixedBackend>::mixed(q, k, v))
}
