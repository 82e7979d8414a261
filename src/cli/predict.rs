//! `predict`: images in, label maps out, on the images' own grid.

mod all;
mod grid;
mod picture;
mod probabilities;
mod report;
mod targets;

use crate::cli::args::{DeviceArgs, ModelSettings};
use crate::cli::classes::classes_of;
use crate::cli::counting::Counting;
use crate::cli::model::{Predictor, model};
use crate::cli::output::{count, duration, is_broken_pipe, print, say};
use crate::cli::signal::{INTERRUPTED, stop_on_interrupt};
use crate::cli::split::Split;
use crate::cli::suits::{compare_modality, other_scale};
use crate::cli::training::ready_device;
use crate::cli::windows::{Grid, WindowArgs};
use crate::dataset::{case_name, class_names};
use crate::infer::{Connectivity, Probabilities, keep_largest_components};
use crate::metric::volumes_ml;
use crate::nn::Precision;
use crate::platform::Instant;
use crate::train::Control;
use crate::transform::Prepared;
use crate::volume::{self, Datatype, NiftiImage};
use all::all;
use anyhow::bail;
use clap::Args;
use grid::OutputGrid;
use picture::{displayed, draw};
use probabilities::write_probabilities;
use report::{CaseReport, Report, Skipped, Structure, in_words};
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
    let names = match args.model.preset.is_none() && args.model.config.is_none() {
        true => classes_of(&args.weights, config),
        // Whose settings are given has no names.
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

/// Predicts one image and writes what was asked for. `what` is counted, in words.
fn one(
    args: &PredictArgs,
    predictor: &Predictor,
    names: &[String],
    job: &Job,
    what: &str,
    control: &Control,
) -> anyhow::Result<CaseReport> {
    let started = Instant::now();
    let (input, output) = (job.image.as_path(), job.output.as_path());
    let model = &predictor.model;
    let classes = model.network.classes();
    let image = volume::read_image(input)?;
    volume::warn_of_doubts(input, &image);
    let NiftiImage { header, volume } = image;
    if let Some(why) = other_scale(input, &volume, model) {
        log::warn!("{why}");
    }
    let on_input = matches!(args.grid, Grid::Input).then(|| OutputGrid::of_input(&volume, header));
    // Made before preparing takes the voxels: a copy of them is wanted only here.
    let wanted = args.picture.is_some() && on_input.is_some();
    let shown = wanted.then(|| displayed(&volume, &model.config));
    let prepared = model.config.transform().image(volume)?;
    let grid = on_input.unwrap_or_else(|| OutputGrid::of_model(&prepared.image));
    let mut kept = match args.probabilities {
        Some(_) => Some(Probabilities::new(prepared.image.data().len(), classes)?),
        None => None,
    };
    let keep = kept.as_mut();
    let (mut labels, windows) = segmented(predictor, &prepared, args.grid, keep, what, control)?;
    if args.largest_component {
        keep_largest(&mut labels, &grid);
    }
    let values = labels.iter().map(|label| f32::from(*label)).collect();
    grid.write(output, values, Datatype::U8)?;
    if let (Some(folder), Some(kept)) = (&args.probabilities, &kept) {
        write_probabilities(folder, &job.name, kept, &prepared, &grid)?;
    }
    let volumes_ml = volumes_ml(&labels, classes, grid.voxel_ml)?;
    // In cubic millimetres: a voxel's volume is no round number.
    let volumes_ml: Vec<f64> =
        (volumes_ml.iter().map(|ml| (ml * 1000.0).round() / 1000.0)).collect();
    let found = names.iter().zip(&volumes_ml).enumerate().skip(1);
    let structures = found.map(|(label, (name, ml))| Structure {
        label,
        name: name.clone(),
        ml: *ml,
    });
    let structures: Vec<Structure> = structures.collect();
    let mut wrote = output.display().to_string();
    if let Some(picture) = &args.picture {
        let image = shown.unwrap_or_else(|| prepared.image.data().to_vec());
        let name = input.to_string_lossy();
        if draw(picture, &grid, (image, labels), (case_name(&name), names))? {
            wrote = format!("{wrote} and {}", picture.display());
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    say(&format!(
        "{}: {} in {}, wrote {wrote}: {}",
        input.display(),
        count(windows, "window"),
        duration(seconds),
        in_words(&structures)
    ));
    Ok(CaseReport {
        input: input.to_owned(),
        output: output.to_owned(),
        windows,
        seconds,
        volumes_ml,
        structures,
    })
}

/// Labels on `grid`, and how many windows they took. `keep` takes the classes' probabilities on the prepared grid;
/// `what` is counted, in words.
fn segmented(
    predictor: &Predictor,
    prepared: &Prepared,
    grid: Grid,
    keep: Option<&mut Probabilities>,
    what: &str,
    control: &Control,
) -> anyhow::Result<(Vec<u8>, usize)> {
    // How many there are is known at the first.
    let mut counting: Option<Counting> = None;
    let mut count = 0;
    let labels = predictor.labels(prepared, grid, keep, |done, all| {
        counting
            .get_or_insert_with(|| Counting::new(what, all))
            .reach(done);
        count = all;
        control.flow()
    })?;
    Ok((labels, count))
}

/// Leaves the largest connected component of each label, and says what is gone.
fn keep_largest(labels: &mut [u8], grid: &OutputGrid) {
    let cleaned = keep_largest_components(labels, grid.shape, Connectivity::default(), |_| true);
    for removed in cleaned.iter().filter(|removed| removed.components > 0) {
        say(&format!(
            "label {}: {} removed, {} of {} voxels",
            removed.label,
            count(removed.components, "smaller component"),
            removed.voxels,
            removed.voxels + removed.kept
        ));
    }
}
