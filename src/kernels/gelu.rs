//! Exact GELU: `x * 0.5 * (1 + erf(x / sqrt(2)))` with its exact gradient (Hendrycks and Gimpel, 2016).
//!
//! burn's generic gradient is that of the tanh approximation, 9e-4 off at worst. On the CPU its kernel is exact but
//! runs on one thread and calls `erff` for every number; here both passes are vectorised and use all cores.

use crate::kernels::host::{map, map2};
use crate::kernels::math::normal_tail;
use burn::Tensor;
use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind, unary};
use burn::backend::flex::FlexTensor;
use burn::backend::ops::ActivationOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, backend_extension};
use burn_cubecl::CubeBackend;
use std::f32::consts::{FRAC_1_SQRT_2, PI};

/// GELU and its gradient on a concrete backend.
#[backend_extension(Autodiff, Cube, Flex, Fusion: cfg(feature = "fusion"))]
pub trait GeluBackend: Backend {
    /// `x * cdf(x)`, elementwise.
    #[fusion(default)]
    fn exact_gelu(x: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::gelu(x)
    }

    /// `grad * (cdf(x) + x * pdf(x))`, elementwise.
    #[fusion(default)]
    fn exact_gelu_backward(x: FloatTensor<Self>, grad: FloatTensor<Self>) -> FloatTensor<Self> {
        let erf = Self::float_erf(Self::float_mul_scalar(x.clone(), FRAC_1_SQRT_2.into()));
        let cdf = Self::float_mul_scalar(Self::float_add_scalar(erf, 1.0f32.into()), 0.5f32.into());
        let square = Self::float_mul(x.clone(), x.clone());
        let density = Self::float_exp(Self::float_mul_scalar(square, (-0.5f32).into()));
        let density = Self::float_mul_scalar(density, (1.0 / (2.0 * PI).sqrt()).into());
        let slope = Self::float_add(cdf, Self::float_mul(x, density));
        Self::float_mul(grad, slope)
    }
}

impl GeluBackend for CubeBackend {}

impl GeluBackend for Flex {
    fn exact_gelu(x: FloatTensor<Self>) -> FloatTensor<Self> {
        map(
            &x,
            #[inline(always)]
            |out, x| {
                for (out, x) in out.iter_mut().zip(x) {
                    let (share, _) = normal(*x);
                    *out = x * share;
                }
            },
        )
        .unwrap_or_else(|| <Flex as ActivationOps<Flex>>::gelu(x))
    }

    fn exact_gelu_backward(x: FloatTensor<Self>, grad: FloatTensor<Self>) -> FloatTensor<Self> {
        let gradient = map2(
            &x,
            &grad,
            #[inline(always)]
            |[out], x, grad| {
                for ((out, x), grad) in out.iter_mut().zip(x).zip(grad) {
                    let (share, density) = normal(*x);
                    *out = grad * (share + x * density);
                }
            },
        );
        match gradient {
            Some([gradient]) => gradient,
            None => <Flex as ActivationOps<Flex>>::gelu_backward(x, grad),
        }
    }
}

/// GELU of `x` and the gradient of `x` from that of GELU, in one pass; none for tensors of other types than f32.
pub(super) fn gelu_and_backward(x: &FlexTensor, grad: &FlexTensor) -> Option<[FlexTensor; 2]> {
    map2(
        x,
        grad,
        #[inline(always)]
        |[y, of_x], x, grad| {
            for (((y, of_x), x), grad) in y.iter_mut().zip(of_x).zip(x).zip(grad) {
                let (share, density) = normal(*x);
                *y = x * share;
                *of_x = grad * (share + x * density);
            }
        },
    )
}

/// The share of the normal distribution below x, and its density at x.
#[inline(always)]
fn normal(x: f32) -> (f32, f32) {
    let (tail, density) = normal_tail(x.abs());
    (if x < 0.0 { tail } else { 1.0 - tail }, density)
}

impl<B: GeluBackend, C: CheckpointStrategy> GeluBackend for Autodiff<B, C> {
    fn exact_gelu(x: FloatTensor<Self>) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct Gelu;

        impl<B: GeluBackend> Backward<B, 1> for Gelu {
            type State = NodeId;

            fn backward(
                self,
                ops: Ops<Self::State, 1>,
                grads: &mut Gradients,
                checkpointer: &mut Checkpointer,
            ) {
                let x = checkpointer.retrieve_node_output(ops.state);
                unary::<B, _>(ops.parents, ops.node, grads, |grad| {
                    B::exact_gelu_backward(x, grad)
                });
            }
        }

        match Gelu.prepare::<C>([x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let state = prep.checkpoint(&x);
                prep.finish(state, B::exact_gelu(x.into_primitive()))
            }
            OpsKind::UnTracked(prep) => prep.finish(B::exact_gelu(x.into_primitive())),
        }
    }
}

/// Exact GELU of every element; differentiable once.
pub fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    Tensor::from_dispatch(<Dispatch as GeluBackend>::exact_gelu(x.into_dispatch()))
}
