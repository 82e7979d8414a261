//! `evaluate`: a network's or anybody's label maps against the reference.

mod outcome;
mod scoring;

use crate::cli::args::{DeviceArgs, ModelSettings};
use crate::cli::data::listed;
use crate::cli::inputs::Inputs;
use crate::cli::model::{Predictor, model};
use crate::cli::output::{count, is_broken_pipe, print, say, try_writing};
use crate::cli::signal::{INTERRUPTED, stop_on_interrupt};
use crate::cli::split::Split;
use crate::cli::suits::{compare_list, warn_of_trained_on};
use crate::cli::training::ready_device;
use crate::cli::windows::{Grid, WindowArgs};
use crate::config::check::not_negative;
use crate::dataset::{Case, DataList, absolute, check_cases, prediction_names};
use crate::metric::SurfaceOptions;
use crate::nn::Precision;
use crate::platform;
use crate::report::scores::Evaluation;
use crate::train::Control;
use anyhow::{bail, ensure};
use clap::Args;
use outcome::Outcome;
use scoring::{PredictionFiles, prediction};
pub(super) use scoring::{Predictions, Scorer, scored};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Of `--classes`, which without a network are those of the list.
const CLASSES_HELP: &str = "Classes with background, instead of those of the settings \
    or, with --predictions, of the split file";

#[derive(Debug, Args)]
#[command(mut_arg("classes", |arg| arg.help(CLASSES_HELP)))]
#[command(group(clap::ArgGroup::new("scored").args(["weights", "predictions"]).required(true)))]
pub(super) struct EvaluateArgs {
    /// Folder of a fine-tuning run, or a weights file: safetensors or PyTorch
    #[arg(long, value_name = "PATH")]
    weights: Option<PathBuf>,
    /// Folder of label maps, named as the images, with or without _0000, or CASE.nii.gz, instead of a network; in sub-folders like the images' own where images of several folders share a name
    #[arg(long, value_name = "DIR", conflicts_with_all = ["weights", "preset", "config", "grid", "overlap", "blending", "mirror", "keep_air", "parity", "device"])]
    predictions: Option<PathBuf>,
    #[command(flatten)]
    model: ModelSettings,
    /// Split file (JSON, Medical Segmentation Decathlon layout), or a folder of images and label maps
    #[arg(long, value_name = "FILE")]
    datalist: PathBuf,
    /// Folder the split file's paths start from [default: the split file's own folder]
    #[arg(long, value_name = "DIR")]
    data_root: Option<PathBuf>,
    /// Which list of the split file
    #[arg(long, value_enum, default_value = "test")]
    split: Split,
    /// The voxels that are compared
    #[arg(long, value_enum, default_value = "input")]
    grid: Grid,
    /// Tolerance of the normalised surface Dice in mm
    #[arg(long, value_name = "MM", default_value_t = SurfaceOptions::default().tolerance_mm)]
    tolerance: f64,
    #[command(flatten)]
    windows: WindowArgs,
    /// Write the scores of every case and class as CSV
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceArgs,
    /// Print all scores as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &EvaluateArgs) -> anyhow::Result<ExitCode> {
    not_negative([("--tolerance", args.tolerance)])?;
    let list = listed(&args.datalist, args.data_root.as_deref(), true)?;
    let unlabelled = "score cases that have theirs, with --split validation";
    let cases = args.split.cases(&list, &args.datalist, unlabelled)?;
    let predictions = match &args.predictions {
        Some(folder) => Some(check_predictions(folder, args.split, &list)?),
        None => {
            check_cases(cases, true)?;
            None
        }
    };
    if let Some(file) = &args.csv {
        inputs(args, &list, predictions.as_ref()).refuse_overwriting(file)?;
        let folder = file.parent().filter(|folder| *folder != Path::new(""));
        ensure!(
            folder.is_none_or(Path::is_dir),
            "{} cannot be written, for its folder is not there: make it, or name another --csv",
            file.display()
        );
        try_writing(file)?;
    }
    let surfaces = SurfaceOptions {
        tolerance_mm: args.tolerance,
    };
    let source = match (&args.weights, predictions) {
        (Some(weights), _) => {
            let selected = ready_device(args.device.device, Precision::F32)?;
            let model = model(weights, &args.model, &selected.device)?;
            compare_list(&list, weights, &model)?;
            if args.split != Split::Training {
                warn_of_trained_on(&list, cases, weights);
            }
            let predictor = Predictor {
                windows: args.windows.settings(&model.config)?,
                model,
                device: selected.device,
            };
            Predictions::Network(Box::new(predictor), args.grid)
        }
        (None, Some(files)) => Predictions::Files(files),
        (None, None) => bail!("give --weights or --predictions"),
    };
    let classes = match &source {
        Predictions::Network(predictor, _) => predictor.model.network.classes(),
        Predictions::Files(_) => args.model.classes.unwrap_or(list.classes.len()),
    };
    ensure!(
        classes > 1 || args.model.classes.is_none(),
        "--classes is {classes}, and the background is one of them: give at least 2"
    );
    ensure!(
        classes > 1,
        "the split file names fewer than two classes (its key \"labels\"): give --classes, background included"
    );
    let control = Control::default();
    stop_on_interrupt(&control, "stopping with the scores there are")?;
    let mut scorer = Scorer::new(&source, classes, surfaces, &control);
    let score = |case: &Case, name: &str| scorer.score(case, name);
    let classes = (classes, list.classes.as_slice());
    let outcome = Outcome::of(cases, classes, args.tolerance, &control, score)?;
    let report = &outcome.report;
    if report.cases.is_empty() {
        say("stopped before a case was scored");
        return Ok(ExitCode::from(INTERRUPTED));
    }
    hand_on(args, report)?;
    let left_out = report.left_out.len();
    if left_out > 0 {
        let asked = count(report.cases.len() + left_out, "case");
        say(&format!("left out of the scores: {left_out} of {asked}"));
    }
    if let Some(lost) = outcome.lost(args.csv.as_deref()) {
        bail!(lost);
    }
    Ok(match (control.stopped(), left_out) {
        (_, 0) => ExitCode::SUCCESS,
        (true, _) => ExitCode::from(INTERRUPTED),
        (false, _) => ExitCode::FAILURE,
    })
}

/// Writes the file first: what is printed may have no reader any more, and then is lost.
fn hand_on(args: &EvaluateArgs, report: &Evaluation) -> anyhow::Result<()> {
    let written = args.csv.as_ref().map(|file| {
        let csv = report.by_case_and_class().csv();
        platform::write_atomic(file, csv.as_bytes())
    });
    let text = if args.json {
        serde_json::to_string_pretty(report)?
    } else {
        report.text()
    };
    let printed = print(&text);
    match (written, printed) {
        (Some(Ok(())), Err(error)) if is_broken_pipe(&error) => Ok(()),
        (Some(Err(error)), _) => Err(error.into()),
        (_, printed) => printed,
    }
}

/// The files that the scores come from.
fn inputs(
    args: &EvaluateArgs,
    list: &DataList,
    predictions: Option<&PredictionFiles<'_>>,
) -> Inputs {
    let mut inputs = Inputs::default();
    inputs.add_list(&args.datalist, list);
    if let Some(weights) = &args.weights {
        inputs.add_network(weights, args.model.config.as_deref());
    }
    if let Some(files) = predictions {
        inputs.add(files.values());
    }
    inputs
}

/// Looks at everything that is compared, and gives the predictions. Label maps in a folder are told by the names of
/// their images alone, which need not be there: no two cases of the split may have the same one.
fn check_predictions<'a>(
    folder: &Path,
    split: Split,
    list: &'a DataList,
) -> anyhow::Result<PredictionFiles<'a>> {
    let asked = split.range(list);
    let named = list.all().zip(prediction_names(list.all()));
    let mut seen: HashMap<PathBuf, &Path> = HashMap::new();
    let mut files = PredictionFiles::new();
    let mut compared = Vec::new();
    for (case, name) in named.skip(asked.start).take(asked.len()) {
        let file = prediction(folder, &case.image, &name)?;
        // An image may be listed with the label maps of several readers.
        let other = seen.insert(file.clone(), &case.image);
        ensure!(
            other.is_none_or(|other| absolute(other) == absolute(&case.image)),
            "two cases, one of them {}, have their prediction in {}: --predictions cannot tell them apart",
            case.image.display(),
            file.display()
        );
        files.insert(&case.image, file.clone());
        let image = match case.label {
            Some(_) => file,
            // It is refused by the name that the list has for it.
            None => case.image.clone(),
        };
        let label = case.label.clone();
        compared.push(Case { image, label });
    }
    check_cases(&compared, true)?;
    Ok(files)
}
