//! The networks that fine-tuning can train, as one.

use crate::nn::{ConfigError, Precision, Unet, Unetr, UnetrConfig};
use burn::Tensor;
use burn::module::Module;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

/// What feeds the decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// A transformer that can be pre-trained: the original's.
    #[default]
    Unetr,
    /// Residual blocks, as a baseline from scratch.
    Unet,
}

impl Architecture {
    /// Whether it is what is meant where nothing is said.
    pub fn is_default(&self) -> bool {
        *self == Architecture::default()
    }
}

/// Kind and sizes of a segmentation network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmenterConfig {
    /// What feeds the decoder.
    pub architecture: Architecture,
    /// Sizes; of the transformer a U-Net takes only image and patch size.
    pub sizes: UnetrConfig,
}

/// A segmentation network.
#[derive(Module, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "one a program; it lives as long as the training"
)]
pub enum Segmenter {
    /// See [`Unetr`].
    Unetr(Unetr),
    /// See [`Unet`].
    Unet(Unet),
}

impl Segmenter {
    /// A network of zeros; [`crate::weights`] fills it.
    ///
    /// # Errors
    /// [`ConfigError`] for sizes that make no network.
    pub fn zeros(config: &SegmenterConfig, device: &Device) -> Result<Self, ConfigError> {
        Ok(match config.architecture {
            Architecture::Unetr => Segmenter::Unetr(Unetr::zeros(&config.sizes, device)?),
            Architecture::Unet => Segmenter::Unet(Unet::zeros(&config.sizes, device)?),
        })
    }

    /// The same network with products and convolutions in another type.
    pub fn with_precision(self, precision: Precision) -> Self {
        match self {
            Segmenter::Unetr(network) => Segmenter::Unetr(network.with_precision(precision)),
            Segmenter::Unet(network) => Segmenter::Unet(network.with_precision(precision)),
        }
    }

    /// Classes, background included.
    pub fn classes(&self) -> usize {
        match self {
            Segmenter::Unetr(network) => network.classes(),
            Segmenter::Unet(network) => network.classes(),
        }
    }

    /// `[batch, depth, height, width, 1]` to logits `[batch, depth, height, width, classes]` in f32.
    pub fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        match self {
            Segmenter::Unetr(network) => network.forward(x),
            Segmenter::Unet(network) => network.forward(x),
        }
    }
}
