//! `pretrain`: a new run, or one that goes on.

use crate::cli::args::{PretrainArgs, layered};
use crate::cli::data::{data_list, sources};
use crate::cli::output::{bytes, duration, print, say};
use crate::cli::progress::Progress;
use crate::cli::recorder::{All, METRICS_FILE, Recorder};
use crate::cli::resumed::{make_absolute, resumed_config};
use crate::cli::run_folder::RunFolder;
use crate::cli::signal::{INTERRUPTED, stop_on_interrupt};
use crate::cli::summary::RunSummary;
use crate::config::PretrainConfig;
use crate::device::{self, Selected, estimate_pretraining};
use crate::report::{metrics, summary};
use crate::train::{Checkpoint, Control, Event, Observer, PretrainRun, TrainError, pretrain};
use clap::ArgMatches;
use std::path::Path;
use std::process::ExitCode;

pub(super) fn run(args: &PretrainArgs, flags: &ArgMatches) -> anyhow::Result<ExitCode> {
    let control = Control::default();
    stop_on_interrupt(&control)?;
    match &args.resume {
        Some(folder) => {
            let checkpoint = Checkpoint::latest(folder)?;
            let config = resumed_config(folder, &checkpoint.manifest.config, flags)?;
            say(&format!("going on with {}", folder.display()));
            start(
                args,
                config,
                "resumed",
                Place::Old(folder, Box::new(checkpoint)),
                &control,
            )
        }
        None => {
            let (mut config, preset) = layered(&args.source, flags, None)?;
            make_absolute(&mut config)?;
            start(
                args,
                config,
                preset.name(),
                Place::New(preset.name()),
                &control,
            )
        }
    }
}

/// Keeps a new run's folder from its first checkpoint on: without one nothing in it can be gone on with.
struct Keeper(Option<RunFolder>);

impl Observer for Keeper {
    fn event(&mut self, event: &Event<'_>) -> Result<(), TrainError> {
        if let (Event::Saved { .. }, Some(folder)) = (event, &mut self.0) {
            folder.keep();
        }
        Ok(())
    }
}

/// Where the run lives.
enum Place<'a> {
    New(&'a str),
    Old(&'a Path, Box<Checkpoint>),
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
        let selected = device::select(config.run.device).await?;
        device::self_test(&selected.device).await?;
        Ok::<_, device::DeviceError>(selected)
    })?;
    say(&format!("device: {}", selected.description));
    let estimate = estimate_pretraining(
        &config.vit(),
        config.views_at_once() as u64,
        config.optimizer.ema_decay > 0.0,
    );
    say(&format!(
        "memory: about {} for a training step",
        bytes(estimate.total())
    ));

    let (claimed, folder, resume) = match place {
        Place::New(name) => {
            let claimed = RunFolder::create(args.out.as_deref(), name, &config)?;
            let folder = claimed.path().to_owned();
            (Some(claimed), folder, None)
        }
        Place::Old(folder, checkpoint) => (None, folder.to_owned(), Some(*checkpoint)),
    };
    let sources = sources(&config, list, &folder, control);
    if control.stopped() {
        say("stopped before the first step");
        return Ok(ExitCode::from(INTERRUPTED));
    }
    let (training, validation, orientation) = sources?;

    let resumed = resume.as_ref().map(|c| &c.manifest.progress);
    let mut progress = Progress::new();
    let mut recorder = Recorder::open(&folder, resumed, orientation)?;
    let counts = (training.len(), validation.len());
    let run = PretrainRun {
        config,
        device: selected.device.clone(),
        training,
        validation,
        folder: Some(folder.clone()),
        resume,
    };
    let mut keeper = Keeper(claimed);
    let mut observers = All(vec![&mut recorder, &mut progress, &mut keeper]);
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
        print(&serde_json::to_string(&report)?)?;
    }
    tell(&report);
    Ok(if report.complete {
        ExitCode::SUCCESS
    } else {
        say(&format!(
            "stopped after step {} of {}; go on with: hounsfield pretrain --resume {}",
            report.steps, report.total_steps, report.folder
        ));
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
    say(&format!(
        "{} steps in {}, {:.1} crops/s",
        report.steps,
        duration(report.seconds),
        report.crops_per_second
    ));
    if let (Some(first), Some(last), Some(fall)) = (
        report.first_validation_l1,
        report.last_validation_l1,
        report.validation_fall_percent,
    ) {
        say(&format!(
            "validation L1: {first:.4} at first, {last:.4} at last, {fall:.0} % lower"
        ));
        say(&format!(
            "look at {0}/reconstruction.png and {0}/curves.png; the encoder is {1}",
            report.folder, report.encoder
        ));
    }
}
