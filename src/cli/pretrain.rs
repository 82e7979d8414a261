//! `pretrain`: a new run, or one that goes on.

use crate::cli::args::{PretrainArgs, apply_flags, layered};
use crate::cli::output::{bytes, duration};
use crate::cli::preview::PictureOrientation;
use crate::cli::progress::Progress;
use crate::cli::recorder::{All, METRICS_FILE, Recorder};
use crate::cli::run_folder::{CONFIG_FILE, RunFolder};
use crate::cli::signal::{INTERRUPTED, stop_on_interrupt};
use crate::cli::summary::RunSummary;
use crate::config::PretrainConfig;
use crate::dataset::phantom::{PhantomSpec, abdomen};
use crate::dataset::{Cache, DataList, FileSource, MemorySource, VolumeSource, warm_up};
use crate::device::{self, Selected, estimate_pretraining};
use crate::report::{metrics, summary};
use crate::train::{Checkpoint, Control, Event, Observer, PretrainRun, pretrain};
use crate::volume;
use anyhow::{Context, bail};
use clap::ArgMatches;
use indicatif::ProgressBar;
use rayon::prelude::*;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// Seeds of validation phantoms start here, far from those of training.
const VALIDATION_SEED: u64 = 1 << 32;

/// Settings that may change when a run goes on: they do not change what it computes.
const FREE: [&str; 6] = [
    "data.cache_memory",
    "data.cache_dir",
    "data.workers",
    "run.log_every",
    "run.checkpoint_minutes",
    "run.max_skipped",
];

pub(super) fn run(args: &PretrainArgs, flags: &ArgMatches) -> anyhow::Result<ExitCode> {
    let control = Control::default();
    stop_on_interrupt(&control)?;
    match &args.resume {
        Some(folder) => {
            let checkpoint = Checkpoint::latest(folder)?;
            let config = resumed_config(folder, &checkpoint.manifest.config, flags)?;
            eprintln!("going on with {}", folder.display());
            start(args, config, "resumed", Place::Old(folder, checkpoint), &control)
        }
        None => {
            let (config, preset) = layered(&args.source, flags)?;
            start(args, config, preset.name(), Place::New(preset.name()), &control)
        }
    }
}

/// Where the run lives.
enum Place<'a> {
    New(&'a str),
    Old(&'a Path, Checkpoint),
}

fn start(
    args: &PretrainArgs,
    config: PretrainConfig,
    preset: &str,
    place: Place<'_>,
    control: &Control,
) -> anyhow::Result<ExitCode> {
    let list = data_list(&config)?;
    let selected = pollster::block_on(async {
        let selected = device::select(args.device.device).await?;
        device::self_test(&selected.device).await?;
        Ok::<_, device::DeviceError>(selected)
    })?;
    eprintln!("device: {}", selected.description);
    let estimate = estimate_pretraining(
        &config.vit(),
        config.views_at_once() as u64,
        config.optimizer.ema_decay > 0.0,
    );
    eprintln!("memory: about {} for a training step", bytes(estimate.total()));

    let (mut claimed, folder, resume) = match place {
        Place::New(name) => {
            let claimed = RunFolder::create(args.out.as_deref(), name, &config)?;
            let folder = claimed.path().to_owned();
            (Some(claimed), folder, None)
        }
        Place::Old(folder, checkpoint) => (None, folder.to_owned(), Some(checkpoint)),
    };
    let (training, validation, orientation) = sources(&config, list, &folder, control)?;
    if let Some(claimed) = &mut claimed {
        claimed.keep();
    }

    let step = resume.as_ref().map(|c| c.manifest.progress.step);
    let mut progress = Progress::new();
    let mut recorder = Recorder::open(&folder, step, orientation)?;
    let counts = (training.len(), validation.len());
    let run = PretrainRun {
        config,
        device: selected.device.clone(),
        training,
        validation,
        folder: Some(folder.clone()),
        resume,
    };
    let mut observers = All(vec![&mut recorder, &mut progress]);
    let ended = pollster::block_on(pretrain(run, &mut observers, control));
    let ended = ended.inspect_err(|_| {
        // Clears the bar, so that the error stands on a line of its own.
        let _ = progress.event(&Event::Ended {
            step: 0,
            complete: false,
        });
    })?;
    let records = metrics::read(&folder.join(METRICS_FILE))?;
    let report = blank_summary(preset, &selected, counts, &folder).with_metrics(&records, &ended);
    summary::write_json(&folder.join("summary.json"), &report)?;
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    }
    tell(&report);
    Ok(if report.complete {
        ExitCode::SUCCESS
    } else {
        eprintln!(
            "stopped after step {} of {}; go on with: hounsfield pretrain --resume {}",
            report.steps, report.total_steps, report.folder
        );
        ExitCode::from(INTERRUPTED)
    })
}

fn blank_summary(
    preset: &str,
    selected: &Selected,
    (training_volumes, validation_volumes): (usize, usize),
    folder: &Path,
) -> RunSummary {
    RunSummary {
        version: env!("CARGO_PKG_VERSION"),
        command: "pretrain",
        preset: preset.to_owned(),
        device: selected.description.clone(),
        training_volumes,
        validation_volumes,
        parameters: 0,
        steps: 0,
        total_steps: 0,
        complete: false,
        skipped_steps: 0,
        seconds: 0.0,
        crops_per_second: 0.0,
        first_validation_l1: None,
        last_validation_l1: None,
        best_validation_l1: None,
        best_step: 0,
        validation_fall_percent: None,
        folder: folder.display().to_string(),
        encoder: folder.join("encoder.safetensors").display().to_string(),
    }
}

fn tell(report: &RunSummary) {
    eprintln!(
        "{} steps in {}, {:.1} crops/s",
        report.steps,
        duration(report.seconds),
        report.crops_per_second
    );
    if let (Some(first), Some(last), Some(fall)) = (
        report.first_validation_l1,
        report.last_validation_l1,
        report.validation_fall_percent,
    ) {
        eprintln!("validation L1: {first:.4} at first, {last:.4} at last, {fall:.0} % lower");
        eprintln!(
            "look at {0}/reconstruction.png and {0}/curves.png; the encoder is {1}",
            report.folder, report.encoder
        );
    }
}

/// The settings of a run that goes on: those of its checkpoint, except what does not change the result.
fn resumed_config(
    folder: &Path,
    saved: &PretrainConfig,
    flags: &ArgMatches,
) -> anyhow::Result<PretrainConfig> {
    let file = folder.join(CONFIG_FILE);
    let mut wanted = match std::fs::read_to_string(&file) {
        Ok(text) => PretrainConfig::from_toml(&text, &file.display().to_string())?,
        Err(_) => saved.clone(),
    };
    apply_flags(&mut wanted, flags)?;
    wanted.validate()?;
    let differing: Vec<String> = differences(saved, &wanted)?
        .into_iter()
        .filter(|(name, _)| !FREE.contains(&name.as_str()))
        .map(|(name, text)| format!("{name} {text}"))
        .collect();
    if !differing.is_empty() {
        bail!(
            "the settings differ from those of the run in {}: {}; start a new run, or leave them as they were",
            folder.display(),
            differing.join(", ")
        );
    }
    Ok(wanted)
}

/// Names of settings that differ, with "was A, now B".
fn differences(
    old: &PretrainConfig,
    new: &PretrainConfig,
) -> anyhow::Result<Vec<(String, String)>> {
    fn flatten(prefix: &str, value: &toml::Value, out: &mut Vec<(String, String)>) {
        match value {
            toml::Value::Table(table) => {
                for (key, value) in table {
                    let dot = if prefix.is_empty() { "" } else { "." };
                    flatten(&format!("{prefix}{dot}{key}"), value, out);
                }
            }
            value => out.push((prefix.to_owned(), value.to_string())),
        }
    }
    let list = |config: &PretrainConfig| -> anyhow::Result<Vec<(String, String)>> {
        let mut out = Vec::new();
        flatten("", &toml::Value::try_from(config)?, &mut out);
        Ok(out)
    };
    let (old, new) = (list(old)?, list(new)?);
    let find = |all: &[(String, String)], name: &str| {
        all.iter()
            .find(|(other, _)| other == name)
            .map_or_else(|| "not set".to_owned(), |(_, value)| value.clone())
    };
    let mut names: Vec<&String> = old.iter().chain(&new).map(|(name, _)| name).collect();
    names.sort();
    names.dedup();
    Ok(names
        .into_iter()
        .map(|name| (name, find(&old, name), find(&new, name)))
        .filter(|(_, old, new)| old != new)
        .map(|(name, old, new)| (name.clone(), format!("was {old}, now {new}")))
        .collect())
}

/// The checked list of volumes, or none for phantoms.
pub(super) fn data_list(config: &PretrainConfig) -> anyhow::Result<Option<DataList>> {
    let Some(path) = &config.data.datalist else {
        if config.data.data_root.is_some() {
            bail!("--data-root is given without --datalist: name the split file or folder too");
        }
        return Ok(None);
    };
    let mut list = if path.is_dir() {
        DataList::from_folder(path)?
    } else {
        DataList::load(path, config.data.data_root.as_deref())?
    };
    if let Some(limit) = config.data.limit.and_then(NonZeroUsize::new) {
        list.limit(limit);
    }
    for notice in list.notices() {
        log::warn!("{notice}");
    }
    list.check(false)?;
    Ok(Some(list))
}

type Sources = (Arc<dyn VolumeSource>, Arc<dyn VolumeSource>, PictureOrientation);

fn sources(
    config: &PretrainConfig,
    list: Option<DataList>,
    folder: &Path,
    control: &Control,
) -> anyhow::Result<Sources> {
    match list {
        Some(mut list) => {
            if list.validation.is_empty() {
                eprintln!("no validation volumes in the list: validating on those of training");
                list.validation.clone_from(&list.training);
            }
            file_sources(config, &list, folder, control)
        }
        None => phantom_sources(config, control),
    }
}

fn file_sources(
    config: &PretrainConfig,
    list: &DataList,
    folder: &Path,
    control: &Control,
) -> anyhow::Result<Sources> {
    let cache_folder = config.data.cache_dir.clone().unwrap_or_else(|| {
        let beside: PathBuf = folder.parent().map_or_else(PathBuf::new, Path::to_owned);
        beside.join("cache")
    });
    let memory = config.data.cache_memory.saturating_mul(1 << 20);
    let cache = Arc::new(Cache::new(memory, Some(&cache_folder)));
    let training = Arc::new(FileSource::new(
        &list.training,
        config.transform(),
        Arc::clone(&cache),
    ));
    let validation = Arc::new(FileSource::new(&list.validation, config.transform(), cache));
    eprintln!(
        "data: {} training and {} validation volumes, prepared copies in {}",
        training.len(),
        validation.len(),
        cache_folder.display()
    );
    for (what, source) in [("training", &training), ("validation", &validation)] {
        prepare(what, source.as_ref(), config.data.workers, control)?;
    }
    let first = list.training.first().context("the list is empty")?;
    let orientation = PictureOrientation::of(volume::read(&first.image)?.affine());
    Ok((training, validation, orientation))
}

/// Goes through all volumes once, so that a broken one is named before the first step.
fn prepare(
    what: &str,
    source: &dyn VolumeSource,
    workers: usize,
    control: &Control,
) -> anyhow::Result<()> {
    let bar = ProgressBar::new(source.len() as u64).with_message(format!("preparing {what} volumes"));
    let workers = match workers {
        0 => crate::platform::threads(),
        workers => workers,
    };
    warm_up(source, workers, |done, _| {
        bar.set_position(done as u64);
        match control.stopped() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    })?;
    bar.finish_and_clear();
    Ok(())
}

fn phantom_sources(config: &PretrainConfig, control: &Control) -> anyhow::Result<Sources> {
    let training = config.data.phantoms;
    let validation = training.div_ceil(4);
    eprintln!("data: making {training} training and {validation} validation phantoms");
    let make = |first: u64, count: usize| -> anyhow::Result<Arc<dyn VolumeSource>> {
        let cases = (0..count as u64)
            .into_par_iter()
            .map(|case| {
                if control.stopped() {
                    bail!("stopped while making phantoms");
                }
                let seed = first.wrapping_add(config.run.seed).wrapping_add(case);
                let image = abdomen(seed, &PhantomSpec::quickstart())?.image;
                Ok((format!("phantom {seed}"), image))
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        Ok(Arc::new(MemorySource::prepare(cases, &config.transform())?))
    };
    let orientation = {
        let affine = abdomen(config.run.seed, &PhantomSpec::quickstart())?;
        PictureOrientation::of(affine.image.affine())
    };
    Ok((make(0, training)?, make(VALIDATION_SEED, validation)?, orientation))
}
