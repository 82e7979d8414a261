//! `predict`: images in, label maps out, on the images' own grid.

mod all;
mod case;
mod grid;
mod picture;
mod probabilities;
mod report;
mod targets;

use crate::cli::args::{DeviceArgs, ModelSettings};
use crate::cli::classes::classes_of;
use crate::cli::model::{Predictor, model};
use crate::cli::output::{count, is_broken_pipe, print, say};
use crate::cli::signal::{INTERRUPTED, stop_on_interrupt};
use crate::cli::split::Split;
use crate::cli::suits::compare_modality;
use crate::cli::trained::has_own_settings;
use crate::cli::training::ready_device;
use crate::cli::windows::{Grid, WindowArgs};
use crate::dataset::class_names;
use crate::nn::Precision;
use crate::train::Control;
use all::all;
use anyhow::bail;
use case::one;
use clap::Args;
use report::{Report, Skipped};
use std::path::PathBuf;
use std::process::ExitCode;
use targets::{Job, check, check_probabilities, is_done, jobs};

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("segmented").args(["input", "datalist"]).required(true)))]
pub(super) struct PredictArgs {
    /// Folder of a fine-tuning run, or a weights file: safetensors or PyTorch
    #[arg(long, value_name = "PATH")]
    weights: PathBuf,
    #[command(flatten)]
    model: ModelSettings,
    /// Image, or a folder of images (label maps that lie beside their images are left out)
    #[arg(long, value_name = "PATH")]
    input: Option<PathBuf>,
    /// Split file (JSON, Medical Segmentation Decathlon layout) whose images are segmented, with or without label maps; or a folder of images and label maps
    #[arg(long, value_name = "FILE")]
    datalist: Option<PathBuf>,
    /// Folder the split file's paths start from [default: the split file's own folder]
    #[arg(long, value_name = "DIR", conflicts_with = "input")]
    data_root: Option<PathBuf>,
    /// Which list of the split file
    #[arg(long, value_enum, default_value = "test", conflicts_with = "input")]
    split: Split,
    /// Label map to write, or a folder for those of a folder or a list
    #[arg(long, value_name = "PATH")]
    output: PathBuf,
    /// Replace label maps that are not as this program wrote them; its own are replaced anyway
    #[arg(long)]
    overwrite: bool,
    /// Leave out images whose label map, and what else is asked for, is there already and can be read, whoever wrote it and whichever network or settings made it: to go on after a stop
    #[arg(long)]
    skip_existing: bool,
    /// The label map's voxels
    #[arg(long, value_enum, default_value = "input")]
    grid: Grid,
    #[command(flatten)]
    windows: WindowArgs,
    /// Keep only the largest connected component of each label
    #[arg(long)]
    largest_component: bool,
    /// Folder for the probabilities of every class, a volume each, on the label map's voxels: those of the network's grid, interpolated (labels are the best of interpolated logits, so at edges the two may differ); asks every window, as --keep-air does
    #[arg(long, value_name = "DIR")]
    probabilities: Option<PathBuf>,
    /// Draw the image with its labels, as PNG
    #[arg(long, value_name = "PICTURE")]
    picture: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceArgs,
    /// Print volumes in mL, times and what failed as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &PredictArgs) -> anyhow::Result<ExitCode> {
    let (jobs, list) = jobs(args)?;
    let asked = count(jobs.len(), "image");
    let alone = jobs.len() == 1;
    let (skipped, jobs): (Vec<Job>, Vec<Job>) =
        (jobs.into_iter()).partition(|job| args.skip_existing && is_done(args, job));
    let inputs = check(args, (jobs.as_slice(), skipped.as_slice()), list.as_ref())?;
    if !skipped.is_empty() {
        say(&format!(
            "left out, for their label maps are there already: {} of {asked}",
            skipped.len()
        ));
    }
    let control = Control::default();
    stop_on_interrupt(&control, "stopping after this window")?;
    let selected = ready_device(args.device.device, Precision::F32)?;
    let model = model(&args.weights, &args.model, &selected.device)?;
    let mut windows = args.windows.settings(&model.config)?;
    say(&model.report.to_string());
    if let Some(list) = &list {
        compare_modality(list, &args.weights, &model);
    }
    if let Some(folder) = &args.probabilities {
        let images = (jobs.as_slice(), skipped.as_slice());
        check_probabilities(folder, images, model.network.classes(), &inputs)?;
        if windows.skip_air {
            // A window that nobody looked at has no probabilities.
            windows.skip_air = false;
            say("windows around air are asked too, as with --keep-air: --probabilities needs them");
        }
    }
    let predictor = Predictor {
        model,
        windows,
        device: selected.device,
    };
    let config = &predictor.model.config;
    let names = match has_own_settings(&args.weights, &args.model) {
        true => classes_of(&args.weights, &predictor.model.learned, config),
        // Names go with the network's own settings.
        false => class_names(&[], config.unetr().classes),
    };
    let mut begun = 0;
    let work = |job: &Job| {
        begun += 1;
        let what = match jobs.len() {
            1 => "windows".to_owned(),
            scans => format!("scan {begun} of {scans}, windows"),
        };
        one(args, &predictor, &names, job, &what, &control)
    };
    let outcome = all(&jobs, alone, |job| is_done(args, job), work)?;
    let report = Report {
        device: selected.description,
        weights: args.weights.clone(),
        cases: outcome.cases,
        failed: outcome.failed,
        skipped: skipped.into_iter().map(Skipped::from).collect(),
    };
    if args.json {
        let printed = print(&serde_json::to_string_pretty(&report)?);
        // Ctrl-C ends the reader too.
        let gone = outcome.stopped && printed.as_ref().is_err_and(is_broken_pipe);
        if !gone {
            printed?;
        }
    }
    if outcome.stopped {
        return Ok(ExitCode::from(INTERRUPTED));
    }
    if let Some(lost) = outcome.lost {
        bail!(lost);
    }
    if !report.failed.is_empty() {
        say(&format!(
            "not segmented: {} of {asked}",
            report.failed.len()
        ));
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}
