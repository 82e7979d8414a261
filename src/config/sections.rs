//! The sections of the settings that both stages have, each a heading of the flags and a table of the TOML file.

use crate::device::DeviceChoice;
use crate::nn::{Precision, VitConfig};
use crate::optim::{AdamConfig, Decay, ScheduleKind};
use crate::platform;
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
    /// Prepared volumes also kept in memory, in MiB; copies of all but those of files that just changed lie in the cache folder
    #[cfg_attr(feature = "cli", arg(long, value_name = "MIB"))]
    pub cache_memory: u64,
    /// Folder for prepared volumes [default: cache/ beside the run's folder]
    #[cfg_attr(feature = "cli", arg(long, value_name = "DIR"))]
    pub cache_dir: Option<PathBuf>,
    /// Threads that prepare data; 0 for one a core
    #[cfg_attr(feature = "cli", arg(long, value_name = "N"))]
    pub workers: usize,
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
    /// Learning rate of the encoder in fine-tuning, as a share of that of the decoder
    #[cfg_attr(feature = "cli", arg(long, value_name = "SHARE"))]
    pub encoder_rate: f64,
    /// Learning rate of the last layer in fine-tuning, as a multiple of that of the decoder
    #[cfg_attr(feature = "cli", arg(long, value_name = "MULTIPLE"))]
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
    /// Steps in a row whose gradients are not finite before the run stops
    #[cfg_attr(feature = "cli", arg(long, value_name = "N"))]
    pub max_skipped: u64,
    /// Type of matrix products and convolutions: f32, or f16 with loss scaling on a GPU that has it
    #[cfg_attr(feature = "cli", arg(long, value_enum))]
    pub precision: Precision,
    /// Recompute cheap activations of burn's own operations in the backward pass instead of keeping them; what keeps most
    /// memory has gradients of its own, so this saves hardly any
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

impl DataConfig {
    /// Threads that prepare data: at least one.
    pub fn threads(&self) -> usize {
        match self.workers {
            0 => platform::threads(),
            workers => workers,
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

impl RunConfig {
    /// Presets count steps, which would silence what is given in epochs: a length in epochs takes the place of one in
    /// steps, and so does an interval between validations, where not both are `given`.
    pub(crate) fn prefer_epochs(&mut self, given: impl Fn(&str) -> bool) {
        if given("epochs") && !given("max_steps") {
            self.max_steps = None;
        }
        if given("validation_interval") && !given("validation_steps") {
            self.validation_steps = 0;
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

    /// Whether a moving average of the weights is kept beside them.
    pub(crate) fn averages(&self) -> bool {
        self.ema_decay > 0.0
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
