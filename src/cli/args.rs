//! Flags of the commands.

use crate::cli::bench::BenchArgs;
use crate::cli::convert::patch_grid;
use crate::cli::experiment::ExperimentArgs;
use crate::cli::settings::Settings;
use crate::config::check::share;
use crate::config::{FinetuneConfig, PretrainConfig};
use crate::device::DeviceChoice;
use crate::infer::{Blending, DEFAULT_OVERLAP, SlidingWindow};
use crate::metric::SurfaceOptions;
use crate::weights::MonaiVersion;
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

#[derive(Debug, Args)]
pub(super) struct PretrainArgs {
    #[command(flatten)]
    pub run: RunArgs,
    #[command(flatten)]
    pub settings: Settings<PretrainConfig>,
}

#[derive(Debug, Args)]
pub(super) struct FinetuneArgs {
    #[command(flatten)]
    pub run: RunArgs,
    #[command(flatten)]
    pub settings: Settings<FinetuneConfig>,
}

/// How windows are laid and put together.
#[derive(Debug, Args)]
pub(super) struct WindowArgs {
    /// Share of a window that the next one covers again
    #[arg(long, value_name = "SHARE", default_value_t = DEFAULT_OVERLAP)]
    pub overlap: f64,
    /// How windows are weighted where they overlap
    #[arg(long, value_enum, default_value_t)]
    pub blending: Blending,
    /// See every window mirrored too, along each axis and each combination of axes: eight times the work; for networks trained with flips
    #[arg(long)]
    pub mirror: bool,
    /// Look for structures around air too: in windows whose middle has one value throughout
    #[arg(long)]
    pub keep_air: bool,
    /// The original's windows: overlap 0.25, constant weights, no mirroring, those around air too
    #[arg(long, conflicts_with_all = ["overlap", "blending", "mirror", "keep_air"])]
    pub parity: bool,
}

impl WindowArgs {
    /// The windows for a network that was trained with these settings.
    pub(super) fn settings(&self, network: &FinetuneConfig) -> anyhow::Result<SlidingWindow> {
        let window = network.crops.roi_size;
        if self.parity {
            return Ok(SlidingWindow::original(window));
        }
        network.check_mirror(self.mirror)?;
        share("--overlap", self.overlap)?;
        Ok(SlidingWindow {
            overlap: self.overlap,
            blending: self.blending,
            mirror: self.mirror,
            skip_air: !self.keep_air,
            ..SlidingWindow::predicting(window)
        })
    }
}

/// Which voxels a label map has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Grid {
    /// Those of the image
    Input,
    /// Those of the network: turned, resampled, cropped to the foreground, for comparison with the original
    Model,
}

/// A fine-tuned network.
#[derive(Debug, Args)]
pub(super) struct ModelArgs {
    /// Folder of a fine-tuning run, or a weights file: safetensors or PyTorch
    #[arg(long, value_name = "PATH")]
    pub weights: PathBuf,
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

#[derive(Debug, Args)]
pub(super) struct PredictArgs {
    #[command(flatten)]
    pub model: ModelArgs,
    /// Image, or a folder of images (label maps that lie in it are segmented too)
    #[arg(long, value_name = "PATH")]
    pub input: PathBuf,
    /// Label map to write, or a folder for those of a folder
    #[arg(long, value_name = "PATH")]
    pub output: PathBuf,
    /// Replace label maps that are not as this program wrote them; its own are replaced anyway
    #[arg(long)]
    pub overwrite: bool,
    /// The label map's voxels
    #[arg(long, value_enum, default_value = "input")]
    pub grid: Grid,
    #[command(flatten)]
    pub windows: WindowArgs,
    /// Keep only the largest connected component of each label
    #[arg(long)]
    pub largest_component: bool,
    /// Folder for the probabilities of every class, a volume each, on the label map's voxels: those of the network's grid, interpolated (labels are the best of interpolated logits, so at edges the two may differ); asks every window, as --keep-air does
    #[arg(long, value_name = "DIR")]
    pub probabilities: Option<PathBuf>,
    /// Draw the image with its labels
    #[arg(long, value_name = "PICTURE")]
    pub picture: Option<PathBuf>,
    #[command(flatten)]
    pub device: DeviceArgs,
    /// Print volumes in mL and times as JSON
    #[arg(long)]
    pub json: bool,
}

/// Which list of a split file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Split {
    /// Training cases
    Training,
    /// Validation cases
    Validation,
    /// Test cases
    Test,
}

#[derive(Debug, Args)]
pub(super) struct EvaluateArgs {
    /// Folder of a fine-tuning run, or a weights file: safetensors or PyTorch
    #[arg(long, value_name = "PATH", required_unless_present = "predictions")]
    pub weights: Option<PathBuf>,
    /// Folder of label maps, named as the images or CASE.nii.gz, instead of a network
    #[arg(long, value_name = "DIR", conflicts_with_all = ["weights", "preset", "config", "grid", "overlap", "blending", "mirror", "keep_air", "parity", "device"])]
    pub predictions: Option<PathBuf>,
    /// Sizes and transforms of a weights file without settings beside it: quickstart, small or tutorial
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,
    /// TOML file with settings, over those of the preset
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Classes with background, instead of those of the settings or, with --predictions, of the split file
    #[arg(long, value_name = "N")]
    pub classes: Option<usize>,
    /// Split file (JSON, Medical Segmentation Decathlon layout), or a folder of images and label maps
    #[arg(long, value_name = "FILE")]
    pub datalist: PathBuf,
    /// Folder the split file's paths start from [default: the split file's own folder]
    #[arg(long, value_name = "DIR")]
    pub data_root: Option<PathBuf>,
    /// Which list of the split file
    #[arg(long, value_enum, default_value = "test")]
    pub split: Split,
    /// The voxels that are compared
    #[arg(long, value_enum, default_value = "input")]
    pub grid: Grid,
    /// Tolerance of the normalised surface Dice in mm
    #[arg(long, value_name = "MM", default_value_t = SurfaceOptions::default().tolerance_mm)]
    pub tolerance: f64,
    #[command(flatten)]
    pub windows: WindowArgs,
    /// Write the scores of every case and class as CSV
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    #[command(flatten)]
    pub device: DeviceArgs,
    /// Print all scores as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(super) struct PreviewArgs {
    /// The volume to draw [default: a phantom]
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// The picture to write
    #[arg(long, value_name = "FILE", default_value = "preview.png")]
    pub out: PathBuf,
    #[command(flatten)]
    pub source: SettingsSource,
    #[command(flatten)]
    pub settings: Settings<PretrainConfig>,
}

#[derive(Debug, Args)]
pub(super) struct PhantomArgs {
    /// Folder to write to: images/, labels/ and dataset.json
    #[arg(long, value_name = "DIR", default_value = "phantoms")]
    pub out: PathBuf,
    /// How many cases
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub cases: u64,
    /// Seed of the first case; the others count on
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Make small cases of 4 mm voxels, as the quickstart trains on
    #[arg(long)]
    pub small: bool,
}

#[derive(Debug, Args)]
pub(super) struct ConvertArgs {
    /// Weights of ViTAutoEnc, UNETR or ViT: a PyTorch file of MONAI 0.7 to 1.6, or safetensors
    #[arg(long, value_name = "FILE")]
    pub input: PathBuf,
    /// The file to write: .safetensors, .pt or .pth
    #[arg(long, value_name = "FILE")]
    pub output: PathBuf,
    /// Interpolate the position embeddings to this many patches on each axis
    #[arg(long, value_name = "D,H,W", value_parser = patch_grid)]
    pub patch_grid: Option<[usize; 3]>,
    /// Patches on each axis that the input was made for [default: a cube]
    #[arg(long, value_name = "D,H,W", value_parser = patch_grid, requires = "patch_grid")]
    pub source_grid: Option<[usize; 3]>,
    /// Add the tensors that this version of MONAI registers and never uses, so that it loads the file strictly
    #[arg(long, value_name = "VERSION")]
    pub monai: Option<MonaiVersion>,
    /// Convert a transformer that is not complete
    #[arg(long)]
    pub allow_partial: bool,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    #[command(flatten)]
    pub device: DeviceArgs,
    /// Also hold every operation to double precision, forward and backward, up to the shapes of UNETR: minutes
    #[arg(long)]
    pub kernels: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}
