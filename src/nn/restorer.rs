//! The networks that pre-training can train, as one.

use crate::nn::{ConfigError, Precision, Unetr, UnetrConfig, ViTAutoEncoder, VitConfig};
use burn::Tensor;
use burn::module::Module;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

/// What paints the volume back from the transformer's tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
pub enum Restoration {
    /// Two linear layers, which are thrown away: the original's.
    #[default]
    Linear,
    /// UNETR's own decoder, from which fine-tuning starts too, as Models Genesis (Zhou et al., 2019) pre-trains a whole
    /// U-Net on the same corruptions.
    Unetr,
}

/// Kind and sizes of a restoring network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestorerConfig {
    /// What paints the volume back.
    pub restoration: Restoration,
    /// The transformer.
    pub vit: VitConfig,
    /// Channels of UNETR's decoder at full resolution.
    pub feature_size: usize,
}

impl RestorerConfig {
    /// The sizes as UNETR's, with one channel in the place of classes; none for linear layers.
    pub fn unetr(&self) -> Option<UnetrConfig> {
        match self.restoration {
            Restoration::Linear => None,
            Restoration::Unetr => Some(UnetrConfig {
                vit: self.vit,
                feature_size: self.feature_size,
                classes: 1,
            }),
        }
    }

    /// Checks that the sizes make a network.
    ///
    /// # Errors
    /// The first [`ConfigError`] found.
    pub fn validate(&self) -> Result<(), ConfigError> {
        match self.unetr() {
            Some(sizes) => sizes.validate(),
            None => self.vit.validate(),
        }
    }
}

/// A network that undoes corruption.
#[derive(Module, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "one a program; it lives as long as the training"
)]
pub enum Restorer {
    /// See [`ViTAutoEncoder`].
    Linear(ViTAutoEncoder),
    /// See [`Unetr`].
    Unetr(Unetr),
}

impl Restorer {
    /// A network of zeros; [`crate::weights`] fills it.
    ///
    /// # Errors
    /// [`ConfigError`] for sizes that make no network.
    pub fn zeros(config: &RestorerConfig, device: &Device) -> Result<Self, ConfigError> {
        Ok(match config.unetr() {
            None => Restorer::Linear(ViTAutoEncoder::zeros(&config.vit, device)?),
            Some(sizes) => Restorer::Unetr(Unetr::zeros(&sizes, device)?),
        })
    }

    /// The same network with products and convolutions in another type.
    pub fn with_precision(self, precision: Precision) -> Self {
        match self {
            Restorer::Linear(network) => Restorer::Linear(network.with_precision(precision)),
            Restorer::Unetr(network) => Restorer::Unetr(network.with_precision(precision)),
        }
    }

    /// `[batch, depth, height, width, 1]` to a restored volume of the same shape.
    pub fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        match self {
            Restorer::Linear(network) => network.forward(x, false).volume,
            Restorer::Unetr(network) => network.forward(x),
        }
    }
}
