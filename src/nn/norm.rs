//! Layer normalisation (Ba, Kiros and Hinton, 2016).

use crate::kernels::layer_norm;
use crate::nn::blank::blank;
use burn::Tensor;
use burn::module::{Module, Param};
use burn::tensor::Device;

/// Normalises the last axis with biased variance and epsilon 1e-5, then scales and shifts.
#[derive(Module, Debug)]
pub struct LayerNorm {
    /// Scale, `[features]`.
    pub weight: Param<Tensor<1>>,
    /// Shift, `[features]`.
    pub bias: Param<Tensor<1>>,
}

impl LayerNorm {
    /// A layer of zeros; [`crate::weights`] fills it.
    pub fn zeros(features: usize, device: &Device) -> Self {
        LayerNorm {
            weight: blank([features], device),
            bias: blank([features], device),
        }
    }

    /// `[rows, features]` to the same.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        layer_norm(x, self.weight.val(), self.bias.val())
    }
}
