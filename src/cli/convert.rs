//! `convert`: one weights file to another.

use crate::cli::idle::told;
use crate::cli::inputs::Inputs;
use crate::cli::output::{path_as_shown, print, quoted, say};
use crate::cli::run_folder::beside;
use crate::cli::trained::{card_of, grid_of, trained_with};
use crate::cli::weights_path::starting_file;
use crate::config::parse::triple;
use crate::platform;
use crate::train::layout::CONFIG_FILE;
use crate::weights::{
    CardFate, ConvertOptions, ConvertReport, MonaiVersion, NetworkKind, OutputFormat, PatchGrids,
    WeightsFile, convert,
};
use anyhow::Context;
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct ConvertArgs {
    /// Weights of ViTAutoEnc, UNETR or ViT: a PyTorch file of MONAI 0.7 to 1.6, safetensors, or the folder of a run
    #[arg(long, value_name = "PATH")]
    input: PathBuf,
    /// The file to write: .safetensors, .pt or .pth
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Interpolate the position embeddings to this many patches on each axis
    #[arg(long, value_name = "D,H,W", value_parser = patch_grid)]
    patch_grid: Option<[usize; 3]>,
    /// Patches on each axis that the input was made for [default: as its file or the settings beside it say, else those of
    /// --patch-grid where there are as many, else a cube]
    #[arg(long, value_name = "D,H,W", value_parser = patch_grid, requires = "patch_grid")]
    source_grid: Option<[usize; 3]>,
    /// Add the tensors that this version of MONAI registers and never uses, so that it loads the file strictly
    #[arg(long, value_name = "VERSION")]
    monai: Option<MonaiVersion>,
    /// Convert a transformer that is not complete
    #[arg(long)]
    allow_partial: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    #[serde(serialize_with = "path_as_shown")]
    input: &'a Path,
    #[serde(serialize_with = "path_as_shown")]
    output: &'a Path,
    bytes: usize,
    #[serde(flatten)]
    converted: &'a ConvertReport,
}

pub(super) fn run(args: &ConvertArgs) -> anyhow::Result<ExitCode> {
    let output = args.output.display();
    let format = OutputFormat::of_name(&args.output.to_string_lossy())
        .with_context(|| format!("{output} ends in none of .safetensors, .pt and .pth"))?;
    // What fine-tuning would start from, if it is the folder of a run.
    let input = starting_file(&args.input)?;
    let mut inputs = Inputs::default();
    inputs.add([&input]);
    inputs.refuse_overwriting(&args.output)?;
    let file = platform::read(&input)?;
    let cannot = || format!("cannot convert {}", input.display());
    let opened = WeightsFile::open(&file).with_context(cannot)?;
    let trained = trained_with(&args.input, card_of(&opened, &input).as_ref());
    let positions = args.patch_grid.map(|to| match args.source_grid {
        Some(from) => PatchGrids {
            from: Some(from),
            to,
        },
        None => PatchGrids::guessed(trained.as_ref().and_then(grid_of), to, &opened),
    });
    let options = ConvertOptions {
        positions,
        allow_partial: args.allow_partial,
        monai: args.monai,
    };
    let (bytes, report) = convert(&file, format, &options).with_context(cannot)?;
    platform::write_atomic(&args.output, &bytes)?;
    if let Some(notice) = report.strict_notice().filter(|_| args.monai.is_some()) {
        log::warn!("{notice}");
    }
    if report.origin.network == NetworkKind::Unet
        && let Some(notice) = idle_for_unet(args)
    {
        log::warn!("{notice}");
    }
    let json = Report {
        input: &input,
        output: &args.output,
        bytes: bytes.len(),
        converted: &report,
    };
    match args.json {
        true => print(&serde_json::to_string_pretty(&json)?)?,
        false => print(&format!("{report}\nwrote {output}"))?,
    }
    let config = beside(&args.input, CONFIG_FILE);
    let stay = match report.settings {
        CardFate::OtherFormat => true,
        CardFate::Absent => args.input.is_dir(),
        CardFate::Kept | CardFate::OtherGrid => false,
    };
    // Those of a pre-training, or of another grid, are of no use with these weights.
    let usable = trained.is_some_and(|settings| settings.contains_key("crops"));
    if stay && usable && report.resized.is_empty() && config.exists() {
        say(&format!(
            "the settings stay behind: name them with --config {} where these weights are used",
            quoted(&config.display().to_string())
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// What is said of flags that do nothing for a U-Net.
fn idle_for_unet(args: &ConvertArgs) -> Option<String> {
    let given = |flag: &str| match flag {
        "monai" => args.monai.is_some(),
        _ => args.patch_grid.is_some(),
    };
    let why = "for a U-Net, which has no patches and is no network of MONAI";
    told(&["monai", "patch_grid"], &given, why)
}

/// More patches than any transformer attends to; the embeddings of more would not fit into memory.
const MOST_PATCHES: usize = 1 << 18;

/// `4,4,6`, or one number for a cube.
fn patch_grid(text: &str) -> Result<[usize; 3], String> {
    let grid = triple(text)
        .filter(|grid: &[usize; 3]| !grid.contains(&0))
        .ok_or("give the patches on each axis as 4,4,6, or one number for a cube")?;
    let count = grid.iter().try_fold(1usize, |n, edge| n.checked_mul(*edge));
    match count {
        Some(1..=MOST_PATCHES) => Ok(grid),
        _ => Err(format!("gives more than {MOST_PATCHES} patches")),
    }
}
