//! Loss scaling for half precision (Micikevicius et al., 2018): gradients too small for f16 are lifted above its
//! smallest number, and the scale gives way when they become too large.

use burn::Tensor;
use burn::tensor::{Device, TensorData};

/// Where a run begins.
const START: f32 = 16_384.0;
/// Bounds of the scale.
const SMALLEST: f64 = 1.0;
const LARGEST: f64 = 65_536.0;
/// Growth with every good step: twofold in 1400 steps.
const GROWTH: f64 = 1.0005;
/// What an overflow leaves of the scale.
const RETREAT: f64 = 0.5;

/// The factor of the loss, a number on the device: whether a step overflowed is known there first, and nothing waits
/// for it to be read.
#[derive(Debug, Clone)]
pub struct LossScale(Tensor<1>);

impl LossScale {
    /// A scale on a plain device, at its start or where a run stopped.
    pub fn new(device: &Device, value: Option<f32>) -> Self {
        let value = TensorData::new(vec![value.unwrap_or(START)], [1]);
        LossScale(Tensor::from_data(value, &device.clone().inner()))
    }

    /// The factor, `[1]`.
    pub fn value(&self) -> &Tensor<1> {
        &self.0
    }

    /// The scale of the next step, after one whose gradients were multiplied by `factor`, `[1]`: 0 where they were not
    /// finite.
    pub fn next(&self, factor: &Tensor<1>) -> Self {
        let good = factor.clone().greater_elem(0.0).float();
        let next = self.0.clone() * (good * (GROWTH - RETREAT) + RETREAT);
        LossScale(next.clamp(SMALLEST, LARGEST))
    }
}

/// A loss times the scale, where there is one.
pub(super) fn scaled(loss: Tensor<1>, scale: Option<&Tensor<1>>) -> Tensor<1> {
    match scale {
        Some(scale) => {
            let mut scale = Tensor::from_inner(scale.clone());
            if let Some(strategy) = loss.gradient_checkpointing_strategy() {
                scale = scale.with_gradient_checkpointing_strategy(strategy);
            }
            loss * scale
        }
        None => loss,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(tensor: &Tensor<1>) -> f32 {
        tensor.clone().into_scalar()
    }

    fn factor(value: f32) -> Tensor<1> {
        Tensor::from_data(TensorData::new(vec![value], [1]), &Device::flex())
    }

    #[test]
    fn an_overflow_halves_the_scale_and_a_good_step_lets_it_grow() {
        let scale = LossScale::new(&Device::flex(), Some(1024.0));
        assert!((number(scale.next(&factor(0.5)).value()) - 1024.512).abs() < 1e-3);
        assert_eq!(number(scale.next(&factor(0.0)).value()), 512.0);
    }

    #[test]
    fn the_scale_stays_within_its_bounds() {
        let least = LossScale::new(&Device::flex(), Some(1.0));
        assert_eq!(number(least.next(&factor(0.0)).value()), 1.0);
        let most = LossScale::new(&Device::flex(), Some(65_536.0));
        assert_eq!(number(most.next(&factor(1.0)).value()), 65_536.0);
    }
}
