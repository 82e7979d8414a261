//! Three-dimensional convolution that keeps the size.

use crate::kernels::{add_bias, conv3d, conv3d_pair};
use crate::nn::precision::{like, single};
use burn::Tensor;
use burn::module::{Module, Param};
use burn::tensor::Device;

/// Input of a convolution after a skip connection: one tensor, or two that stand for their channels side by side.
/// Each is `[batch, depth, height, width, channels]`.
#[derive(Debug, Clone)]
#[allow(
    clippy::large_enum_variant,
    reason = "handles of tensors, passed on once a layer; on 32 bits they are small enough"
)]
pub enum Channels {
    /// One tensor.
    One(Tensor<5>),
    /// The channels of the first, then those of the second.
    Two(Tensor<5>, Tensor<5>),
}

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
            weight: Param::from_tensor(Tensor::zeros(
                [output, input, kernel, kernel, kernel],
                device,
            )),
            bias: bias.then(|| Param::from_tensor(Tensor::zeros([output], device))),
        }
    }

    /// `[.., in]` to `[.., out]`, in the type of the input, with a bias in f32.
    pub fn forward(&self, x: Channels) -> Tensor<5> {
        let weight = self.weight.val();
        let y = match x {
            Channels::One(x) => {
                let weight = like(weight, &x);
                conv3d(x, weight)
            }
            Channels::Two(a, b) => {
                let weight = like(weight, &a);
                conv3d_pair(a, b, weight)
            }
        };
        let Some(bias) = &self.bias else {
            return y;
        };
        let shape = y.dims();
        let channels = shape[4];
        let rows = shape.iter().take(4).product::<usize>();
        add_bias(single(y).reshape([rows, channels]), bias.val()).reshape(shape)
    }
}
