//! The sections of the settings that pre-training alone has.

use crate::config::{IntensityMode, SettingsError, check};
use crate::nn::{Restoration, UnetrConfig};
use serde::{Deserialize, Serialize};

/// Below, similarities over the temperature reach the number that stands for minus infinity in the contrastive term.
const SMALLEST_TEMPERATURE: f64 = 1e-6;

/// How volumes become crops and views (specification 3).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "cli",
    derive(clap::Args),
    command(next_help_heading = "Sampling")
)]
#[serde(default, deny_unknown_fields)]
pub struct SamplingConfig {
    /// Voxel size after resampling in mm, one number or three
    #[cfg_attr(feature = "cli", arg(long, value_name = "MM", value_parser = crate::config::parse::spacing))]
    pub spacing: [f64; 3],
    /// How input values become the network's: a fixed range, or one that each volume sets
    #[cfg_attr(feature = "cli", arg(long, value_enum))]
    pub intensity: IntensityMode,
    /// Intensity that becomes 0, in HU for CT
    #[cfg_attr(feature = "cli", arg(long, value_name = "HU"))]
    pub intensity_min: f32,
    /// Intensity that becomes 1
    #[cfg_attr(feature = "cli", arg(long, value_name = "HU"))]
    pub intensity_max: f32,
    /// Edge of the crops in voxels, one number or three
    #[cfg_attr(feature = "cli", arg(long, value_name = "VOXELS", value_parser = crate::config::parse::size))]
    pub roi_size: [usize; 3],
    /// Volumes a step
    #[cfg_attr(feature = "cli", arg(long, value_name = "N"))]
    pub batch_volumes: usize,
    /// Crops from each volume
    #[cfg_attr(feature = "cli", arg(long, value_name = "N"))]
    pub samples_per_volume: usize,
    /// Parts a step's crops are sent through the network in, to save memory; crops of different parts are not
    /// contrasted with each other
    #[cfg_attr(feature = "cli", arg(long, value_name = "N"))]
    pub accumulation: usize,
    /// Let hole sizes only grow from hole to hole of a crop, as the original does
    #[cfg_attr(feature = "cli", arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", action = clap::ArgAction::Set))]
    pub ratchet: bool,
}

/// The original's numbers (specification 3).
impl Default for SamplingConfig {
    fn default() -> Self {
        SamplingConfig {
            spacing: [2.0; 3],
            intensity: IntensityMode::Auto,
            intensity_min: -57.0,
            intensity_max: 164.0,
            roi_size: [96; 3],
            batch_volumes: 4,
            samples_per_volume: 2,
            accumulation: 1,
            ratchet: true,
        }
    }
}

impl SamplingConfig {
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

/// What paints the volume back in pre-training (specification 5.3).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "cli",
    derive(clap::Args),
    command(next_help_heading = "Decoder")
)]
#[serde(default, deny_unknown_fields)]
pub struct RestorationConfig {
    /// What paints the volume back: the original's two linear layers, which are thrown away, or UNETR's own decoder, from
    /// which fine-tuning starts too; for experiments, it has gained nothing so far
    #[cfg_attr(feature = "cli", arg(long, value_enum))]
    pub restoration: Restoration,
    /// Channels of UNETR's decoder at full resolution, doubled at every level below; as in fine-tuning
    #[cfg_attr(feature = "cli", arg(long, value_name = "N"))]
    pub feature_size: usize,
}

impl Default for RestorationConfig {
    fn default() -> Self {
        RestorationConfig {
            restoration: Restoration::default(),
            feature_size: UnetrConfig::TUTORIAL.feature_size,
        }
    }
}

/// Parts of the pre-training loss (specification 6.1).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "cli",
    derive(clap::Args),
    command(next_help_heading = "Loss")
)]
#[serde(default, deny_unknown_fields)]
pub struct LossConfig {
    /// Temperature of the contrastive term
    #[cfg_attr(feature = "cli", arg(long, value_name = "T"))]
    pub temperature: f64,
    /// Weight w in total = l1 (1 + w contrastive); 0 leaves plain reconstruction and halves the work
    #[cfg_attr(feature = "cli", arg(long, value_name = "W"))]
    pub contrastive_weight: f64,
}

/// The original's numbers (specification 6.1).
impl Default for LossConfig {
    fn default() -> Self {
        LossConfig {
            temperature: 0.05,
            contrastive_weight: 1.0,
        }
    }
}

impl LossConfig {
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        let temperature = self.temperature;
        if !(temperature.is_finite() && temperature >= SMALLEST_TEMPERATURE) {
            return Err(SettingsError::TooSmall {
                name: "temperature",
                value: temperature,
                least: SMALLEST_TEMPERATURE,
            });
        }
        let weight = self.contrastive_weight;
        check::not_negative([("contrastive_weight", weight)])?;
        check::in_f32([("temperature", temperature), ("contrastive_weight", weight)])
    }
}
