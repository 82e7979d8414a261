//! Fully connected layer on the last axis.

use crate::kernels::{add_bias, gelu_product, matmul};
use crate::nn::Precision;
use crate::nn::blank::blank;
use crate::nn::precision::{like, single};
use burn::Tensor;
use burn::module::{Module, Param};
use burn::tensor::Device;

/// `y = x W + b` over the last axis. The weight is `[in, out]`; files hold PyTorch's `[out, in]`.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[in, out]`.
    pub weight: Param<Tensor<2>>,
    /// `[out]`.
    pub bias: Option<Param<Tensor<1>>>,
}

impl Linear {
    /// A layer of zeros; [`crate::weights`] fills it.
    pub fn zeros(input: usize, output: usize, bias: bool, device: &Device) -> Self {
        Linear {
            weight: blank([input, output], device),
            bias: bias.then(|| blank([output], device)),
        }
    }

    /// `[rows, in]`, f32 or f16, to `[rows, out]` in f32. The product is in the type of the input.
    ///
    /// Two axes on purpose: with a batch axis the gradient of the weight would be formed once per sample and
    /// then summed.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let weight = like(self.weight.val(), &x);
        self.with_bias(matmul(x, weight))
    }

    /// [`Self::forward`] of `gelu(x)`, x in f32, with the product in this precision.
    pub fn forward_of_gelu(&self, x: Tensor<2>, precision: Precision) -> Tensor<2> {
        self.with_bias(gelu_product(x, precision.cast(self.weight.val())))
    }

    fn with_bias(&self, y: Tensor<2>) -> Tensor<2> {
        let y = single(y);
        match &self.bias {
            Some(bias) => add_bias(y, bias.val()),
            None => y,
        }
    }
}
