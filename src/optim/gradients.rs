//! Gradients by parameter name: accumulation over micro-batches, global norm, clipping.

use crate::kernels::{is_cpu, square_sums, sum_all};
use crate::weights::{Named, PathStack};
use burn::Tensor;
use burn::module::{ModuleVisitor, Param};
use burn::tensor::Gradients;
use std::collections::BTreeMap;
use std::marker::PhantomData;

/// Flat gradients by parameter name, outside the autodiff graph.
pub type GradientMap = BTreeMap<String, Tensor<1>>;

/// Moves the gradients of a network's parameters into `sum`, adding to what is there.
pub fn accumulate<M: Named>(network: &M, gradients: &mut Gradients, sum: &mut GradientMap) {
    struct Visitor<'a, M>(
        PathStack,
        &'a mut Gradients,
        &'a mut GradientMap,
        PhantomData<M>,
    );
    impl<M: Named> ModuleVisitor for Visitor<'_, M> {
        fn enter_module(&mut self, name: &str, container: &str) {
            self.0.enter(name, container);
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.0.exit();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let Some(gradient) = param.val().grad_remove(self.1) else {
                return;
            };
            let count = gradient.dims().iter().product::<usize>();
            let flat = gradient.reshape([count]);
            let name = self.0.name::<M>();
            add_gradient(self.2, name, flat);
        }
    }
    network.visit(&mut Visitor::<M>(
        PathStack::default(),
        gradients,
        sum,
        PhantomData,
    ));
}

/// Adds a flat gradient to that of its name.
pub fn add_gradient(sum: &mut GradientMap, name: String, gradient: Tensor<1>) {
    let gradient = match sum.remove(&name) {
        Some(before) => before + gradient,
        None => gradient,
    };
    sum.insert(name, gradient);
}

/// What the gradients are multiplied by before the update.
#[derive(Debug, Clone)]
pub struct Gain {
    /// L2 norm over all gradients, `[1]`.
    pub norm: Tensor<1>,
    /// 1, less where clipping applies, 0 where the norm is not finite: then the step is skipped. `[1]`.
    pub factor: Tensor<1>,
}

/// Global norm of the gradients and the factor that clips it to `max_norm` (none: no clipping), on the device.
/// As PyTorch's `clip_grad_norm_`, the factor is `max_norm / (norm + 1e-6)` where that is below 1. Gradients of a loss
/// that was multiplied by `scale`, `[1]`, are brought back: the norm is the true one, and the factor undoes the scale.
pub fn gain(
    gradients: &GradientMap,
    max_norm: Option<f64>,
    scale: Option<&Tensor<1>>,
) -> Option<Gain> {
    let first = gradients.values().next()?;
    let squares = if is_cpu(&first.device()) {
        let squares = gradients.values().map(|g| sum_all(g.clone() * g.clone()));
        Tensor::cat(squares.collect(), 0)
    } else {
        square_sums(gradients.values())?
    };
    let norm = sum_all(squares).sqrt();
    let norm = match scale {
        Some(scale) => norm / scale.clone(),
        None => norm,
    };
    let factor = match max_norm {
        Some(max_norm) => ((norm.clone() + 1e-6).recip() * max_norm).clamp_max(1.0),
        None => norm.ones_like(),
    };
    let factor = match scale {
        Some(scale) => factor / scale.clone(),
        None => factor,
    };
    // By its bits: a shader's compiler may take it that comparisons never meet what is not a number.
    let usable = norm.clone().is_finite();
    let factor = factor.zeros_like().mask_where(usable, factor);
    Some(Gain { norm, factor })
}
