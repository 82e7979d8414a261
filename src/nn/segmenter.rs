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
    pub fn zeros(
        architecture: Architecture,
        config: &UnetrConfig,
        device: &Device,
    ) -> Result<Self, ConfigError> {
        Ok(match architecture {
            Architecture::Unetr => Segmenter::Unetr(Unetr::zeros(config, device)?),
            Architecture::Unet => Segmenter::Unet(Unet::zeros(config, device)?),
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
