//! `evaluate`: a network's or anybody's label maps against the reference.

use crate::cli::args::{DeviceArgs, ModelSettings};
use crate::cli::data::listed;
use crate::cli::inputs::Inputs;
use crate::cli::model::{Predictor, model};
use crate::cli::output::print;
use crate::cli::training::ready_device;
use crate::cli::windows::{Grid, WindowArgs};
use crate::config::check::not_negative;
use crate::dataset::{Case, DataList, case_name, case_names, check_cases, class_names};
use crate::metric::{LabelPair, SurfaceOptions, score};
use crate::nn::Precision;
use crate::platform;
use crate::report::scores::Evaluation;
use crate::train::Control;
use crate::transform::{Labelled, Prepared, check_labels};
use crate::volume::{self, Volume};
use anyhow::{Context, ensure};
use clap::Args;
use indicatif::ProgressBar;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Which list of a split file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Split {
    /// Training cases
    Training,
    /// Validation cases
    Validation,
    /// Test cases
    Test,
}

/// Of `--classes`, which without a network are those of the list.
const CLASSES_HELP: &str = "Classes with background, instead of those of the settings \
    or, with --predictions, of the split file";

#[derive(Debug, Args)]
#[command(mut_arg("classes", |arg| arg.help(CLASSES_HELP)))]
pub(super) struct EvaluateArgs {
    /// Folder of a fine-tuning run, or a weights file: safetensors or PyTorch
    #[arg(long, value_name = "PATH", required_unless_present = "predictions")]
    weights: Option<PathBuf>,
    /// Folder of label maps, named as the images or CASE.nii.gz, instead of a network
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

/// A label map with its reference on the same voxels.
struct Pair {
    prediction: Vec<u8>,
    reference: Vec<u8>,
    shape: [usize; 3],
    spacing: [f64; 3],
    voxel_ml: f64,
}

impl Pair {
    /// Both on the voxels of a volume.
    fn new(prediction: Vec<u8>, reference: Vec<u8>, on: &Volume) -> Self {
        Pair {
            prediction,
            reference,
            shape: on.shape(),
            spacing: on.spacing(),
            voxel_ml: on.voxel_ml(),
        }
    }
}

pub(super) fn run(args: &EvaluateArgs) -> anyhow::Result<ExitCode> {
    not_negative([("--tolerance", args.tolerance)])?;
    let list = listed(&args.datalist, args.data_root.as_deref(), true)?;
    let (split, cases) = match args.split {
        Split::Training => ("training", &list.training),
        Split::Validation => ("validation", &list.validation),
        Split::Test => ("test", &list.test),
    };
    ensure!(
        !cases.is_empty(),
        "the list \"{split}\" is empty: choose another with --split"
    );
    match &args.predictions {
        Some(folder) => check_predictions(folder, cases)?,
        None => check_cases(cases, true)?,
    }
    if let Some(file) = &args.csv {
        inputs(args, &list, cases)?.refuse_overwriting(file)?;
        let folder = file.parent().filter(|folder| *folder != Path::new(""));
        ensure!(
            folder.is_none_or(Path::is_dir),
            "{} cannot be written, for its folder is not there: make it, or name another --csv",
            file.display()
        );
    }
    let surfaces = SurfaceOptions {
        tolerance_mm: args.tolerance,
    };
    let source = match (&args.weights, &args.predictions) {
        (Some(weights), _) => {
            let selected = ready_device(args.device.device, Precision::F32)?;
            let model = model(weights, &args.model, &selected.device)?;
            let predictor = Predictor {
                windows: args.windows.settings(&model.config)?,
                model,
                device: selected.device,
            };
            Predictions::Network(Box::new(predictor), args.grid)
        }
        (None, Some(folder)) => Predictions::Folder(folder),
        (None, None) => anyhow::bail!("give --weights or --predictions"),
    };
    let classes = match &source {
        Predictions::Network(predictor, _) => predictor.model.network.classes(),
        Predictions::Folder(_) => args.model.classes.unwrap_or(list.classes.len()),
    };
    ensure!(
        classes > 1,
        "the split file names no classes (its key \"labels\"): give --classes, background included"
    );
    let never = Control::default();
    let report = evaluation(&source, cases, (classes, &list.classes), surfaces, &never)?
        .context("stopped")?;
    if args.json {
        print(&serde_json::to_string_pretty(&report)?)?;
    } else {
        let tables = [report.by_class(), report.by_case(), report.totals()];
        let texts: Vec<String> = tables.iter().map(|table| table.text()).collect();
        print(texts.join("\n").trim_end())?;
    }
    if let Some(file) = &args.csv {
        platform::write_atomic(file, report.by_case_and_class().csv().as_bytes())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The files that the scores come from.
fn inputs(args: &EvaluateArgs, list: &DataList, cases: &[Case]) -> anyhow::Result<Inputs> {
    let mut inputs = Inputs::default();
    inputs.add_list(&args.datalist, list);
    if let Some(weights) = &args.weights {
        inputs.add_network(weights, args.model.config.as_deref());
    }
    if let Some(folder) = &args.predictions {
        for case in cases {
            inputs.add([prediction(folder, &case.image)?]);
        }
    }
    Ok(inputs)
}

/// Looks at everything that is compared. Label maps in a folder are told by the names of their images alone, which need
/// not be there: no two cases may have the same one.
fn check_predictions(folder: &Path, cases: &[Case]) -> anyhow::Result<()> {
    let mut seen = HashSet::new();
    let mut compared = Vec::new();
    for case in cases {
        let file = prediction(folder, &case.image)?;
        ensure!(
            !seen.contains(&file),
            "two cases, one of them {}, have their prediction in {}: --predictions cannot tell them apart",
            case.image.display(),
            file.display()
        );
        seen.insert(file.clone());
        let image = match case.label {
            Some(_) => file,
            // It is refused by the name that the list has for it.
            None => case.image.clone(),
        };
        let label = case.label.clone();
        compared.push(Case { image, label });
    }
    Ok(check_cases(&compared, true)?)
}

/// The label map of an image in a folder: under the image's own name, or under the one that `predict` gives it.
fn prediction(folder: &Path, image: &Path) -> anyhow::Result<PathBuf> {
    let own = folder.join(image.file_name().context("an image without a name")?);
    let ours = folder.join(format!("{}.nii.gz", case_name(&image.to_string_lossy())));
    Ok(if own.exists() || !ours.exists() {
        own
    } else {
        ours
    })
}

/// Scores all cases, or gives none when stopped between two of them. Classes are their number and their names, as
/// far as there are any.
pub(super) fn evaluation(
    source: &Predictions<'_>,
    cases: &[Case],
    (classes, names): (usize, &[String]),
    surfaces: SurfaceOptions,
    control: &Control,
) -> anyhow::Result<Option<Evaluation>> {
    let bar = ProgressBar::new(cases.len() as u64).with_message("scoring");
    let mut scores = Vec::new();
    for (case, name) in cases.iter().zip(case_names(cases)) {
        if control.stopped() {
            return Ok(None);
        }
        let pair = source.pair(case, classes, control);
        if control.stopped() {
            return Ok(None);
        }
        let pair = pair.with_context(|| case.image.display().to_string())?;
        let grid = LabelPair::new(&pair.prediction, &pair.reference, pair.shape, pair.spacing)?;
        let grid = grid.with_voxel_ml(pair.voxel_ml);
        scores.push(score(&name, &grid, classes, Some(surfaces))?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let names = class_names(names, classes);
    let tolerance = Some(surfaces.tolerance_mm);
    Ok(Some(Evaluation::new(names, tolerance, scores)?))
}

/// Where label maps come from.
pub(super) enum Predictions<'a> {
    /// A network; the voxels that are compared.
    Network(Box<Predictor>, Grid),
    Folder(&'a Path),
}

impl Predictions<'_> {
    fn pair(&self, case: &Case, classes: usize, control: &Control) -> anyhow::Result<Pair> {
        let label = case.label.as_deref().context("the case has no label map")?;
        let label = volume::read(label)?;
        match self {
            Predictions::Folder(folder) => {
                let found = volume::read(&prediction(folder, &case.image)?)?;
                let found = check_labels(&label, &found, classes)
                    .context("the prediction does not fit the label map")?;
                let reference = check_labels(&label, &label, classes)?;
                Ok(Pair::new(found, reference, &label))
            }
            Predictions::Network(predictor, grid) => {
                let image = volume::read(&case.image)?;
                predicted(predictor, *grid, image, &label, control)
            }
        }
    }
}

/// The labels that a network gives an image, and those of its label map on the same voxels.
fn predicted(
    predictor: &Predictor,
    grid: Grid,
    image: Volume,
    label: &Volume,
    control: &Control,
) -> anyhow::Result<Pair> {
    let transform = predictor.model.config.transform();
    let labels =
        |prepared: &Prepared| predictor.labels(prepared, grid, None, |_, _| control.flow());
    match grid {
        Grid::Input => {
            let reference = check_labels(&image, label, transform.classes)?;
            let found = labels(&transform.image(image)?)?;
            Ok(Pair::new(found, reference, label))
        }
        Grid::Model => {
            let Labelled {
                image,
                label: reference,
                geometry,
            } = transform.labelled(image, label)?;
            let prepared = Prepared { image, geometry };
            Ok(Pair::new(labels(&prepared)?, reference, &prepared.image))
        }
    }
}
