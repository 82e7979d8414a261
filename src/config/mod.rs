//! Settings of a run: one struct that is the command-line flags, the TOML file, the page's form and what is saved
//! beside every checkpoint. Defaults are stated here; presets change some of them.

use crate::augment::CorruptionSpec;
use crate::nn::VitConfig;
use crate::optim::{AdamConfig, Schedule};
use crate::transform::{Intensity, IntensityWindow, PretrainTransform};
use serde::{Deserialize, Serialize};

mod error;
mod parse;
mod preset;
mod sections;

pub use error::SettingsError;
pub use preset::Preset;
pub use sections::{
    DataConfig, LossConfig, NetworkConfig, OptimizerConfig, RunConfig, SamplingConfig,
    ValidationMode,
};

/// Everything that defines a pre-training run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
#[serde(default, deny_unknown_fields)]
pub struct PretrainConfig {
    /// Which volumes.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub data: DataConfig,
    /// How volumes become crops and views.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub sampling: SamplingConfig,
    /// Sizes of the network.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub network: NetworkConfig,
    /// Parts of the loss.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub loss: LossConfig,
    /// Optimiser and schedule.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub optimizer: OptimizerConfig,
    /// Length of the run, validation, checkpoints.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub run: RunConfig,
    /// Holes and shuffles of the two views (specification 3.2 to 3.4); none for the original's sizes in proportion
    /// to the crop.
    #[cfg_attr(feature = "cli", arg(skip))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corruption: Option<CorruptionSpec>,
}

impl PretrainConfig {
    /// Sizes of the network for these settings.
    pub fn vit(&self) -> VitConfig {
        VitConfig {
            image_size: self.sampling.roi_size,
            patch_size: self.network.patch_size,
            hidden_size: self.network.hidden_size,
            mlp_dim: self.network.mlp_dim,
            layers: self.network.layers,
            heads: self.network.heads,
        }
    }

    /// The deterministic transforms.
    pub fn transform(&self) -> PretrainTransform {
        PretrainTransform {
            spacing: self.sampling.spacing,
            intensity: Intensity::Range(IntensityWindow {
                min: self.sampling.intensity_min,
                max: self.sampling.intensity_max,
            }),
            patch: self.sampling.roi_size,
        }
    }

    /// How the views are corrupted.
    pub fn corruption(&self) -> CorruptionSpec {
        let spec = self
            .corruption
            .unwrap_or_else(|| CorruptionSpec::scaled_to(self.sampling.roi_size));
        CorruptionSpec {
            ratchet: spec.ratchet && self.sampling.ratchet,
            ..spec
        }
    }

    /// The optimiser's settings.
    pub fn adam(&self) -> AdamConfig {
        AdamConfig {
            weight_decay: self.optimizer.weight_decay,
            decay: self.optimizer.optimizer,
            ..AdamConfig::default()
        }
    }

    /// Steps of the whole run.
    pub fn total_steps(&self, steps_per_epoch: u64) -> u64 {
        let steps = self.run.epochs.saturating_mul(steps_per_epoch);
        self.run.max_steps.map_or(steps, |most| most.min(steps))
    }

    /// The learning-rate schedule of a run of this many steps.
    pub fn schedule(&self, total: u64) -> Schedule {
        Schedule {
            base: self.optimizer.learning_rate,
            warmup: self.optimizer.warmup_steps,
            total,
            kind: self.optimizer.schedule,
        }
    }

    /// Views that pass the network at once.
    pub fn views_at_once(&self) -> usize {
        let crops = self
            .sampling
            .batch_volumes
            .saturating_mul(self.sampling.samples_per_volume);
        let views = if self.loss.contrastive_weight == 0.0 {
            1
        } else {
            2
        };
        crops
            .div_ceil(self.sampling.accumulation.max(1))
            .saturating_mul(views)
    }

    /// Checks every setting before anything is read or made.
    ///
    /// # Errors
    /// The first setting that cannot work, with its allowed range.
    pub fn validate(&self) -> Result<(), SettingsError> {
        self.vit().validate()?;
        self.corruption().validate(self.sampling.roi_size)?;
        let positive = [
            ("spacing", self.sampling.spacing[0]),
            ("spacing", self.sampling.spacing[1]),
            ("spacing", self.sampling.spacing[2]),
            ("learning_rate", self.optimizer.learning_rate),
            ("temperature", self.loss.temperature),
            ("batch_volumes", self.sampling.batch_volumes as f64),
            (
                "samples_per_volume",
                self.sampling.samples_per_volume as f64,
            ),
            ("accumulation", self.sampling.accumulation as f64),
            ("epochs", self.run.epochs as f64),
            ("validation_interval", self.run.validation_interval as f64),
            ("max_steps", self.run.max_steps.unwrap_or(1) as f64),
            ("limit", self.data.limit.unwrap_or(1) as f64),
            ("phantoms", self.data.phantoms as f64),
        ];
        for (name, value) in positive {
            if !(value.is_finite() && value > 0.0) {
                return Err(SettingsError::NotPositive { name, value });
            }
        }
        let crops = (self.sampling.batch_volumes).saturating_mul(self.sampling.samples_per_volume);
        let limited = [
            ("batch_volumes times samples_per_volume", crops, 65_536),
            ("layers", self.network.layers, 1000),
            ("phantoms", self.data.phantoms, 100_000),
            ("workers", self.data.workers, 1024),
        ];
        for (name, value, most) in limited {
            if value > most {
                return Err(SettingsError::TooLarge { name, value, most });
            }
        }
        let not_negative = [
            ("contrastive_weight", self.loss.contrastive_weight),
            ("weight_decay", self.optimizer.weight_decay),
            ("clip_norm", self.optimizer.clip_norm),
            ("checkpoint_minutes", self.run.checkpoint_minutes),
        ];
        for (name, value) in not_negative {
            if !(value.is_finite() && value >= 0.0) {
                return Err(SettingsError::Negative { name, value });
            }
        }
        if !(0.0..1.0).contains(&self.optimizer.ema_decay) {
            return Err(SettingsError::Share {
                name: "ema_decay",
                value: self.optimizer.ema_decay,
            });
        }
        let (low, high) = (self.sampling.intensity_min, self.sampling.intensity_max);
        if !(low.is_finite() && high.is_finite() && low < high) {
            return Err(SettingsError::Window { low, high });
        }
        Ok(())
    }
}
