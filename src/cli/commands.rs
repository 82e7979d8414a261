//! The tree of the commands.

use crate::cli::bench::BenchArgs;
use crate::cli::convert::ConvertArgs;
use crate::cli::cross_validation::CrossValidateArgs;
use crate::cli::doctor::DoctorArgs;
use crate::cli::evaluate::EvaluateArgs;
use crate::cli::experiment::ExperimentArgs;
use crate::cli::finetune::FinetuneArgs;
use crate::cli::phantom::PhantomArgs;
use crate::cli::predict::PredictArgs;
use crate::cli::pretrain::PretrainArgs;
use crate::cli::preview::PreviewArgs;
use clap::{Parser, Subcommand};

/// Pre-train 3D vision transformers on unlabelled medical volumes, fine-tune them on few labelled ones, segment and score, on the CPU or a GPU (Vulkan, Metal, DX12).
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
    /// Score every labelled case by a network trained on the others, where none can be spared for a test
    CrossValidate(CrossValidateArgs),
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
