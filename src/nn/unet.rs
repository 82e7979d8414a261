//! A small 3D U-Net (Cicek et al., 2016) of UNETR's own blocks: the convolutional baseline that is trained from scratch.

use crate::nn::{
    ConfigError, Convolution, PatchProjection, Precision, ResidualBlock, UnetrConfig, UpBlock,
};
use burn::Tensor;
use burn::module::Module;
use burn::tensor::Device;

/// Halves the resolution, doubles the channels.
#[derive(Module, Debug)]
pub struct DownStage {
    /// The convolution with kernel = stride = 2.
    pub merge: PatchProjection,
    /// Refines.
    pub conv_block: ResidualBlock,
}

/// The decoder of [`crate::nn::Unetr`] of the same sizes, fed by residual blocks instead of a transformer. Its coarsest
/// level has the resolution of the transformer's tokens.
#[derive(Module, Debug)]
pub struct Unet {
    /// The image at full resolution.
    pub encoder1: ResidualBlock,
    /// From full resolution down.
    pub downs: Vec<DownStage>,
    /// From full resolution down; applied from the last to the first.
    pub decoders: Vec<UpBlock>,
    /// Features to logits.
    pub out: Convolution,
    #[module(skip)]
    precision: Precision,
}

impl Unet {
    /// A network of zeros; [`crate::weights`] fills it. Of the transformer's sizes only the patch counts; the others have to
    /// make one all the same.
    ///
    /// # Errors
    /// [`ConfigError`] for sizes that make no network.
    pub fn zeros(config: &UnetrConfig, device: &Device) -> Result<Self, ConfigError> {
        config.validate()?;
        let levels = config.skips()? + 1;
        let channels = |level: usize| config.feature_size << level;
        Ok(Unet {
            encoder1: ResidualBlock::zeros(1, config.feature_size, device),
            downs: (1..=levels)
                .map(|level| DownStage {
                    merge: PatchProjection::zeros(channels(level - 1), 2, channels(level), device),
                    conv_block: ResidualBlock::zeros(channels(level), channels(level), device),
                })
                .collect(),
            decoders: (0..levels)
                .map(|level| UpBlock::zeros(channels(level + 1), channels(level), device))
                .collect(),
            out: Convolution::zeros(config.feature_size, config.classes, 1, true, device),
            precision: Precision::F32,
        })
    }

    /// The same network with products and convolutions in another type.
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// Classes, background included.
    pub fn classes(&self) -> usize {
        self.out.weight.val().dims()[0]
    }

    /// `[batch, depth, height, width, 1]` to logits `[batch, depth, height, width, classes]` in f32.
    pub fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let mut x = self.encoder1.forward(self.precision.cast(x), None);
        let mut skips = Vec::with_capacity(self.downs.len());
        for down in &self.downs {
            skips.push(x.clone());
            let merged = self.precision.cast(down.merge.forward(x));
            x = down.conv_block.forward(merged, None);
        }
        for (decoder, skip) in self.decoders.iter().zip(skips).rev() {
            x = decoder.forward(x, skip);
        }
        self.out.forward(x)
    }
}
