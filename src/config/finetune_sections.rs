//! The sections of the settings that fine-tuning alone has.

use crate::config::{IntensityMode, SettingsError, check};
use crate::infer::ORIGINAL_OVERLAP;
use crate::nn::{Architecture, UnetrConfig};
use crate::transform::GeometryOrder;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// How volumes become crops (specification 4).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "cli",
    derive(clap::Args),
    command(next_help_heading = "Crops")
)]
#[serde(default, deny_unknown_fields)]
pub struct CropConfig {
    /// Voxel size after resampling in mm, one number or three
    #[cfg_attr(feature = "cli", arg(long, value_name = "MM", value_parser = crate::config::parse::spacing))]
    pub spacing: [f64; 3],
    /// What comes first, turning to right, front, head or resampling; the other way than usual is for weights of the
    /// original from before February 2022 [default: orientation-first]
    #[cfg_attr(feature = "cli", arg(long, value_enum))]
    #[serde(skip_serializing_if = "GeometryOrder::is_default")]
    pub geometry_order: GeometryOrder,
    /// How input values become the network's: a fixed range, or one that each volume sets
    #[cfg_attr(feature = "cli", arg(long, value_enum))]
    pub intensity: IntensityMode,
    /// Intensity that becomes 0, in HU for CT
    #[cfg_attr(feature = "cli", arg(long, value_name = "HU"))]
    pub intensity_min: f32,
    /// Intensity that becomes 1
    #[cfg_attr(feature = "cli", arg(long, value_name = "HU"))]
    pub intensity_max: f32,
    /// Edge of the crops and windows in voxels, one number or three
    #[cfg_attr(feature = "cli", arg(long, value_name = "VOXELS", value_parser = crate::config::parse::size))]
    pub roi_size: [usize; 3],
    /// Volumes a step
    #[cfg_attr(feature = "cli", arg(long, value_name = "N"))]
    pub batch_volumes: usize,
    /// Crops from each volume
    #[cfg_attr(feature = "cli", arg(long, value_name = "N"))]
    pub samples_per_volume: usize,
    /// Parts a step's crops are sent through the network in, to save memory; the result is the same
    #[cfg_attr(feature = "cli", arg(long, value_name = "N"))]
    pub accumulation: usize,
}

/// Sizes of UNETR's convolutional half (specification 5.4).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "cli",
    derive(clap::Args),
    command(next_help_heading = "Decoder")
)]
#[serde(default, deny_unknown_fields)]
pub struct DecoderConfig {
    /// Channels at full resolution, doubled at every level below
    #[cfg_attr(feature = "cli", arg(long, value_name = "N"))]
    pub feature_size: usize,
    /// Classes with background [default: those of the split file, 14 for phantoms]
    #[cfg_attr(feature = "cli", arg(long, value_name = "N"))]
    pub classes: Option<usize>,
    /// What feeds the decoder: the transformer, or residual blocks that make it a small U-Net, a baseline that is trained
    /// from scratch [default: unetr]
    #[cfg_attr(feature = "cli", arg(long, value_enum))]
    #[serde(skip_serializing_if = "Architecture::is_default")]
    pub architecture: Architecture,
}

/// Weights to start from (specification 8).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(
    feature = "cli",
    derive(clap::Args),
    command(next_help_heading = "Start")
)]
#[serde(default, deny_unknown_fields)]
pub struct StartConfig {
    /// Pre-trained weights: safetensors, a PyTorch file of the original, or the folder of a run; sizes of the network and of the crops that nobody gives are those that it tells [default: random]
    #[cfg_attr(feature = "cli", arg(long, value_name = "PATH"))]
    pub pretrained: Option<PathBuf>,
    /// Go on when the file does not hold the whole encoder
    #[cfg_attr(feature = "cli", arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", action = clap::ArgAction::Set))]
    pub allow_partial: bool,
    /// Resize position embeddings that were trained for another grid of patches
    #[cfg_attr(feature = "cli", arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", action = clap::ArgAction::Set))]
    pub resize_positions: bool,
    /// Start from the classes' shares of the training voxels: the last layer's biases are their logarithms, so that no small structure is unlearned while the network learns that most is background
    #[cfg_attr(feature = "cli", arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", action = clap::ArgAction::Set))]
    pub class_prior: bool,
}

/// Sliding windows (specification 9.1).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "cli",
    derive(clap::Args),
    command(next_help_heading = "Inference")
)]
#[serde(default, deny_unknown_fields)]
pub struct InferenceConfig {
    /// Share of a window that the next one covers again
    #[cfg_attr(feature = "cli", arg(long, value_name = "SHARE"))]
    pub overlap: f64,
    /// Whether validation takes what lies around air for background unseen, as `predict` does and the original does not
    #[cfg_attr(feature = "cli", arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", action = clap::ArgAction::Set))]
    pub skip_air: bool,
}

impl Default for CropConfig {
    fn default() -> Self {
        CropConfig {
            spacing: [1.5, 1.5, 2.0],
            geometry_order: GeometryOrder::default(),
            intensity: IntensityMode::Auto,
            intensity_min: -175.0,
            intensity_max: 250.0,
            roi_size: [96; 3],
            batch_volumes: 1,
            samples_per_volume: 4,
            accumulation: 1,
        }
    }
}

impl Default for DecoderConfig {
    fn default() -> Self {
        DecoderConfig {
            feature_size: UnetrConfig::TUTORIAL.feature_size,
            classes: None,
            architecture: Architecture::default(),
        }
    }
}

impl Default for InferenceConfig {
    fn default() -> Self {
        InferenceConfig {
            overlap: ORIGINAL_OVERLAP,
            skip_air: false,
        }
    }
}

impl CropConfig {
    /// Crops of a step.
    pub fn crops_per_step(&self) -> usize {
        self.batch_volumes.saturating_mul(self.samples_per_volume)
    }

    pub(super) fn check(&self) -> Result<(), SettingsError> {
        check::crops(
            self.spacing,
            [self.batch_volumes, self.samples_per_volume],
            self.accumulation,
            [self.intensity_min, self.intensity_max],
        )
    }
}
