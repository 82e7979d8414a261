//! Settings of fine-tuning. The defaults are the original's numbers.

use crate::augment::AugmentSettings;
use crate::config::check::{at_most, share};
use crate::config::{
    CropConfig, DataConfig, DecoderConfig, InferenceConfig, NetworkConfig, OptimizerConfig, Preset,
    RunConfig, SettingsError, StageConfig, StartConfig, ValidationMode, crops_of_part,
};
use crate::device::{MemoryEstimate, estimate_finetuning};
use crate::nn::{Architecture, SegmenterConfig, UnetrConfig};
use crate::optim::{Decay, ScheduleKind};
use crate::transform::FinetuneTransform;
use serde::{Deserialize, Serialize};

/// Everything that defines a fine-tuning run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
#[serde(default, deny_unknown_fields)]
pub struct FinetuneConfig {
    /// Which volumes.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub data: DataConfig,
    /// How volumes become crops.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub crops: CropConfig,
    /// Random changes of a crop.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub augment: AugmentSettings,
    /// Sizes of the encoder.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub network: NetworkConfig,
    /// Sizes of the decoder.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub decoder: DecoderConfig,
    /// Weights to start from.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub start: StartConfig,
    /// Optimiser and schedule.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub optimizer: OptimizerConfig,
    /// Sliding windows of the validation.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub inference: InferenceConfig,
    /// Length of the run, validation, checkpoints.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub run: RunConfig,
}

impl Default for FinetuneConfig {
    fn default() -> Self {
        FinetuneConfig {
            data: DataConfig::default(),
            crops: CropConfig::default(),
            augment: AugmentSettings::default(),
            network: NetworkConfig::default(),
            decoder: DecoderConfig::default(),
            start: StartConfig::default(),
            // Specification 6.4.
            optimizer: OptimizerConfig {
                optimizer: Decay::AdamW,
                learning_rate: 1e-4,
                encoder_rate: 1.0,
                head_rate: 1.0,
                weight_decay: 1e-5,
                clip_norm: 0.0,
                schedule: ScheduleKind::Constant,
                warmup_steps: 0,
                ema_decay: 0.0,
            },
            inference: InferenceConfig::default(),
            // Specification 9.
            run: RunConfig {
                max_steps: Some(30_000),
                validation_steps: 100,
                ..RunConfig::default()
            },
        }
    }
}

impl FinetuneConfig {
    /// Sizes of the network. Where the number of classes is not known yet it is the original's 14.
    pub fn unetr(&self) -> UnetrConfig {
        UnetrConfig {
            vit: self.network.vit(self.crops.roi_size),
            feature_size: self.decoder.feature_size,
            classes: self
                .decoder
                .classes
                .unwrap_or(UnetrConfig::TUTORIAL.classes),
        }
    }

    /// Kind and sizes of the network.
    pub fn segmenter(&self) -> SegmenterConfig {
        SegmenterConfig {
            architecture: self.decoder.architecture,
            sizes: self.unetr(),
        }
    }

    /// Crops that pass the network at once.
    pub fn crops_at_once(&self) -> usize {
        crops_of_part(self.crops.crops_per_step(), self.crops.accumulation)
    }

    /// The deterministic transforms.
    pub fn transform(&self) -> FinetuneTransform {
        let crops = &self.crops;
        FinetuneTransform {
            order: crops.geometry_order,
            spacing: crops.spacing,
            intensity: crops
                .intensity
                .transform(crops.intensity_min, crops.intensity_max),
            patch: crops.roi_size,
            classes: self.unetr().classes,
        }
    }
}

impl StageConfig for FinetuneConfig {
    const STAGE: &'static str = "finetune";

    fn preset_text(preset: Preset) -> &'static str {
        match preset {
            Preset::Quickstart => include_str!("../../presets/finetune/quickstart.toml"),
            Preset::Small => include_str!("../../presets/finetune/small.toml"),
            Preset::Tutorial => include_str!("../../presets/finetune/tutorial.toml"),
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
        let crops = self.crops_at_once() as u64;
        estimate_finetuning(&self.segmenter(), crops, self.optimizer.averages())
    }

    fn validate(&self) -> Result<(), SettingsError> {
        self.validate_for_prediction()?;
        Ok(self.augment.validate(self.crops.roi_size)?)
    }
}

impl FinetuneConfig {
    /// As [`StageConfig::validate`], for a network that is only asked: how crops would be varied does not matter.
    ///
    /// # Errors
    /// The first other setting that cannot work, with its allowed range.
    pub fn validate_for_prediction(&self) -> Result<(), SettingsError> {
        // A label is one byte.
        at_most([("classes", self.decoder.classes.unwrap_or(1), 256)])?;
        self.unetr().validate()?;
        if self.decoder.architecture == Architecture::Unet && self.start.pretrained.is_some() {
            return Err(SettingsError::UnetPretrained);
        }
        self.data.check()?;
        self.optimizer.check()?;
        self.run.check()?;
        self.crops.check()?;
        if self.run.validation == ValidationMode::Random {
            return Err(SettingsError::RandomValidation);
        }
        self.network.check()?;
        // The background and one more, or there is nothing to tell apart.
        if let Some(classes @ ..2) = self.decoder.classes {
            return Err(SettingsError::TooSmall {
                name: "classes",
                value: classes as f64,
                least: 2.0,
            });
        }
        share("overlap", self.inference.overlap)
    }

    /// Whether mirrored windows mean anything to a network trained with these settings.
    ///
    /// # Errors
    /// [`SettingsError::MirrorWithoutFlips`] where they are wanted and do not.
    pub fn check_mirror(&self, wanted: bool) -> Result<(), SettingsError> {
        match wanted && self.augment.flip_probability == 0.0 {
            true => Err(SettingsError::MirrorWithoutFlips),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::GeometryOrder;

    #[test]
    fn spacing_before_orientation_is_a_setting_that_is_written_where_it_is_meant() {
        let text = "[crops]\ngeometry_order = \"spacing-first\"\n";
        let early = FinetuneConfig::from_toml(text, "my.toml").unwrap();
        assert_eq!(early.transform().order, GeometryOrder::SpacingFirst);
        let saved = early.to_toml().unwrap();
        assert!(
            saved.contains("geometry_order = \"spacing-first\""),
            "{saved}"
        );
        let usual = FinetuneConfig::default();
        assert_eq!(usual.transform().order, GeometryOrder::OrientationFirst);
        assert!(!usual.to_toml().unwrap().contains("geometry_order"));
    }

    #[test]
    fn crops_that_cannot_be_turned_are_refused_for_training_alone() {
        let mut config = FinetuneConfig::default();
        config.crops.roi_size = [48, 32, 64];
        config.augment.rotate_probability = 0.1;
        assert!(config.validate_for_prediction().is_ok());
        let refused = config.validate();
        assert!(matches!(refused, Err(SettingsError::Augment(_))));
        config.inference.overlap = 1.0;
        assert!(config.validate_for_prediction().is_err());
    }
}
