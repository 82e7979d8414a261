//! Three-dimensional convolution that keeps the size.

use crate::kernels::{add_bias, conv3d};
use crate::nn::blank::blank;
use crate::nn::precision::{like, single};
use burn::Tensor;
use burn::module::{Module, Param};
use burn::tensor::Device;

/// Convolution with stride 1 and zero padding (specification 5.4). The weight has PyTorch's layout.
#[derive(Module, Debug)]
pub struct Convolution {
    /// `[out, in, k, k, k]`, k = 1 or 3.
    pub weight: Param<Tensor<5>>,
    /// `[out]`.
    pub bias: Option<Param<Tensor<1>>>,
}

impl Convolution {
    /// A layer of zeros; [`crate::weights`] fills it. `kernel` is 1 or 3.
    pub fn zeros(input: usize, output: usize, kernel: usize, bias: bool, device: &Device) -> Self {
        Convolution {
            weight: blank([output, input, kernel, kernel, kernel], device),
            bias: bias.then(|| blank([output], device)),
        }
    }

    /// `[.., in]` to `[.., out]`, in the type of the input, with a bias in f32.
    pub fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let weight = like(self.weight.val(), &x);
        let y = conv3d(x, weight);
        let Some(bias) = &self.bias else {
            return y;
        };
        let shape = y.dims();
        let channels = shape[4];
        let rows = shape.iter().take(4).product::<usize>();
        add_bias(single(y).reshape([rows, channels]), bias.val()).reshape(shape)
    }
}
