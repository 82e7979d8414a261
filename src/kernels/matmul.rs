//! Matrix products, of our own on GPUs, see [`gpu::matmul`] for why, and by burn's library on the CPU, into memory that is
//! not cleared first.

use crate::kernels::{flex, gpu};
use burn::Tensor;
use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
#[cfg(feature = "fusion")]
use burn::tensor::Shape;
use burn_cubecl::CubeBackend;

/// Matrix products on a concrete backend.
#[backend_extension(Autodiff, Cube, Flex, Fusion: cfg(feature = "fusion"))]
pub trait MatmulBackend: Backend {
    /// `a` `[.., m, k]` times `b` `[.., k, n]`; an operand whose flag is set is given transposed. Both have the same
    /// leading axes and type, which the result has too.
    #[fusion(dtype = { let _ = b; a }, shape = product(a, b, *a_transposed, *b_transposed))]
    fn product(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        a_transposed: bool,
        b_transposed: bool,
    ) -> FloatTensor<Self>;
}

#[cfg(feature = "fusion")]
fn product(a: &Shape, b: &Shape, a_transposed: bool, b_transposed: bool) -> Shape {
    let mut shape = a.clone();
    let rank = shape.num_dims();
    shape[rank - 2] = a[rank - 1 - usize::from(!a_transposed)];
    shape[rank - 1] = b[rank - 1 - usize::from(b_transposed)];
    shape
}

impl MatmulBackend for CubeBackend {
    fn product(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        a_transposed: bool,
        b_transposed: bool,
    ) -> FloatTensor<Self> {
        if gpu::prefers_own_matmul(&a) {
            return gpu::matmul(a, b, [a_transposed, b_transposed]);
        }
        let [a, b] = [(a, a_transposed), (b, b_transposed)].map(view::<Self>);
        Self::float_matmul(a, b)
    }
}

impl MatmulBackend for Flex {
    fn product(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        a_transposed: bool,
        b_transposed: bool,
    ) -> FloatTensor<Self> {
        flex::product(&a, &b, [a_transposed, b_transposed]).unwrap_or_else(|| {
            let [a, b] = [(a, a_transposed), (b, b_transposed)].map(view::<Self>);
            Self::float_matmul(a, b)
        })
    }
}

/// The tensor, transposed where the flag is set.
fn view<B: Backend>((x, transposed): (FloatTensor<B>, bool)) -> FloatTensor<B> {
    if !transposed {
        return x;
    }
    let rank = x.rank();
    B::float_swap_dims(x, rank - 2, rank - 1)
}

#[derive(Debug)]
struct Product {
    b_transposed: bool,
}

impl<B: MatmulBackend> Backward<B, 2> for Product {
    type State = [Option<NodeId>; 2];

    fn backward(
        self,
        ops: Ops<Self::State, 2>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let grad = grads.consume::<B>(&ops.node);
        let b_transposed = self.b_transposed;
        let [a, b] = ops.state;
        let [of_a, of_b] = ops.parents;
        // Each operand is kept for the other's gradient.
        let a: Option<FloatTensor<B>> = a.map(|node| checkpointer.retrieve_node_output(node));
        let b: Option<FloatTensor<B>> = b.map(|node| checkpointer.retrieve_node_output(node));
        if let (Some(node), Some(b)) = (of_a, b) {
            let part = B::product(grad.clone(), b, false, !b_transposed);
            grads.register::<B>(node.id, part);
        }
        if let (Some(node), Some(a)) = (of_b, a) {
            let part = match b_transposed {
                true => B::product(grad, a, true, false),
                false => B::product(a, grad, true, false),
            };
            grads.register::<B>(node.id, part);
        }
    }
}

impl<B: MatmulBackend, C: CheckpointStrategy> MatmulBackend for Autodiff<B, C> {
    fn product(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        a_transposed: bool,
        b_transposed: bool,
    ) -> FloatTensor<Self> {
        assert!(!a_transposed, "only the backward pass transposes the first");
        let tracked = [a.is_tracked(), b.is_tracked()];
        let operation = Product { b_transposed };
        let prepared = Backward::<B, 2>::prepare::<C>(operation, [a.node(), b.node()]);
        match prepared.compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let kept = [
                    tracked[1].then(|| prep.checkpoint(&a)),
                    tracked[0].then(|| prep.checkpoint(&b)),
                ];
                let (a, b) = (a.into_primitive(), b.into_primitive());
                let y = B::product(a, b, a_transposed, b_transposed);
                prep.finish(kept, y)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::product(
                a.into_primitive(),
                b.into_primitive(),
                a_transposed,
                b_transposed,
            )),
        }
    }
}

/// `a` `[.., m, k]` times `b` `[.., k, n]` with the same leading axes and type; differentiable once.
///
/// # Panics
/// If the shapes or types do not fit, as `Tensor::matmul`.
pub fn matmul<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> Tensor<D> {
    product_of(a, b, false)
}

/// `a` `[.., m, k]` times the transposed `b` `[.., n, k]`; otherwise as [`matmul`].
///
/// # Panics
/// As [`matmul`].
pub fn matmul_transposed<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> Tensor<D> {
    product_of(a, b, true)
}

fn product_of<const D: usize>(a: Tensor<D>, b: Tensor<D>, b_transposed: bool) -> Tensor<D> {
    // As burn's own product does; the kernel would read beyond the smaller one.
    let (of_a, of_b) = (a.dims(), b.dims());
    let inner = of_b[D - 1 - usize::from(!b_transposed)];
    assert!(
        of_a[..D - 2] == of_b[..D - 2] && of_a[D - 1] == inner && a.dtype() == b.dtype(),
        "no product of {of_a:?} and {of_b:?} (the second transposed: {b_transposed})"
    );
    Tensor::from_dispatch(<Dispatch as MatmulBackend>::product(
        a.into_dispatch(),
        b.into_dispatch(),
        false,
        b_transposed,
    ))
}
