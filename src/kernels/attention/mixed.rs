//! Attention of some heads and queries as one operation: the weights of the mixture, a number for each pair of tokens, are
//! computed again in the backward pass instead of being kept (as in Rabe and Staats, Self-attention Does Not Need O(n^2)
//! Memory, 2021).

use crate::kernels::{MatmulBackend, SoftmaxBackend};
use burn::Tensor;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Dispatch, Flex, TensorMetadata, backend_extension};
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
        let dtype = q.dtype();
        let shares = cast::<Self>(shares::<Self>(q, k), dtype);
        Self::product(shares, v, false, false)
    }
}

impl MixedBackend for CubeBackend {}
impl MixedBackend for Flex {}

/// `softmax(q k^T)` in f32.
fn shares<B: MixedBackend>(q: FloatTensor<B>, k: FloatTensor<B>) -> FloatTensor<B> {
    B::row_softmax(cast::<B>(B::product(q, k, false, true), DType::F32))
}

fn cast<B: MixedBackend>(x: FloatTensor<B>, dtype: DType) -> FloatTensor<B> {
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
        let [of_q, of_k, of_v] = ops.parents;
        let dtype = q.dtype();
        let shares = shares::<B>(q.clone(), k.clone());
        if let Some(node) = of_v {
            let shares = cast::<B>(shares.clone(), dtype);
            grads.register::<B>(node.id, B::product(shares, grad.clone(), true, false));
        }
        if of_q.is_none() && of_k.is_none() {
            return;
        }
        let of_shares = cast::<B>(B::product(grad, v, false, true), DType::F32);
        let of_scores = cast::<B>(B::row_softmax_backward(shares, of_shares), dtype);
        if let Some(node) = of_q {
            grads.register::<B>(node.id, B::product(of_scores.clone(), k, false, false));
        }
        if let Some(node) = of_k {
            grads.register::<B>(node.id, B::product(of_scores, q, true, false));
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
