//! When a gradient is formed.

use burn::Tensor;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, backend_extension};
use burn_cubecl::CubeBackend;

/// A tensor passed on, on a concrete backend.
#[backend_extension(Autodiff, Cube, Flex, Fusion: cfg(feature = "fusion"))]
pub(crate) trait BehindBackend: Backend {
    /// `x`.
    #[fusion(default)]
    fn behind(x: FloatTensor<Self>, anchor: FloatTensor<Self>) -> FloatTensor<Self> {
        let _ = anchor;
        x
    }
}

impl BehindBackend for CubeBackend {}
impl BehindBackend for Flex {}

#[derive(Debug)]
struct Behind;

impl<B: BehindBackend> Backward<B, 2> for Behind {
    type State = ();

    fn backward(self, ops: Ops<(), 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        if let [Some(node), _] = ops.parents {
            grads.register::<B>(node.id, grad);
        }
    }
}

impl<B: BehindBackend, C: CheckpointStrategy> BehindBackend for Autodiff<B, C> {
    fn behind(x: FloatTensor<Self>, anchor: FloatTensor<Self>) -> FloatTensor<Self> {
        let prepared = Backward::<B, 2>::prepare::<C>(Behind, [x.node(), anchor.node()]);
        prepared.compute_bound().stateless(x.into_primitive())
    }
}

/// `x` as if it were made after `anchor`, whose own gradient something else must form.
///
/// The backward pass goes by depth, the deepest first. What is made from this tensor has its turn before all that `anchor`
/// is made from, and so what it kept is free by then.
pub(crate) fn behind<const D: usize, const E: usize>(
    x: Tensor<D>,
    anchor: &Tensor<E>,
) -> Tensor<D> {
    let (x, anchor) = (x.into_dispatch(), anchor.clone().into_dispatch());
    Tensor::from_dispatch(<Dispatch as BehindBackend>::behind(x, anchor))
}
