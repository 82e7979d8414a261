//! The residual block of UNETR's convolutional half.

use crate::kernels::{ResidualWeights, behind, instance_norm, residual_unit};
use crate::nn::Convolution;
use crate::nn::precision::like;
use burn::Tensor;
use burn::module::Module;
use burn::tensor::Device;

/// Slope of the leaky ReLU below zero.
const SLOPE: f32 = 0.01;

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

    /// `[batch, depth, height, width, in]` to `[.., out]`; a skip's channels stand for those after the ones of `x`.
    pub fn forward(&self, x: Tensor<5>, skip: Option<Tensor<5>>) -> Tensor<5> {
        self.forward_by(x, skip, |weight| weight)
    }

    /// [`Self::forward`] of a block with a projected shortcut, whose backward pass comes before that of what `anchor` is
    /// made from, though the block itself needs nothing of it.
    pub fn forward_behind<const D: usize>(&self, x: Tensor<5>, anchor: &Tensor<D>) -> Tensor<5> {
        self.forward_by(x, None, |weight| behind(weight, anchor))
    }

    fn forward_by(
        &self,
        x: Tensor<5>,
        skip: Option<Tensor<5>>,
        prepare: impl Fn(Tensor<5>) -> Tensor<5>,
    ) -> Tensor<5> {
        let Some(conv3) = &self.conv3 else {
            // The identity needs the concatenation itself; UNETR has no such block.
            let x = match skip {
                None => x,
                Some(skip) => Tensor::cat(vec![x, skip], 4),
            };
            return self.around_identity(x);
        };
        let weight = |convolution: &Convolution| like(convolution.weight.val(), &x);
        let weights = ResidualWeights {
            conv1: weight(&self.conv1),
            conv2: weight(&self.conv2),
            conv3: prepare(weight(conv3)),
        };
        residual_unit(x, skip, weights, SLOPE)
    }

    fn around_identity(&self, x: Tensor<5>) -> Tensor<5> {
        let y = self.conv1.forward(x.clone());
        let y = instance_norm(y, None, SLOPE);
        let y = self.conv2.forward(y);
        instance_norm(y, Some(x), SLOPE)
    }
}
