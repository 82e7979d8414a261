//! Instance normalisation (Ulyanov et al., 2016), an optional residual and a leaky ReLU as one operation.
//!
//! The backward pass needs the output, which the next layer keeps anyway, and the reciprocal deviation: a leaky ReLU
//! can be undone, so the normalised values come back from the output, and the input is free once the operation has
//! run (as in Rota Bulò et al., In-Place Activated BatchNorm, 2018).

use crate::kernels::{flex, gpu};
use burn::Tensor;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, AutodiffBackend, Backend, Dispatch, Flex, backend_extension};
#[cfg(feature = "fusion")]
use burn::tensor::{DType, Shape};
use burn_cubecl::CubeBackend;

/// The passes of instance normalisation on a concrete backend, for `[batch, depth, height, width, channels]`.
#[backend_extension(Autodiff, Cube, Flex, Fusion: cfg(feature = "fusion"))]
pub trait InstanceNormBackend: Backend {
    /// Mean and reciprocal deviation of each sample's channels over space, `[batch, 2, channels]`, f32. The variance
    /// is the biased one, 1e-5 is added to it.
    #[fusion(dtype = { let _ = x; DType::F32 }, shape = Shape::from([x[0], 2, x[4]]))]
    fn instance_norm_stats(x: FloatTensor<Self>) -> FloatTensor<Self>;

    /// `leaky_relu((x - mean) * reciprocal deviation)`; a slope of 1 is no activation.
    #[fusion(dtype = { let _ = stats; x }, shape = { let _ = stats; x.clone() })]
    fn instance_norm_apply(
        x: FloatTensor<Self>,
        stats: FloatTensor<Self>,
        slope: f32,
    ) -> FloatTensor<Self>;

    /// `leaky_relu((x - mean) * reciprocal deviation + residual)`.
    #[fusion(dtype = { let _ = (stats, residual); x }, shape = { let _ = (stats, residual); x.clone() })]
    fn instance_norm_apply_residual(
        x: FloatTensor<Self>,
        stats: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        slope: f32,
    ) -> FloatTensor<Self>;

    /// Gradient of the input, from the output and the output's gradient.
    #[fusion(dtype = { let _ = (stats, grad); y }, shape = { let _ = (stats, grad); y.clone() })]
    fn instance_norm_backward(
        y: FloatTensor<Self>,
        stats: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        slope: f32,
    ) -> FloatTensor<Self>;

    /// As [`Self::instance_norm_backward`] where a residual was added.
    #[fusion(dtype = { let _ = (stats, residual, grad); y }, shape = { let _ = (stats, residual, grad); y.clone() })]
    fn instance_norm_backward_residual(
        y: FloatTensor<Self>,
        stats: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        slope: f32,
    ) -> FloatTensor<Self>;

    /// Gradient before a leaky ReLU with output `y`: `grad` where y is above 0, `slope * grad` elsewhere.
    #[fusion(dtype = { let _ = grad; y }, shape = { let _ = grad; y.clone() })]
    fn leaky_relu_backward_from_output(
        y: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        slope: f32,
    ) -> FloatTensor<Self>;
}

macro_rules! forward_to {
    ($backend:ty, $kernels:ident) => {
        impl InstanceNormBackend for $backend {
            fn instance_norm_stats(x: FloatTensor<Self>) -> FloatTensor<Self> {
                $kernels::instance_norm_stats(x)
            }

            fn instance_norm_apply(
                x: FloatTensor<Self>,
                stats: FloatTensor<Self>,
                slope: f32,
            ) -> FloatTensor<Self> {
                $kernels::instance_norm_apply(x, stats, None, slope)
            }

            fn instance_norm_apply_residual(
                x: FloatTensor<Self>,
                stats: FloatTensor<Self>,
                residual: FloatTensor<Self>,
                slope: f32,
            ) -> FloatTensor<Self> {
                $kernels::instance_norm_apply(x, stats, Some(residual), slope)
            }

            fn instance_norm_backward(
                y: FloatTensor<Self>,
                stats: FloatTensor<Self>,
                grad: FloatTensor<Self>,
                slope: f32,
            ) -> FloatTensor<Self> {
                $kernels::instance_norm_backward(y, stats, None, grad, slope)
            }

            fn instance_norm_backward_residual(
                y: FloatTensor<Self>,
                stats: FloatTensor<Self>,
                residual: FloatTensor<Self>,
                grad: FloatTensor<Self>,
                slope: f32,
            ) -> FloatTensor<Self> {
                $kernels::instance_norm_backward(y, stats, Some(residual), grad, slope)
            }

            fn leaky_relu_backward_from_output(
                y: FloatTensor<Self>,
                grad: FloatTensor<Self>,
                slope: f32,
            ) -> FloatTensor<Self> {
                $kernels::leaky_relu_backward(y, grad, slope)
            }
        }
    };
}

forward_to!(CubeBackend, gpu);
forward_to!(Flex, flex);

/// What the backward pass needs.
#[derive(Debug, Clone)]
struct State<T> {
    y: T,
    stats: T,
    residual: Option<T>,
    slope: f32,
}

#[derive(Debug)]
struct InstanceNorm;

impl<B: InstanceNormBackend> Backward<B, 1> for InstanceNorm {
    type State = State<FloatTensor<B>>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let State {
            y, stats, slope, ..
        } = ops.state;
        let grad = grads.consume::<B>(&ops.node);
        if let [Some(node)] = ops.parents {
            let grad = B::instance_norm_backward(y, stats, grad, slope);
            grads.register::<B>(node.id, grad);
        }
    }
}

impl<B: InstanceNormBackend> Backward<B, 2> for InstanceNorm {
    type State = State<FloatTensor<B>>;

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let State {
            y,
            stats,
            residual,
            slope,
        } = ops.state;
        let grad = grads.consume::<B>(&ops.node);
        let [x, added] = ops.parents;
        // First, for the other may write its result over the gradient.
        if let Some(node) = added {
            let grad = B::leaky_relu_backward_from_output(y.clone(), grad.clone(), slope);
            grads.register::<B>(node.id, grad);
        }
        if let (Some(node), Some(residual)) = (x, residual) {
            let grad = B::instance_norm_backward_residual(y, stats, residual, grad, slope);
            grads.register::<B>(node.id, grad);
        }
    }
}

impl<B: InstanceNormBackend, C: CheckpointStrategy> InstanceNormBackend for Autodiff<B, C> {
    fn instance_norm_stats(x: FloatTensor<Self>) -> FloatTensor<Self> {
        <Self as AutodiffBackend>::from_inner(B::instance_norm_stats(x.into_primitive()))
    }

    fn instance_norm_apply(
        x: FloatTensor<Self>,
        stats: FloatTensor<Self>,
        slope: f32,
    ) -> FloatTensor<Self> {
        let prepared = Backward::<B, 1>::prepare::<C>(InstanceNorm, [x.node()]);
        let stats = stats.into_primitive();
        let kept = stats.clone();
        let y = B::instance_norm_apply(x.into_primitive(), stats, slope);
        match prepared.compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let state = State {
                    y: y.clone(),
                    stats: kept,
                    residual: None,
                    slope,
                };
                prep.finish(state, y)
            }
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    fn instance_norm_apply_residual(
        x: FloatTensor<Self>,
        stats: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        slope: f32,
    ) -> FloatTensor<Self> {
        let prepared = Backward::<B, 2>::prepare::<C>(InstanceNorm, [x.node(), residual.node()]);
        let (stats, residual) = (stats.into_primitive(), residual.into_primitive());
        let kept = (stats.clone(), residual.clone());
        let y = B::instance_norm_apply_residual(x.into_primitive(), stats, residual, slope);
        match prepared.compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let state = State {
                    y: y.clone(),
                    stats: kept.0,
                    residual: Some(kept.1),
                    slope,
                };
                prep.finish(state, y)
            }
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    // The gradients of gradients are not needed: these are constants to autodiff.

    fn instance_norm_backward(
        y: FloatTensor<Self>,
        stats: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        slope: f32,
    ) -> FloatTensor<Self> {
        let (y, stats, grad) = (
            y.into_primitive(),
            stats.into_primitive(),
            grad.into_primitive(),
        );
        <Self as AutodiffBackend>::from_inner(B::instance_norm_backward(y, stats, grad, slope))
    }

    fn instance_norm_backward_residual(
        y: FloatTensor<Self>,
        stats: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        slope: f32,
    ) -> FloatTensor<Self> {
        let (y, stats) = (y.into_primitive(), stats.into_primitive());
        let (residual, grad) = (residual.into_primitive(), grad.into_primitive());
        <Self as AutodiffBackend>::from_inner(B::instance_norm_backward_residual(
            y, stats, residual, grad, slope,
        ))
    }

    fn leaky_relu_backward_from_output(
        y: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        slope: f32,
    ) -> FloatTensor<Self> {
        let (y, grad) = (y.into_primitive(), grad.into_primitive());
        <Self as AutodiffBackend>::from_inner(B::leaky_relu_backward_from_output(y, grad, slope))
    }
}

/// `leaky_relu(norm(x) + residual)` of `[batch, depth, height, width, channels]`, where `norm` brings each channel of
/// each sample to mean 0 and deviation 1 over space: biased variance, epsilon 1e-5, no scale and shift (specification
/// 5.4). `slope` is above 0; 1 is no activation. Differentiable once.
///
/// # Panics
/// When the residual has another shape.
pub fn instance_norm(x: Tensor<5>, residual: Option<Tensor<5>>, slope: f32) -> Tensor<5> {
    if let Some(residual) = &residual {
        assert_eq!(x.dims(), residual.dims(), "the residual's shape");
    }
    let x = x.into_dispatch();
    let stats = <Dispatch as InstanceNormBackend>::instance_norm_stats(x.clone());
    Tensor::from_dispatch(match residual {
        None => <Dispatch as InstanceNormBackend>::instance_norm_apply(x, stats, slope),
        Some(residual) => <Dispatch as InstanceNormBackend>::instance_norm_apply_residual(
            x,
            stats,
            residual.into_dispatch(),
            slope,
        ),
    })
}
