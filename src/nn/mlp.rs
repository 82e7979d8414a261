//! The two-layer perceptron of a transformer block.

use crate::nn::{Linear, Precision};
use burn::Tensor;
use burn::module::Module;
use burn::tensor::Device;

/// Linear, exact GELU, linear (specification 5.2).
#[derive(Module, Debug)]
pub struct Mlp {
    /// hidden to MLP width.
    pub linear1: Linear,
    /// MLP width back to hidden.
    pub linear2: Linear,
}

impl Mlp {
    /// A perceptron of zeros; [`crate::weights`] fills it.
    pub fn zeros(hidden: usize, width: usize, device: &Device) -> Self {
        Mlp {
            linear1: Linear::zeros(hidden, width, true, device),
            linear2: Linear::zeros(width, hidden, true, device),
        }
    }

    /// `[rows, hidden]` to the same.
    pub fn forward(&self, x: Tensor<2>, precision: Precision) -> Tensor<2> {
        let wide = self.linear1.forward(precision.cast(x));
        self.linear2.forward_of_gelu(wide, precision)
    }
}
