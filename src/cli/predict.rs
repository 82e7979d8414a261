//! `predict`: images in, label maps out, on the images' own grid.

use crate::cli::args::{Grid, PredictArgs};
use crate::cli::model::{Model, model};
use crate::cli::output::{Inputs, duration, print, say};
use crate::cli::preview::{PictureOrientation, picture_of};
use crate::cli::signal::{INTERRUPTED, stop_on_interrupt};
use crate::config::FinetuneConfig;
use crate::dataset::{DataList, case_name};
use crate::device;
use crate::infer::{
    Connectivity, InferError, Probabilities, SlidingWindow, keep_largest_components, segment,
    segment_input,
};
use crate::metric::volumes_ml;
use crate::platform::{self, Instant};
use crate::train::{Control, Picture};
use crate::transform::{Intensity, Prepared};
use crate::volume::{self, Datatype, Header, NiftiImage, Volume};
use anyhow::{Context, bail, ensure};
use burn::tensor::Device;
use indicatif::ProgressBar;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Serialize)]
struct Report {
    device: String,
    weights: PathBuf,
    cases: Vec<CaseReport>,
}

/// One image.
#[derive(Serialize)]
struct CaseReport {
    input: PathBuf,
    output: PathBuf,
    windows: usize,
    seconds: f64,
    /// Volume of each label in mL, the background first.
    volumes_ml: Vec<f64>,
}

pub(super) fn run(args: &PredictArgs) -> anyhow::Result<ExitCode> {
    let jobs = jobs(args)?;
    let inputs = inputs(args, &jobs);
    let outputs = || jobs.iter().map(|(_, output)| output);
    for output in outputs().chain(&args.picture) {
        inputs.spare(output)?;
    }
    for output in outputs() {
        check_targets(args, output)?;
    }
    let control = Control::default();
    stop_on_interrupt(&control, "stopping after this window")?;
    let selected = pollster::block_on(async {
        let selected = device::select(args.device.device).await?;
        device::self_test(&selected.device).await?;
        Ok::<_, device::DeviceError>(selected)
    })?;
    let model = model(&args.model, &selected.device)?;
    let mut windows = args.windows.settings(&model.config)?;
    say(&format!("device: {}", selected.description));
    say(&model.report.to_string());
    if let Some(folder) = &args.probabilities {
        for output in outputs() {
            (0..model.network.classes())
                .try_for_each(|class| inputs.spare(&of_class(folder, output, class)))?;
        }
        if windows.skip_air {
            // A window that nobody looked at has no probabilities.
            windows.skip_air = false;
            say("windows around air are asked too, as with --keep-air: --probabilities needs them");
        }
    }
    let mut cases = Vec::new();
    let mut failed = 0;
    let single = jobs.len() == 1;
    for (input, output) in jobs {
        let network = (&model, &windows, &selected.device);
        match one(args, network, &input, &output, &control) {
            Ok(report) => cases.push(report),
            Err(error) if matches!(error.downcast_ref(), Some(InferError::Stopped)) => {
                say(&format!(
                    "stopped; {} of the predictions are written",
                    cases.len()
                ));
                return Ok(ExitCode::from(INTERRUPTED));
            }
            Err(error) if single => return Err(error.context(format!("{}", input.display()))),
            // The others are not to blame.
            Err(error) => {
                failed += 1;
                say(&format!("error: {}: {error:#}", input.display()));
            }
        }
    }
    let report = Report {
        device: selected.description,
        weights: args.model.weights.clone(),
        cases,
    };
    if args.json {
        print(&serde_json::to_string_pretty(&report)?)?;
    }
    if failed > 0 {
        say(&format!(
            "{failed} images could not be segmented, {} could",
            report.cases.len()
        ));
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// Pairs of an image and the label map to write.
fn jobs(args: &PredictArgs) -> anyhow::Result<Vec<(PathBuf, PathBuf)>> {
    let (input, output) = (args.input.as_path(), args.output.as_path());
    if !input.is_dir() {
        ensure!(input.exists(), "{}: no such file", input.display());
        return Ok(vec![(input.to_owned(), output.to_owned())]);
    }
    ensure!(
        args.picture.is_none(),
        "--picture goes with one image, and {} is a folder",
        input.display()
    );
    let mut targets = BTreeMap::new();
    for image in DataList::volumes_of(input)? {
        let name = image.to_string_lossy();
        let target = output.join(format!("{}.nii.gz", case_name(&name)));
        if let Some(other) = targets.insert(target, image.clone()) {
            bail!(
                "{} and {} would both become {}.nii.gz: rename one",
                other.display(),
                image.display(),
                case_name(&name)
            );
        }
    }
    Ok(targets
        .into_iter()
        .map(|(target, image)| (image, target))
        .collect())
}

/// The files that the predictions come from.
fn inputs(args: &PredictArgs, jobs: &[(PathBuf, PathBuf)]) -> Inputs {
    let mut inputs = Inputs::default();
    inputs.add(jobs.iter().map(|(input, _)| input));
    inputs.add_network(&args.model.weights, args.model.config.as_deref());
    inputs
}

/// Folders and names that cannot be written to are found before the work, so that it is not in vain.
fn check_targets(args: &PredictArgs, output: &Path) -> anyhow::Result<()> {
    volume::check_name(output)?;
    // An empty file holds a place.
    let there = std::fs::metadata(output).is_ok_and(|file| file.len() > 0);
    ensure!(
        args.overwrite || !there || volume::made_here(output),
        "{} is there already, and is not as this program wrote it: name another --output, or give --overwrite",
        output.display()
    );
    let picture = args.picture.as_deref().and_then(Path::parent);
    for folder in [output.parent(), args.probabilities.as_deref(), picture]
        .into_iter()
        .flatten()
    {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    Ok(())
}

/// Predicts one image and writes its label map.
fn one(
    args: &PredictArgs,
    (model, windows, device): (&Model, &SlidingWindow, &Device),
    input: &Path,
    output: &Path,
    control: &Control,
) -> anyhow::Result<CaseReport> {
    let started = Instant::now();
    let NiftiImage { header, volume } = volume::read_image(input)?;
    let (input_shape, input_affine) = (volume.shape(), *volume.affine());
    // Made before preparing takes the voxels: a copy of them is wanted only here.
    let on_input = args.picture.is_some() && matches!(args.grid, Grid::Input);
    let shown = on_input.then(|| displayed(volume.data(), &model.config));
    let prepared = model.config.transform().image(volume)?;
    let bar = ProgressBar::new(0).with_message("windows");
    let mut count = 0;
    let mut go_on = |done: usize, all: usize| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
        count = all;
        control.flow()
    };
    let shape = prepared.image.shape();
    let mut kept = match args.probabilities {
        Some(_) => Some(Probabilities::new(
            shape.iter().product(),
            model.network.classes(),
        )?),
        None => None,
    };
    let keep = kept.as_mut();
    let (mut labels, grid) = match args.grid {
        Grid::Input => {
            let found = segment_input(&model.network, &prepared, windows, device, keep, &mut go_on);
            (pollster::block_on(found)?, input_shape)
        }
        Grid::Model => {
            let image = prepared.image.data();
            let found = segment(
                &model.network,
                image,
                shape,
                windows,
                device,
                keep,
                &mut go_on,
            );
            (pollster::block_on(found)?, shape)
        }
    };
    bar.finish_and_clear();
    if args.largest_component {
        let cleaned = keep_largest_components(&mut labels, grid, Connectivity::default(), |_| true);
        for removed in cleaned.iter().filter(|removed| removed.components > 0) {
            say(&format!(
                "label {}: {} smaller components removed, {} of {} voxels",
                removed.label,
                removed.components,
                removed.voxels,
                removed.voxels + removed.kept
            ));
        }
    }
    let values: Vec<f32> = labels.iter().map(|label| f32::from(*label)).collect();
    let voxel_ml = match args.grid {
        Grid::Input => {
            let map = Volume::new(grid, values, input_affine)?;
            volume::write_like(output, &header, &map, Datatype::U8)?;
            map.voxel_ml()
        }
        Grid::Model => {
            let map = Volume::new(grid, values, *prepared.image.affine())?;
            volume::write(output, &map, Datatype::U8)?;
            map.voxel_ml()
        }
    };
    if let (Some(folder), Some(kept)) = (&args.probabilities, &kept) {
        write_probabilities(folder, output, kept, args.grid, &prepared, &header)?;
    }
    let volumes = volumes_ml(&labels, model.network.classes(), voxel_ml)?;
    if let Some(picture) = &args.picture {
        let (shape, image, orientation) = match shown {
            Some(shown) => (input_shape, shown, PictureOrientation::of(&input_affine)),
            None => (
                shape,
                prepared.image.data().to_vec(),
                PictureOrientation::RAS,
            ),
        };
        draw(picture, shape, image, orientation, labels)?;
    }
    let seconds = started.elapsed().as_secs_f64();
    say(&format!(
        "{}: {count} windows in {}, wrote {}",
        input.display(),
        duration(seconds),
        output.display()
    ));
    Ok(CaseReport {
        input: input.to_owned(),
        output: output.to_owned(),
        windows: count,
        seconds,
        volumes_ml: volumes,
    })
}

/// Where a class's probabilities go, named like the label map: `scan_class00.nii.gz` is the background's.
fn of_class(folder: &Path, output: &Path, class: usize) -> PathBuf {
    let output = output.to_string_lossy();
    folder.join(format!("{}_class{class:02}.nii.gz", case_name(&output)))
}

/// Writes a volume per class.
fn write_probabilities(
    folder: &Path,
    output: &Path,
    kept: &Probabilities,
    grid: Grid,
    prepared: &Prepared,
    header: &Header,
) -> anyhow::Result<()> {
    for class in 0..kept.classes() {
        let path = of_class(folder, output, class);
        let values = kept.of(class);
        match grid {
            Grid::Input => {
                // Nothing but background was left out of the network's sight.
                let outside = if class == 0 { 1.0 } else { 0.0 };
                let values = prepared.geometry.restore_values(&values, outside)?;
                let input = &prepared.geometry.input;
                let volume = Volume::new(input.shape, values, input.affine)?;
                volume::write_like(&path, header, &volume, Datatype::F32)?;
            }
            Grid::Model => {
                let image = &prepared.image;
                let volume = Volume::new(image.shape(), values, *image.affine())?;
                volume::write(&path, &volume, Datatype::F32)?;
            }
        }
    }
    Ok(())
}

/// An image from 0 to 1 with the labels over it.
fn draw(
    path: &Path,
    shape: [usize; 3],
    image: Vec<f32>,
    orientation: PictureOrientation,
    labels: Vec<u8>,
) -> anyhow::Result<()> {
    if labels.len() != image.len() {
        bail!("the picture and the labels have different grids");
    }
    let picture = Picture::Segmentation {
        shape,
        image,
        labels: Vec::new(),
        prediction: labels,
    };
    let image = picture_of(&picture, orientation)?;
    platform::write_atomic(path, &image.encode_png()?)?;
    Ok(())
}

/// Input values from 0 to 1: by the window of the settings, else from the smallest to the largest.
fn displayed(values: &[f32], config: &FinetuneConfig) -> Vec<f32> {
    let (low, high) = match config.transform().intensity {
        Intensity::Range(window) => (window.min, window.max),
        Intensity::Percentile | Intensity::Zscore => values
            .iter()
            .filter(|value| value.is_finite())
            .fold((f32::MAX, f32::MIN), |(low, high), value| {
                (low.min(*value), high.max(*value))
            }),
    };
    let width = (high - low).max(f32::MIN_POSITIVE);
    values
        .iter()
        .map(|value| ((value - low) / width).clamp(0.0, 1.0))
        .collect()
}
