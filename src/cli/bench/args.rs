//! Flags of `bench`.

use crate::cli::args::{DeviceArgs, SettingsSource};
use crate::cli::settings::{Settings, unless_shown};
use crate::config::PretrainConfig;
use crate::nn::Precision;
use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(in crate::cli) struct BenchArgs {
    #[command(subcommand)]
    pub what: Bench,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Bench {
    /// Load, prepare and augment volumes without any cache
    Data(BenchDataArgs),
    /// Every operation at UNETR's shapes, against the device's own ceilings
    Kernels(BenchKernelsArgs),
    /// Forward, backward and update of one training step
    Step(BenchStepArgs),
    /// Forward of the fine-tuned network, window by window
    Infer(BenchInferArgs),
    /// Every way to cut the convolution on a GPU, to choose one for a new kind
    Tilings(BenchTilingsArgs),
}

/// Which stage's step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum BenchStage {
    /// The auto-encoder
    Pretrain,
    /// UNETR
    Finetune,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct BenchKernelsArgs {
    #[command(flatten)]
    pub device: DeviceArgs,
    /// Also time burn's own convolution
    #[arg(long)]
    pub burn: bool,
    /// Measurements of each operation, after one to warm up and one to set the clock by; the shortest of all but the first counts
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub repeats: usize,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct BenchTilingsArgs {
    #[command(flatten)]
    pub device: DeviceArgs,
    /// Show the N fastest of each shape and pass
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub best: usize,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct BenchInferArgs {
    /// Named settings: quickstart, small or tutorial [default: tutorial]
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,
    #[command(flatten)]
    pub device: DeviceArgs,
    /// Measurements, after one to warm up and one to set the clock by; the shortest of all but the first counts
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub repeats: usize,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// Settings that the data path depends on.
const DATA_PATH: [&str; 13] = [
    "datalist",
    "data_root",
    "limit",
    "workers",
    "spacing",
    "intensity",
    "intensity_min",
    "intensity_max",
    "roi_size",
    "patch_size",
    "samples_per_volume",
    "ratchet",
    "seed",
];

#[derive(Debug, Args)]
#[command(mut_args(|arg| unless_shown(arg, &DATA_PATH)))]
pub(in crate::cli) struct BenchDataArgs {
    #[command(flatten)]
    pub source: SettingsSource,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub settings: Settings<PretrainConfig>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct BenchStepArgs {
    /// Which stage
    #[arg(value_enum, default_value = "pretrain")]
    pub stage: BenchStage,
    /// Named settings: quickstart, small or tutorial [default: tutorial]
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,
    #[command(flatten)]
    pub device: DeviceArgs,
    /// Crops in the step; in pre-training both views of each pass the network
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub crops: usize,
    /// Type of matrix products and convolutions
    #[arg(long, value_enum, default_value = "f32")]
    pub precision: Precision,
    /// Parts the crops are sent through the network in
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub accumulation: usize,
    /// Steps to measure, after one to warm up
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub repeats: usize,
    /// Allocate and compile everything on a GPU and run nothing: memory and dispatches without the work, no times
    #[arg(long)]
    pub dry_run: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}
