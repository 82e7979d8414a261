//! UNETR (Hatamizadeh et al., 2022): a vision transformer whose hidden states feed a convolutional decoder.

use crate::nn::vit_config::fits;
use crate::nn::{
    ConfigError, Convolution, PatchExpansion, Precision, ResidualBlock, VisionTransformer,
    VitConfig,
};
use burn::Tensor;
use burn::module::Module;
use burn::tensor::Device;

/// Sizes of a UNETR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnetrConfig {
    /// The transformer.
    pub vit: VitConfig,
    /// Channels at full resolution; doubled at every level below.
    pub feature_size: usize,
    /// Classes, background included.
    pub classes: usize,
}

impl UnetrConfig {
    /// The original's sizes for 96^3 windows and 14 classes (specification 5.4), 92.8 million weights.
    pub const TUTORIAL: UnetrConfig = UnetrConfig {
        vit: VitConfig::TUTORIAL,
        feature_size: 16,
        classes: 14,
    };

    /// Hidden states that feed the decoder: 3 for the original's patch of 16 voxels, one fewer for each halving, one more
    /// for 32.
    ///
    /// # Errors
    /// [`ConfigError::UnetrPatch`] unless the patch size is 4, 8, 16 or 32.
    pub fn skips(&self) -> Result<usize, ConfigError> {
        match self.vit.patch_size {
            patch @ (4 | 8 | 16 | 32) => Ok(patch.ilog2() as usize - 1),
            patch => Err(ConfigError::UnetrPatch(patch)),
        }
    }

    /// Which block's output feeds each skip, shallowest first: evenly spaced, 3, 6 and 9 of the original's 12
    /// (counted from 0).
    ///
    /// # Errors
    /// As [`Self::skips`].
    pub fn taps(&self) -> Result<Vec<usize>, ConfigError> {
        let skips = self.skips()?;
        Ok((1..=skips)
            .map(|skip| skip * self.vit.layers / (skips + 1))
            .collect())
    }

    /// Checks that the sizes make a network.
    ///
    /// # Errors
    /// The first [`ConfigError`] found.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.vit.validate()?;
        let skips = self.skips()?;
        for (name, value) in [
            ("the feature size", self.feature_size),
            ("the number of classes", self.classes),
        ] {
            if value == 0 {
                return Err(ConfigError::Zero(name));
            }
        }
        // The largest weights are 3x3x3 convolutions of the coarsest level, of which a U-Net has one more than UNETR.
        // Those on the way from the tokens are smaller, the transformer's own being checked.
        let (features, coarsest): (usize, usize) = (self.feature_size, 2 << skips);
        if !fits(&[27, coarsest, features, coarsest, features]) {
            return Err(ConfigError::TooLarge("the feature size"));
        }
        if self.classes > 256 {
            return Err(ConfigError::TooManyClasses(self.classes));
        }
        Ok(())
    }

    /// Channels at a level; level 0 is full resolution.
    fn channels(&self, level: usize) -> usize {
        self.feature_size << level
    }
}

/// A transposed convolution and a residual block: one step of a hidden state towards full resolution.
#[derive(Module, Debug)]
pub struct UpStage {
    /// Doubles the resolution.
    pub transp_conv: PatchExpansion,
    /// Refines.
    pub conv_block: ResidualBlock,
}

/// Brings a hidden state to the resolution of its level ("encoder2" to "encoder4" of the original).
#[derive(Module, Debug)]
pub struct TokenEncoder {
    /// Tokens to the level's channels, twice the resolution.
    pub transp_conv_init: PatchExpansion,
    /// The rest of the way.
    pub blocks: Vec<UpStage>,
}

/// Doubles the resolution and merges the skip connection ("decoder2" to "decoder5" of the original).
#[derive(Module, Debug)]
pub struct UpBlock {
    /// Doubles the resolution.
    pub transp_conv: PatchExpansion,
    /// Of the upsampled channels followed by the skip's.
    pub conv_block: ResidualBlock,
}

/// UNETR (specification 5.4). With a patch of 8 voxels it has one level fewer, with 4 two; with 32 one more.
#[derive(Module, Debug)]
pub struct Unetr {
    /// The encoder that pre-training gives.
    pub vit: VisionTransformer,
    /// The image at full resolution ("encoder1").
    pub encoder1: ResidualBlock,
    /// Hidden states, shallowest first.
    pub encoders: Vec<TokenEncoder>,
    /// From full resolution down; applied from the last to the first.
    pub decoders: Vec<UpBlock>,
    /// Features to logits.
    pub out: Convolution,
    taps: Vec<usize>,
    grid: [usize; 3],
}

impl Unetr {
    /// A network of zeros; [`crate::weights`] fills it.
    ///
    /// # Errors
    /// [`ConfigError`] for sizes that make no network.
    pub fn zeros(config: &UnetrConfig, device: &Device) -> Result<Self, ConfigError> {
        config.validate()?;
        let skips = config.skips()?;
        let hidden = config.vit.hidden_size;
        let double = |input, output| PatchExpansion::zeros(input, output, 2, false, device);
        let encoders = (1..=skips)
            .map(|level| {
                let channels = config.channels(level);
                TokenEncoder {
                    transp_conv_init: double(hidden, channels),
                    blocks: (level..skips)
                        .map(|_| UpStage {
                            transp_conv: double(channels, channels),
                            conv_block: ResidualBlock::zeros(channels, channels, device),
                        })
                        .collect(),
                }
            })
            .collect();
        let decoders = (0..=skips)
            .map(|level| {
                let channels = config.channels(level);
                let below = if level == skips {
                    hidden
                } else {
                    config.channels(level + 1)
                };
                UpBlock::zeros(below, channels, device)
            })
            .collect();
        Ok(Unetr {
            vit: VisionTransformer::zeros(&config.vit, device)?,
            encoder1: ResidualBlock::zeros(1, config.feature_size, device),
            encoders,
            decoders,
            out: Convolution::zeros(config.feature_size, config.classes, 1, true, device),
            taps: config.taps()?,
            grid: config.vit.grid(),
        })
    }

    /// The same network with products and convolutions in another type.
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.vit.precision = precision;
        self
    }

    /// Classes, background included.
    pub fn classes(&self) -> usize {
        self.out.weight.val().dims()[0]
    }

    /// `[batch, depth, height, width, 1]` to logits `[batch, depth, height, width, classes]` in f32.
    pub fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let batch = x.dims()[0];
        let tokens = self.vit.forward(x.clone(), true);
        let [g0, g1, g2] = self.grid;
        let on_grid = |tokens: Tensor<2>| {
            let hidden = tokens.dims()[1];
            let tokens = self.vit.precision.cast(tokens);
            tokens.reshape([batch, g0, g1, g2, hidden])
        };
        let image = self.vit.precision.cast(x);
        // Else it would come last and keep its activations, of full resolution, until then.
        let finest = (self.encoder1).forward_behind(image, &tokens.normed);
        let mut skips = vec![finest];
        let mut hidden = tokens.hidden;
        for (encoder, tap) in self.encoders.iter().zip(&self.taps) {
            let state = hidden[*tap].clone();
            skips.push(encoder.forward(on_grid(state)));
        }
        hidden.clear();
        let mut x = on_grid(tokens.normed);
        for (decoder, skip) in self.decoders.iter().zip(skips).rev() {
            x = decoder.forward(x, skip);
        }
        self.out.forward(x)
    }
}

impl UpBlock {
    /// A block of zeros; [`crate::weights`] fills it.
    pub fn zeros(below: usize, channels: usize, device: &Device) -> Self {
        UpBlock {
            transp_conv: PatchExpansion::zeros(below, channels, 2, false, device),
            conv_block: ResidualBlock::zeros(2 * channels, channels, device),
        }
    }

    /// `[batch, d, h, w, below]` and a skip of twice the resolution to the skip's shape.
    pub fn forward(&self, x: Tensor<5>, skip: Tensor<5>) -> Tensor<5> {
        let upsampled = self.transp_conv.forward(x);
        self.conv_block.forward(upsampled, Some(skip))
    }
}

impl TokenEncoder {
    /// `[batch, d, h, w, hidden]` to the level's resolution and channels.
    fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        self.blocks
            .iter()
            .fold(self.transp_conv_init.forward(x), |x, stage| {
                let x = stage.transp_conv.forward(x);
                stage.conv_block.forward(x, None)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_original_taps_blocks_3_6_and_9_and_smaller_patches_need_fewer() {
        let mut config = UnetrConfig::TUTORIAL;
        assert_eq!(config.taps(), Ok(vec![3, 6, 9]));
        config.vit.patch_size = 8;
        assert_eq!(config.taps(), Ok(vec![4, 8]));
        config.vit.patch_size = 32;
        assert_eq!(config.taps(), Ok(vec![2, 4, 7, 9]));
        config.vit.patch_size = 12;
        assert_eq!(config.taps(), Err(ConfigError::UnetrPatch(12)));
    }

    #[test]
    fn the_patches_that_are_advised_are_those_that_unetr_takes() {
        let mut config = UnetrConfig::TUTORIAL;
        config.vit.image_size = [14; 3];
        config.vit.patch_size = 7;
        let error = config.vit.validate().unwrap_err();
        assert_eq!(error, ConfigError::PrimePatch(7));
        assert!(error.to_string().contains("use 4, 8, 16 or 32,"), "{error}");
        for patch in [4, 8, 16, 32] {
            config.vit.image_size = [patch; 3];
            config.vit.patch_size = patch;
            assert_eq!(config.vit.validate(), Ok(()));
            assert!(config.skips().is_ok(), "{patch}");
        }
    }

    #[test]
    fn a_decoder_with_a_tensor_of_2_to_the_31_numbers_is_refused() {
        let with = |feature_size| {
            let config = UnetrConfig {
                feature_size,
                ..UnetrConfig::TUTORIAL
            };
            config.validate()
        };
        // The coarsest level of a U-Net has 16 times the features: 27 (16 * 557)^2 numbers are just below 2^31.
        assert_eq!(with(557), Ok(()));
        for feature_size in [558, 1024, usize::MAX] {
            let refused = Err(ConfigError::TooLarge("the feature size"));
            assert_eq!(with(feature_size), refused, "{feature_size}");
        }
    }

    #[test]
    fn more_classes_than_a_byte_tells_apart_are_refused_as_such() {
        let with = |classes| UnetrConfig {
            classes,
            ..UnetrConfig::TUTORIAL
        };
        assert_eq!(with(256).validate(), Ok(()));
        let error = with(257).validate().unwrap_err();
        assert_eq!(error, ConfigError::TooManyClasses(257));
        assert!(error.to_string().contains("256"), "{error}");
    }
}
