//! The sections of the settings, each a heading of the flags and a table of the TOML file.

use crate::config::IntensityMode;
use crate::device::DeviceChoice;
use crate::nn::{Precision, Restoration, UnetrConfig, VitConfig};
use crate::optim::{AdamConfig, Decay, ScheduleKind};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Which volumes, and where their prepared form is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "cli",
    derive(clap::Args),
    command(next_help_heading = "Data")
)]
#[serde(default, deny_unknown_fields)]
pub struct DataConfig {
    /// Split file (JSON, Medical Segmentation Decathlon layout) or folder of NIfTI files, with their label maps for fine-tuning; without it phantoms are made
    #[cfg_attr(feature = "cli", arg(long, value_name = "FILE"))]
    pub datalist: Option<PathBuf>,
    /// Folder the split file's paths start from [default: the split file's own folder]
    #[cfg_attr(feature = "cli", arg(long, value_name = "DIR"))]
    pub data_root: Option<PathBuf>,
    /// Use only the first N volumes of the training and of the validation list
    #[cfg_attr(feature = "cli", arg(long, value_name = "N"))]
    pub limit: Option<usize>,
    /// Phantoms to make for training when there is no datalist; a quarter as many more for validation
    #[cfg_attr(feature = "cli", arg(long, value_name = "N"))]
    pub phantoms: usize,
    /// Prepared volumes kept in memory, in MiB; what does not fit goes to the cache folder
    #[cfg_attr(feature = "cli", arg(long, value_name = "MIB"))]
    pub cache_memory: u64,
    /// Folder for prepared volumes [default: cache/ beside the run's folder]
    #[cfg_attr(feature = "cli", arg(long, value_name = "DIR"))]
    pub cache_dir: Option<PathBuf>,
    /// Threads that prepare data; 0 for one a core
    #[cfg_attr(feature = "cli", arg(long, value_name = "N"))]
    pub workers: usize,
}

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

impl SamplingConfig {
    /// Crops of a step.
    pub fn crops_per_step(&self) -> usize {
        self.batch_volumes.saturating_mul(self.samples_per_volume)
    }
}

/// Sizes of the vision transformer (specification 5).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "cli",
    derive(clap::Args),
    command(next_help_heading = "Network")
)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkConfig {
    /// Edge of the patch that becomes one token, in voxels
    #[cfg_attr(feature = "cli", arg(long, value_name = "VOXELS"))]
    pub patch_size: usize,
    /// Features of a token
    #[cfg_attr(feature = "cli", arg(long, value_name = "N"))]
    pub hidden_size: usize,
    /// Width of the perceptron in each block
    #[cfg_attr(feature = "cli", arg(long, value_name = "N"))]
    pub mlp_dim: usize,
    /// Transformer blocks
    #[cfg_attr(feature = "cli", arg(long, value_name = "N"))]
    pub layers: usize,
    /// Attention heads
    #[cfg_attr(feature = "cli", arg(long, value_name = "N"))]
    pub heads: usize,
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

impl RestorationConfig {
    /// Left out of files where it changes nothing, so that older programs read them.
    pub(super) fn is_default(&self) -> bool {
        *self == RestorationConfig::default()
    }
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

/// Optimiser and learning rate (specification 6.2).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "cli",
    derive(clap::Args),
    command(next_help_heading = "Optimiser")
)]
#[serde(default, deny_unknown_fields)]
pub struct OptimizerConfig {
    /// How weight decay enters
    #[cfg_attr(feature = "cli", arg(long, value_enum))]
    pub optimizer: Decay,
    /// Learning rate after warm-up
    #[cfg_attr(feature = "cli", arg(long, visible_alias = "lr", value_name = "RATE"))]
    pub learning_rate: f64,
    /// In fine-tuning, the learning rate of the encoder as a share of that of the decoder [default: 1]
    #[cfg_attr(feature = "cli", arg(long, value_name = "SHARE"))]
    #[serde(skip_serializing_if = "is_one")]
    pub encoder_rate: f64,
    /// In fine-tuning, the learning rate of the last layer as a multiple of that of the decoder [default: 1]
    #[cfg_attr(feature = "cli", arg(long, value_name = "MULTIPLE"))]
    #[serde(skip_serializing_if = "is_one")]
    pub head_rate: f64,
    /// Weight decay
    #[cfg_attr(feature = "cli", arg(long, value_name = "W"))]
    pub weight_decay: f64,
    /// Clip the global norm of the gradients to this; 0 for no clipping
    #[cfg_attr(feature = "cli", arg(long, value_name = "NORM"))]
    pub clip_norm: f64,
    /// Learning rate after warm-up: constant, or a cosine to zero
    #[cfg_attr(feature = "cli", arg(long, value_enum))]
    pub schedule: ScheduleKind,
    /// Steps of linear warm-up
    #[cfg_attr(feature = "cli", arg(long, value_name = "N"))]
    pub warmup_steps: u64,
    /// Share that stays at each step in the moving average of the weights that validation and export use; 0 for none
    #[cfg_attr(feature = "cli", arg(long, value_name = "SHARE"))]
    pub ema_decay: f64,
}

/// Left out of files where it changes nothing, so that older programs read them.
fn is_one(value: &f64) -> bool {
    *value == 1.0
}

/// What the validation's augmentation draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
pub enum ValidationMode {
    /// The same crops and views every time, so that values compare.
    Fixed,
    /// New ones every time, as the original does.
    Random,
}

/// Length of the run, validation, checkpoints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "cli",
    derive(clap::Args),
    command(next_help_heading = "Run")
)]
#[serde(default, deny_unknown_fields)]
pub struct RunConfig {
    /// auto, cpu, vulkan, metal, dx12 or gl, with :N for an adapter's number
    #[cfg_attr(feature = "cli", arg(long, value_name = "NAME"))]
    pub device: DeviceChoice,
    /// Passes over the training volumes
    #[cfg_attr(feature = "cli", arg(long, value_name = "N"))]
    pub epochs: Option<u64>,
    /// Stop after this many steps, whatever the epochs say
    #[cfg_attr(feature = "cli", arg(long, value_name = "N"))]
    pub max_steps: Option<u64>,
    /// Epochs between validations; the first and the last epoch always validate
    #[cfg_attr(feature = "cli", arg(long, value_name = "N"))]
    pub validation_interval: u64,
    /// Steps between validations, instead of epochs; 0 for epochs
    #[cfg_attr(feature = "cli", arg(long, value_name = "N"))]
    pub validation_steps: u64,
    /// Augmentation of the validation: the same every time, or random as in the original
    #[cfg_attr(feature = "cli", arg(long, value_enum))]
    pub validation: ValidationMode,
    /// Seed of everything random
    #[cfg_attr(feature = "cli", arg(long, value_name = "N"))]
    pub seed: u64,
    /// Steps between readings of the losses; 0 for every step on the CPU, on a GPU for one a second and at least every 10
    #[cfg_attr(feature = "cli", arg(long, value_name = "N"))]
    pub log_every: u64,
    /// Minutes between checkpoints
    #[cfg_attr(feature = "cli", arg(long, value_name = "MINUTES"))]
    pub checkpoint_minutes: f64,
    /// Steps in a row whose loss is not finite before the run stops
    #[cfg_attr(feature = "cli", arg(long, value_name = "N"))]
    pub max_skipped: u64,
    /// Type of matrix products and convolutions: f32, or f16 with loss scaling on a GPU that has it
    #[cfg_attr(feature = "cli", arg(long, value_enum))]
    pub precision: Precision,
    /// Recompute cheap activations in the backward pass instead of keeping them
    #[cfg_attr(feature = "cli", arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", action = clap::ArgAction::Set))]
    pub recompute: bool,
}

impl Default for DataConfig {
    fn default() -> Self {
        DataConfig {
            datalist: None,
            data_root: None,
            limit: None,
            phantoms: 16,
            cache_memory: 4096,
            cache_dir: None,
            workers: 0,
        }
    }
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

/// The original's numbers (specification 5.3).
impl Default for NetworkConfig {
    fn default() -> Self {
        let VitConfig {
            patch_size,
            hidden_size,
            mlp_dim,
            layers,
            heads,
            ..
        } = VitConfig::TUTORIAL;
        NetworkConfig {
            patch_size,
            hidden_size,
            mlp_dim,
            layers,
            heads,
        }
    }
}

impl NetworkConfig {
    /// The transformer for volumes of this size.
    pub fn vit(&self, image_size: [usize; 3]) -> VitConfig {
        VitConfig {
            image_size,
            patch_size: self.patch_size,
            hidden_size: self.hidden_size,
            mlp_dim: self.mlp_dim,
            layers: self.layers,
            heads: self.heads,
        }
    }
}

impl OptimizerConfig {
    /// The optimiser's settings.
    pub fn adam(&self) -> AdamConfig {
        AdamConfig {
            weight_decay: self.weight_decay,
            decay: self.optimizer,
            encoder_rate: self.encoder_rate,
            head_rate: self.head_rate,
            ..AdamConfig::default()
        }
    }
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

/// The original's numbers (specification 6.2).
impl Default for OptimizerConfig {
    fn default() -> Self {
        OptimizerConfig {
            optimizer: Decay::Adam,
            learning_rate: 1e-4,
            encoder_rate: 1.0,
            head_rate: 1.0,
            weight_decay: 0.0,
            clip_norm: 0.0,
            schedule: ScheduleKind::Constant,
            warmup_steps: 0,
            ema_decay: 0.0,
        }
    }
}

/// The original's numbers where it has them (specification 7); each stage says how long it goes on.
impl Default for RunConfig {
    fn default() -> Self {
        RunConfig {
            device: DeviceChoice::Auto,
            epochs: None,
            max_steps: None,
            validation_interval: 2,
            validation_steps: 0,
            validation: ValidationMode::Fixed,
            seed: 123,
            log_every: 0,
            checkpoint_minutes: 10.0,
            max_skipped: 10,
            precision: Precision::F32,
            recompute: false,
        }
    }
}
