//! Adam (Kingma and Ba, 2015) and AdamW (Loshchilov and Hutter, 2019) with PyTorch's semantics: moving averages
//! for moments, bias correction of both, epsilon added after the square root.

use crate::kernels::{self, AdamStep, is_cpu, lasting_zeros};
use crate::optim::GradientMap;
use crate::platform::zip_chunks;
use crate::weights::{ENCODER, HEAD, Named, PathStack};
use burn::Tensor;
use burn::module::{ModuleMapper, Param};
use burn::tensor::TensorData;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::marker::PhantomData;

/// How weight decay enters the update.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
pub enum Decay {
    /// Added to the gradient, as PyTorch's Adam does.
    Adam,
    /// Shrinks the weight directly, as AdamW does.
    #[cfg_attr(feature = "cli", value(name = "adamw"))]
    AdamW,
}

/// Settings of the optimiser; the defaults are PyTorch's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamConfig {
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Weight decay, of every parameter.
    pub weight_decay: f64,
    /// How the decay enters.
    pub decay: Decay,
    /// Learning rate of the parameters whose names begin with [`ENCODER`], as a share of that of all others.
    pub encoder_rate: f64,
    /// The same for the last layer of a segmentation network, whose names begin with `out.`.
    pub head_rate: f64,
}

impl Default for AdamConfig {
    fn default() -> Self {
        AdamConfig {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.0,
            decay: Decay::Adam,
            encoder_rate: 1.0,
            head_rate: 1.0,
        }
    }
}

/// First and second moment of one parameter, flat, in memory layout.
#[derive(Debug, Clone)]
pub struct Moments {
    /// Moving average of the gradient.
    pub first: Tensor<1>,
    /// Moving average of the squared gradient.
    pub second: Tensor<1>,
}

/// The optimiser and its state.
#[derive(Debug, Clone)]
pub struct Adam {
    config: AdamConfig,
    /// Updates so far; skipped steps count, so that the number is known without reading the device.
    pub updates: u64,
    /// Moments by parameter name.
    pub moments: BTreeMap<String, Moments>,
}

impl Adam {
    /// An optimiser before its first update.
    pub fn new(config: AdamConfig) -> Self {
        Adam {
            config,
            updates: 0,
            moments: BTreeMap::new(),
        }
    }

    /// One update of every parameter that has a gradient. `factor`, `[1]`, multiplies the gradients; where it is
    /// 0 weights and moments stay as they are.
    pub fn step<M: Named>(
        &mut self,
        network: M,
        gradients: GradientMap,
        factor: &Tensor<1>,
        rate: f64,
    ) -> M {
        self.updates += 1;
        let coefficients = self.coefficients(rate);
        let encoder = self.coefficients(rate * self.config.encoder_rate);
        let head = self.coefficients(rate * self.config.head_rate);
        network.map(&mut Update::<M> {
            path: PathStack::default(),
            gradients,
            moments: &mut self.moments,
            factor,
            coefficients,
            encoder,
            head,
            network: PhantomData,
        })
    }

    fn coefficients(&self, rate: f64) -> AdamStep {
        let AdamConfig {
            beta1,
            beta2,
            epsilon,
            weight_decay,
            decay,
            ..
        } = self.config;
        let t = self.updates.min(i32::MAX as u64) as i32;
        let (shrink, l2) = match decay {
            Decay::Adam => (0.0, weight_decay),
            Decay::AdamW => (rate * weight_decay, 0.0),
        };
        AdamStep {
            newer1: (1.0 - beta1) as f32,
            newer2: (1.0 - beta2) as f32,
            epsilon: epsilon as f32,
            step_size: (rate / (1.0 - beta1.powi(t))) as f32,
            root_scale: (1.0 - beta2.powi(t)).sqrt().recip() as f32,
            shrink: shrink as f32,
            l2: l2 as f32,
        }
    }
}

struct Update<'a, M> {
    path: PathStack,
    gradients: GradientMap,
    moments: &'a mut BTreeMap<String, Moments>,
    factor: &'a Tensor<1>,
    coefficients: AdamStep,
    /// Of the encoder.
    encoder: AdamStep,
    /// Of the last layer.
    head: AdamStep,
    network: PhantomData<M>,
}

impl<M: Named> ModuleMapper for Update<'_, M> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = self.path.name::<M>();
        let Some(gradient) = self.gradients.remove(&name) else {
            return param;
        };
        let zeros = || lasting_zeros(gradient.dims(), &gradient.device());
        let moments = self.moments.remove(&name).unwrap_or_else(|| Moments {
            first: zeros(),
            second: zeros(),
        });
        let (id, weight, mapper) = param.consume();
        let shape = weight.dims();
        let count = shape.iter().product::<usize>();
        let tracked = weight.is_require_grad();
        let strategy = weight.gradient_checkpointing_strategy();
        let weight = weight.inner().reshape([count]);
        let update = if is_cpu(&weight.device()) {
            update_host
        } else {
            update_device
        };
        let coefficients = if name.starts_with(ENCODER) {
            self.encoder
        } else if name.starts_with(HEAD) {
            self.head
        } else {
            self.coefficients
        };
        let (weight, moments) = update(weight, gradient, moments, self.factor, coefficients);
        self.moments.insert(name, moments);
        let mut weight = Tensor::from_inner(weight.reshape(shape));
        // Else it could not meet what comes from the device: the two must agree on recomputation.
        if let Some(strategy) = strategy {
            weight = weight.with_gradient_checkpointing_strategy(strategy);
        }
        let weight = if tracked {
            weight.require_grad()
        } else {
            weight
        };
        Param::from_mapped_value(id, weight, mapper)
    }
}

/// The update as one kernel.
fn update_device(
    weight: Tensor<1>,
    gradient: Tensor<1>,
    moments: Moments,
    factor: &Tensor<1>,
    c: AdamStep,
) -> (Tensor<1>, Moments) {
    let moments = [moments.first, moments.second];
    let [weight, first, second] = kernels::adam(weight, gradient, moments, factor.clone(), c);
    (weight, Moments { first, second })
}

/// The update in one pass over host memory: a quarter of the traffic of separate operations.
fn update_host(
    weight: Tensor<1>,
    gradient: Tensor<1>,
    moments: Moments,
    factor: &Tensor<1>,
    c: AdamStep,
) -> (Tensor<1>, Moments) {
    let device = weight.device();
    let factor = host(factor.clone())[0];
    if factor.is_nan() || factor <= 0.0 {
        return (weight, moments);
    }
    let gradient = host(gradient);
    let (mut weight, mut first, mut second) =
        (host(weight), host(moments.first), host(moments.second));
    zip_chunks(
        [&mut weight, &mut first, &mut second],
        &gradient,
        |[weight, first, second], gradient| {
            kernels::vectorised(
                #[inline(always)]
                || {
                    let moments = first.iter_mut().zip(second.iter_mut());
                    for ((w, (m, v)), g) in weight.iter_mut().zip(moments).zip(gradient) {
                        let g = g * factor + c.l2 * *w;
                        *m += c.newer1 * (g - *m);
                        *v += c.newer2 * (g * g - *v);
                        *w -= c.step_size * (*m / (v.sqrt() * c.root_scale + c.epsilon))
                            + c.shrink * *w;
                    }
                },
            );
        },
    );
    let tensor = |values: Vec<f32>| {
        let count = values.len();
        Tensor::from_data(TensorData::new(values, [count]), &device)
    };
    (
        tensor(weight),
        Moments {
            first: tensor(first),
            second: tensor(second),
        },
    )
}

/// Takes an f32 CPU tensor's memory; no copy is made when nothing else holds it. No other type may pass for no numbers: the
/// weights would stand still, and nobody would know.
fn host(tensor: Tensor<1>) -> Vec<f32> {
    let values = tensor.into_data().try_into_vec();
    assert!(values.is_ok(), "the optimiser's numbers are f32");
    values.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, FloatDType};

    #[test]
    #[should_panic(expected = "the optimiser's numbers are f32")]
    fn a_factor_of_another_type_does_not_pass_for_a_skipped_step() {
        let numbers = || Tensor::<1>::ones([3], &Device::flex());
        let moments = Moments {
            first: numbers(),
            second: numbers(),
        };
        let step = Adam::new(AdamConfig::default()).coefficients(0.1);
        let factor = Tensor::<1>::ones([1], &Device::flex()).cast(FloatDType::F16);
        let _ = update_host(numbers(), numbers(), moments, &factor, step);
    }
}
