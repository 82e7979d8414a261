//! Settings of fine-tuning. The defaults are the original's numbers.

use crate::augment::AugmentSettings;
use crate::config::check::{at_most, not_negative, positive, probability, share, window, writable};
use crate::config::{
    DataConfig, IntensityMode, NetworkConfig, OptimizerConfig, Preset, RunConfig, SettingsError,
    StageConfig, ValidationMode,
};
use crate::nn::{Architecture, SegmenterConfig, UnetrConfig};
use crate::optim::{Decay, ScheduleKind};
use crate::transform::{FinetuneTransform, GeometryOrder};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

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
    pub augment: AugmentConfig,
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
    /// How input values become the network's: a fixed range, or one that each volume sets
    #[cfg_attr(feature = "cli", arg(long, value_enum))]
    pub intensity: IntensityMode,
    /// Intensity that becomes 0, in HU for CT
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "HU", allow_negative_numbers = true)
    )]
    pub intensity_min: f32,
    /// Intensity that becomes 1
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "HU", allow_negative_numbers = true)
    )]
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

/// Random changes of a crop (specification 4.2).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "cli",
    derive(clap::Args),
    command(next_help_heading = "Augmentation")
)]
#[serde(default, deny_unknown_fields)]
pub struct AugmentConfig {
    /// Probability of a flip, for each axis
    #[cfg_attr(feature = "cli", arg(long, value_name = "P"))]
    pub flip_probability: f64,
    /// Probability of a turn by a multiple of 90 degrees in the plane of the first two axes
    #[cfg_attr(feature = "cli", arg(long, value_name = "P"))]
    pub rotate_probability: f64,
    /// Probability of a shift of all intensities
    #[cfg_attr(feature = "cli", arg(long, value_name = "P"))]
    pub shift_probability: f64,
    /// Largest shift, in the scale from 0 to 1
    #[cfg_attr(feature = "cli", arg(long, value_name = "SHIFT"))]
    pub shift_offset: f64,
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
    /// Pre-trained weights: safetensors, a PyTorch file of the original, or the folder of a run [default: random]
    #[cfg_attr(feature = "cli", arg(long, value_name = "PATH"))]
    pub pretrained: Option<PathBuf>,
    /// Go on when the file does not hold the whole encoder
    #[cfg_attr(feature = "cli", arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", action = clap::ArgAction::Set))]
    pub allow_partial: bool,
    /// Resize position embeddings that were trained for another grid of patches
    #[cfg_attr(feature = "cli", arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", action = clap::ArgAction::Set))]
    pub resize_positions: bool,
    /// Start from the classes' shares of the training voxels: the last layer's biases are their logarithms, so that no small structure is unlearned while the network learns that most is background [default: false]
    #[cfg_attr(feature = "cli", arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", action = clap::ArgAction::Set))]
    #[serde(skip_serializing_if = "is_false")]
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
    /// Whether validation takes what lies around air for background unseen, as `predict` does and the original does not [default: false]
    #[cfg_attr(feature = "cli", arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", action = clap::ArgAction::Set))]
    #[serde(skip_serializing_if = "is_false")]
    pub skip_air: bool,
}

/// Left out of files where it changes nothing, so that older programs read them.
fn is_false(value: &bool) -> bool {
    !value
}

impl Default for FinetuneConfig {
    fn default() -> Self {
        FinetuneConfig {
            data: DataConfig::default(),
            crops: CropConfig::default(),
            augment: AugmentConfig::default(),
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

impl Default for CropConfig {
    fn default() -> Self {
        CropConfig {
            spacing: [1.5, 1.5, 2.0],
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

impl Default for AugmentConfig {
    fn default() -> Self {
        AugmentConfig {
            flip_probability: 0.1,
            rotate_probability: 0.1,
            shift_probability: 0.5,
            shift_offset: 0.1,
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
            overlap: 0.25,
            skip_air: false,
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
        let crops = &self.crops;
        crops.crops_per_step().div_ceil(crops.accumulation.max(1))
    }

    /// The deterministic transforms.
    pub fn transform(&self) -> FinetuneTransform {
        let crops = &self.crops;
        FinetuneTransform {
            order: GeometryOrder::default(),
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

    fn validate(&self) -> Result<(), SettingsError> {
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
        at_most([("layers", self.network.layers, 1000)])?;
        // The background and one more, or there is nothing to tell apart.
        if let Some(classes @ ..2) = self.decoder.classes {
            return Err(SettingsError::TooSmall {
                name: "classes",
                value: classes as f64,
                least: 2.0,
            });
        }
        for (name, value) in [
            ("flip_probability", self.augment.flip_probability),
            ("rotate_probability", self.augment.rotate_probability),
            ("shift_probability", self.augment.shift_probability),
        ] {
            probability(name, value)?;
        }
        not_negative([("shift_offset", self.augment.shift_offset)])?;
        self.augment.settings().validate(self.crops.roi_size)?;
        share("overlap", self.inference.overlap)
    }
}

impl AugmentConfig {
    /// As the transforms take it.
    pub(crate) fn settings(&self) -> AugmentSettings {
        AugmentSettings {
            flip_probability: self.flip_probability,
            rotate_probability: self.rotate_probability,
            shift_offset: self.shift_offset,
            shift_probability: self.shift_probability,
        }
    }
}

impl FinetuneConfig {
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

impl CropConfig {
    /// Crops of a step.
    pub fn crops_per_step(&self) -> usize {
        self.batch_volumes.saturating_mul(self.samples_per_volume)
    }

    fn check(&self) -> Result<(), SettingsError> {
        positive([
            ("spacing", self.spacing[0]),
            ("spacing", self.spacing[1]),
            ("spacing", self.spacing[2]),
            ("batch_volumes", self.batch_volumes as f64),
            ("samples_per_volume", self.samples_per_volume as f64),
            ("accumulation", self.accumulation as f64),
        ])?;
        let crops = self.crops_per_step();
        writable([("accumulation", self.accumulation as u64)])?;
        at_most([("batch_volumes times samples_per_volume", crops, 65_536)])?;
        window(self.intensity_min, self.intensity_max)
    }
}
