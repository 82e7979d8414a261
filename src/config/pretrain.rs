//! Settings of pre-training. The defaults are the original's numbers.

use crate::augment::CorruptionSpec;
use crate::config::{
    CorruptionConfig, DataConfig, LossConfig, NetworkConfig, OptimizerConfig, Preset,
    RestorationConfig, RunConfig, SamplingConfig, SettingsError, StageConfig, crops_of_part,
};
use crate::device::{MemoryEstimate, estimate_pretraining};
use crate::nn::{ConfigError, RestorerConfig, UnetrConfig, VitConfig};
use crate::transform::PretrainTransform;
use serde::{Deserialize, Serialize};

/// Everything that defines a pre-training run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// What paints the volume back.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub decoder: RestorationConfig,
    /// Parts of the loss.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub loss: LossConfig,
    /// Optimiser and schedule.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub optimizer: OptimizerConfig,
    /// Length of the run, validation, checkpoints.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub run: RunConfig,
    /// Holes and shuffles of the two views (specification 3.2 to 3.4); what is not given has the original's sizes in
    /// proportion to the crop.
    #[cfg_attr(feature = "cli", arg(skip))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corruption: Option<CorruptionConfig>,
}

impl Default for PretrainConfig {
    fn default() -> Self {
        PretrainConfig {
            data: DataConfig::default(),
            sampling: SamplingConfig::default(),
            network: NetworkConfig::default(),
            decoder: RestorationConfig::default(),
            loss: LossConfig::default(),
            optimizer: OptimizerConfig::default(),
            // Specification 7.
            run: RunConfig {
                epochs: Some(500),
                ..RunConfig::default()
            },
            corruption: None,
        }
    }
}

impl PretrainConfig {
    /// Whether the contrastive term has nothing to tell apart in a training on so many volumes: a part of a step with one
    /// crop compares its two views with each other alone, and the term is 0.
    pub fn contrasts_nothing(&self, volumes: usize) -> bool {
        let sampling = &self.sampling;
        // No step takes a volume twice.
        let volumes = volumes.min(sampling.batch_volumes);
        let crops = volumes.saturating_mul(sampling.samples_per_volume);
        self.loss.contrastive_weight > 0.0 && self.crops_at_once().min(crops) < 2
    }

    /// Whether fine-tuning can start from the encoder that is trained.
    ///
    /// # Errors
    /// [`ConfigError::UnetrPatch`] for patches that linear layers can paint back and UNETR's decoder cannot.
    pub fn check_patch_for_unetr(&self) -> Result<(), ConfigError> {
        let sizes = UnetrConfig {
            vit: self.vit(),
            ..UnetrConfig::TUTORIAL
        };
        sizes.skips().map(|_| ())
    }

    /// Sizes of the transformer for these settings.
    pub fn vit(&self) -> VitConfig {
        self.network.vit(self.sampling.roi_size)
    }

    /// Kind and sizes of the network that is trained.
    pub fn restorer(&self) -> RestorerConfig {
        RestorerConfig {
            restoration: self.decoder.restoration,
            vit: self.vit(),
            feature_size: self.decoder.feature_size,
        }
    }

    /// The deterministic transforms.
    pub fn transform(&self) -> PretrainTransform {
        PretrainTransform {
            spacing: self.sampling.spacing,
            intensity: (self.sampling.intensity)
                .transform(self.sampling.intensity_min, self.sampling.intensity_max),
            patch: self.sampling.roi_size,
        }
    }

    /// How the views are corrupted.
    pub fn corruption(&self) -> CorruptionSpec {
        let derived = CorruptionSpec::scaled_to(self.sampling.roi_size);
        let spec = self.corruption.unwrap_or_default().over(derived);
        CorruptionSpec {
            ratchet: spec.ratchet && self.sampling.ratchet,
            ..spec
        }
    }

    /// Crops that pass the network at once, each as one view or as two.
    pub fn crops_at_once(&self) -> usize {
        crops_of_part(self.sampling.crops_per_step(), self.sampling.accumulation)
    }

    /// Views that pass the network at once.
    pub fn views_at_once(&self) -> usize {
        let views = if self.loss.contrastive_weight == 0.0 {
            1
        } else {
            2
        };
        self.crops_at_once().saturating_mul(views)
    }
}

impl StageConfig for PretrainConfig {
    const STAGE: &'static str = "pretrain";

    fn preset_text(preset: Preset) -> &'static str {
        match preset {
            Preset::Quickstart => include_str!("../../presets/pretrain/quickstart.toml"),
            Preset::Small => include_str!("../../presets/pretrain/small.toml"),
            Preset::Tutorial => include_str!("../../presets/pretrain/tutorial.toml"),
        }
    }

    fn data(&self) -> &DataConfig {
        &self.data
    }

    fn data_mut(&mut self) -> &mut DataConfig {
        &mut self.data
    }

    fn optimizer(&self) -> &OptimizerConfig {
        &self.optimizer
    }

    fn run(&self) -> &RunConfig {
        &self.run
    }

    fn run_mut(&mut self) -> &mut RunConfig {
        &mut self.run
    }

    fn memory(&self) -> MemoryEstimate {
        let views = self.views_at_once() as u64;
        estimate_pretraining(&self.restorer(), views, self.optimizer.averages())
    }

    fn settle(&mut self) {
        let spec = self.corruption();
        self.sampling.ratchet = spec.ratchet;
        self.corruption = Some(CorruptionConfig {
            // It stands in `sampling`, once.
            ratchet: None,
            ..spec.into()
        });
    }

    fn unsettle(&mut self) {
        let Some(own) = self.corruption.as_mut() else {
            return;
        };
        if own.ratchet.take() == Some(false) {
            self.sampling.ratchet = false;
        }
        self.corruption = own.beyond(CorruptionSpec::scaled_to(self.sampling.roi_size));
    }

    fn validate(&self) -> Result<(), SettingsError> {
        self.restorer().validate()?;
        self.corruption().validate(self.sampling.roi_size)?;
        self.data.check()?;
        self.optimizer.check()?;
        for (name, rate) in [
            ("encoder_rate", self.optimizer.encoder_rate),
            ("head_rate", self.optimizer.head_rate),
        ] {
            if rate != 1.0 {
                return Err(SettingsError::FinetuningOnly(name));
            }
        }
        self.run.check()?;
        self.sampling.check()?;
        self.network.check()?;
        self.loss.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crop_alone_is_contrasted_with_nothing_also_where_the_list_is_shorter_than_a_step() {
        for (volumes, batch, samples, accumulation, nothing) in [
            (9, 4, 1, 1, false),
            (1, 4, 1, 1, true),
            (2, 4, 1, 1, false),
            (1, 4, 2, 1, false),
            (9, 4, 1, 4, true),
            (9, 1, 1, 1, true),
        ] {
            let mut config = PretrainConfig::default();
            config.sampling.batch_volumes = batch;
            config.sampling.samples_per_volume = samples;
            config.sampling.accumulation = accumulation;
            let found = config.contrasts_nothing(volumes);
            assert_eq!(found, nothing, "{volumes} {batch} {samples} {accumulation}");
            config.loss.contrastive_weight = 0.0;
            assert!(!config.contrasts_nothing(volumes));
        }
    }
}
