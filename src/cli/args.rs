//! The commands, and flags that several of them take.

use crate::cli::bench::BenchArgs;
use crate::cli::convert::ConvertArgs;
use crate::cli::doctor::DoctorArgs;
use crate::cli::evaluate::EvaluateArgs;
use crate::cli::experiment::ExperimentArgs;
use crate::cli::finetune::FinetuneArgs;
use crate::cli::phantom::PhantomArgs;
use crate::cli::predict::PredictArgs;
use crate::cli::pretrain::PretrainArgs;
use crate::cli::preview::PreviewArgs;
use crate::device::DeviceChoice;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Pre-train 3D vision transformers on unlabelled medical volumes, fine-tune them on few labelled ones, segment and score, on any GPU or the CPU.
#[derive(Debug, Parser)]
#[command(version, about, propagate_version = true, infer_subcommands = true)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub command: Command,
    /// Say more; twice for the messages of libraries
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Pre-train an auto-encoder on unlabelled volumes; bare, on phantoms that it makes
    Pretrain(PretrainArgs),
    /// Fine-tune a segmentation network on labelled volumes; bare, on phantoms that it makes
    Finetune(FinetuneArgs),
    /// Segment images: label maps on the images' own grid
    Predict(PredictArgs),
    /// Score a network or predictions against labels: Dice, HD95, surface Dice
    Evaluate(EvaluateArgs),
    /// Training sizes, random and pre-trained, seeds: all runs of a plan as one job, with tables and pictures
    Experiment(ExperimentArgs),
    /// Draw the augmented views of a volume, without training
    Preview(PreviewArgs),
    /// Write synthetic abdominal CT cases with 13 labelled organs
    Phantom(PhantomArgs),
    /// Convert weights between PyTorch (.pt, .pth) and safetensors, under MONAI's names
    Convert(ConvertArgs),
    /// Measure the speed of the data path, of the operations, of a training step or of inference
    Bench(BenchArgs),
    /// List adapters with their limits, estimate memory, test the device
    Doctor(DoctorArgs),
}

/// Where settings come from.
#[derive(Debug, Args)]
pub(super) struct SettingsSource {
    /// Named settings: quickstart, small or tutorial [default: quickstart without a datalist, small with one; bench: tutorial]
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,
    /// TOML file with settings, over those of the preset
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct DeviceArgs {
    /// auto, cpu, vulkan, metal, dx12 or gl, with :N for an adapter's number
    #[arg(long, default_value_t = DeviceChoice::Auto, value_name = "NAME")]
    pub device: DeviceChoice,
}

/// What every command that trains takes beside its settings.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    pub source: SettingsSource,
    /// Folder of the run [default: a new one under runs/]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Go on with the run in this folder
    #[arg(long, value_name = "DIR", conflicts_with_all = ["out", "preset", "config"])]
    pub resume: Option<PathBuf>,
    /// Print the summary as JSON on standard output, and nothing else there
    #[arg(long)]
    pub json: bool,
}

/// What a fine-tuned network is, where that does not lie beside its weights.
#[derive(Debug, Default, Args)]
pub(super) struct ModelSettings {
    /// Sizes and transforms of a weights file without settings beside it: quickstart, small or tutorial
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,
    /// TOML file with settings, over those of the preset
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Classes with background, instead of those of the settings
    #[arg(long, value_name = "N")]
    pub classes: Option<usize>,
}
