//! The residual block of UNETR's convolutional half.

use crate::kernels::instance_norm;
use crate::nn::{Channels, Convolution};
use burn::Tensor;
use burn::module::Module;
use burn::tensor::Device;

/// Slope of the leaky ReLU below zero.
const SLOPE: f32 = 0.01;
/// No activation.
const LINEAR: f32 = 1.0;

/// Two convolutions with instance norms around a shortcut (specification 5.4): `leaky(norm(conv2 leaky(norm(conv1
/// x))) + s)`, where s is `norm(conv3 x)` if the number of channels changes and x if not.
#[derive(Module, Debug)]
pub struct ResidualBlock {
    /// 3x3x3, in to out.
    pub conv1: Convolution,
    /// 3x3x3, out to out.
    pub conv2: Convolution,
    /// 1x1x1, in to out; none where they are equal.
    pub conv3: Option<Convolution>,
}

impl ResidualBlock {
    /// A block of zeros; [`crate::weights`] fills it.
    pub fn zeros(input: usize, output: usize, device: &Device) -> Self {
        let layer = |input, kernel| Convolution::zeros(input, output, kernel, false, device);
        ResidualBlock {
            conv1: layer(input, 3),
            conv2: layer(output, 3),
            conv3: (input != output).then(|| layer(input, 1)),
        }
    }

    /// `[batch, depth, height, width, in]` to `[.., out]`.
    pub fn forward(&self, x: Channels) -> Tensor<5> {
        let shortcut = match (&self.conv3, &x) {
            (None, Channels::One(x)) => x.clone(),
            // The identity needs the concatenation itself; UNETR has no such block.
            (None, Channels::Two(a, b)) => Tensor::cat(vec![a.clone(), b.clone()], 4),
            (Some(conv3), _) => instance_norm(conv3.forward(x.clone()), None, LINEAR),
        };
        let y = instance_norm(self.conv1.forward(x), None, SLOPE);
        let y = self.conv2.forward(Channels::One(y));
        instance_norm(y, Some(shortcut), SLOPE)
    }
}
