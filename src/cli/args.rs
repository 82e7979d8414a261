//! Flags that several commands take.

use crate::device::DeviceChoice;
use clap::Args;
use std::path::PathBuf;

/// Where settings come from.
#[derive(Debug, Args)]
pub(super) struct SettingsSource {
    /// Named settings: quickstart, small or tutorial [default: quickstart without a datalist, small with one or for a scan to preview; bench: tutorial]
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
    /// Sizes and transforms of a preset, quickstart, small or tutorial: for weights whose file and folder tell none; takes the place of what they tell
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,
    /// TOML file with settings, over those of the preset
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Classes with background, instead of those of the settings
    #[arg(long, value_name = "N")]
    pub classes: Option<usize>,
}
