//! What every command that trains does around the loop: settings, device, folder, observers, summary.

use crate::cli::args::RunArgs;
use crate::cli::cases::same_cases;
use crate::cli::going_on::{after, unbegun};
use crate::cli::idle::warn_of_idle;
use crate::cli::output::{bytes, count, duration, print, quoted, say};
use crate::cli::progress::Progress;
use crate::cli::recorder::{All, Recorder, StageReport};
use crate::cli::resumed::{check_intensity, make_absolute, resumed_config};
use crate::cli::run_folder::{RunFolder, SUMMARY_FILE, preset_of, reopen, write_config};
use crate::cli::settings::layered_with;
use crate::cli::signal::{INTERRUPTED, stop_on_interrupt};
use crate::cli::summary::{RunSummary, Scores, crops_per_second, handed_on};
use crate::config::StageConfig;
use crate::dataset::DataList;
use crate::device::{self, DeviceChoice, Selected, is_cpu};
use crate::nn::Precision;
use crate::platform::FolderLock;
use crate::report::json::write_json;
use crate::report::metrics::{self, METRICS_FILE, Record};
use crate::train::{Checkpoint, Control, Event, Observer, Outcome, Run, Task, TrainError, train};
use clap::{ArgMatches, Args};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A command that trains.
pub(super) trait Training {
    /// The stage.
    type Task: Task<Config = Self::Config>;
    /// Its settings.
    type Config: StageConfig + Args;

    /// How its records are shown.
    const REPORT: StageReport;
    /// Key of the summary for the file of weights that a run hands on.
    const WEIGHTS: &'static str;
    /// Whether it learns from label maps.
    const LABELLED: bool;

    /// Completes settings that nobody gave, which is asked by section and name, before they are checked.
    fn complete(_config: &mut Self::Config, _given: &dyn Fn(&str, &str) -> bool) {}

    /// What is said of flags that do nothing beside others, but for those of the data.
    fn idle(_config: &Self::Config, _given: &dyn Fn(&str) -> bool) -> Vec<String> {
        Vec::new()
    }

    /// Lists and checks the volumes, before anything slow; none for phantoms. May complete the settings.
    fn list(config: &mut Self::Config) -> anyhow::Result<Option<DataList>>;

    /// Prepares the volumes.
    fn prepare(
        config: Self::Config,
        list: Option<DataList>,
        folder: &Path,
        fresh: bool,
        control: &Control,
    ) -> anyhow::Result<Prepared<Self::Task>>;

    /// What the summary says of the scores.
    fn scores(records: &[Record], summary: &Outcome) -> Scores;

    /// What the terminal says of the scores.
    fn tell(report: &RunSummary);
}

/// A stage ready to train.
pub(super) struct Prepared<T> {
    pub task: T,
    pub training_volumes: usize,
    pub validation_volumes: usize,
    /// Names of the classes by label; none for a stage without.
    pub classes: Vec<String>,
}

pub(super) fn run<C: Training>(args: &RunArgs, flags: &ArgMatches) -> anyhow::Result<ExitCode> {
    let control = Control::default();
    stop_on_interrupt(
        &control,
        "stopping as soon as possible; what is trained is saved",
    )?;
    match &args.resume {
        Some(folder) => {
            let (lock, checkpoint) = reopen::<C::Config>(folder)?;
            let config = resumed_config(folder, &checkpoint.manifest.config, flags)?;
            say(&format!("going on with {}", folder.display()));
            warn_of_idle::<C>(&config, flags);
            let place = Place::Old(folder, lock, Box::new(checkpoint));
            let preset = preset_of(folder).unwrap_or_else(|| "resumed".to_owned());
            start::<C>(args, config, &preset, place, &control)
        }
        None => {
            let (mut config, preset) =
                layered_with::<C::Config>(&args.source, flags, None, C::complete)?;
            warn_of_idle::<C>(&config, flags);
            make_absolute(&mut config)?;
            let place = Place::New(args.out.as_deref());
            start::<C>(args, config, preset.name(), place, &control)
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
pub(super) enum Place<'a, C> {
    /// In this folder, or the first free one under `runs/`.
    New(Option<&'a Path>),
    /// Where it was stopped, as [`reopen`] found it.
    Old(&'a Path, FolderLock, Box<Checkpoint<C>>),
}

/// A device that passed its test and computes in this precision.
pub(super) fn ready_device(choice: DeviceChoice, precision: Precision) -> anyhow::Result<Selected> {
    let selected = pollster::block_on(device::select(choice))?;
    pollster::block_on(selected.self_test())?;
    device::check_precision(&selected, precision)?;
    say(&format!("device: {}", selected.description));
    if !selected.is_gpu && !is_cpu(&selected.device) {
        log::warn!("that is the processor behind a GPU's interface, much slower than --device cpu");
    }
    Ok(selected)
}

fn start<C: Training>(
    args: &RunArgs,
    mut config: C::Config,
    preset: &str,
    place: Place<'_, C::Config>,
    control: &Control,
) -> anyhow::Result<ExitCode> {
    let list = C::list(&mut config)?;
    if let Place::Old(folder, _, checkpoint) = &place {
        check_intensity(folder, &checkpoint.manifest.config, &config)?;
    }
    let run = config.run();
    let selected = ready_device(run.device, run.precision)?;
    say(&format!(
        "memory: about {} for a training step",
        bytes(config.memory().total())
    ));
    let mut progress = Progress::new();
    let unbegun = unbegun(&place);
    let done = carry_out::<C>(
        (config, list),
        (preset, false),
        place,
        &selected,
        &mut progress,
        control,
    )?;
    let Some(report) = done else {
        say(&unbegun);
        return Ok(ExitCode::from(INTERRUPTED));
    };
    if args.json {
        print(&serde_json::to_string(&report)?)?;
    }
    say(&format!(
        "{} in {}, {:.1} crops/s",
        count(report.steps, "step"),
        duration(report.seconds),
        report.crops_per_second
    ));
    if report.skipped_steps > 0 {
        log::warn!(
            "{} of them changed no weight, their gradients not being finite: lower the learning rate, or clip the gradients",
            report.skipped_steps
        );
    }
    C::tell(&report);
    Ok(if report.complete {
        ExitCode::SUCCESS
    } else {
        say(&format!(
            "stopped after step {} of {}; go on with: hounsfield {} --resume {}",
            report.steps,
            report.total_steps,
            C::Config::STAGE,
            quoted(&report.folder)
        ));
        ExitCode::from(INTERRUPTED)
    })
}

/// Trains in the run's folder and leaves everything there that a run leaves; gives what came of it, or none when it
/// was stopped while its volumes were prepared. One that is `planned` goes on by the command of its experiment.
pub(super) fn carry_out<C: Training>(
    (config, list): (C::Config, Option<DataList>),
    (preset, planned): (&str, bool),
    place: Place<'_, C::Config>,
    selected: &Selected,
    progress: &mut dyn Observer,
    control: &Control,
) -> anyhow::Result<Option<RunSummary>> {
    let (claimed, _lock, folder, resume) = match place {
        Place::New(out) => {
            let claimed = RunFolder::create(out, preset, &config)?;
            let folder = claimed.path().to_owned();
            (Some(claimed), None, folder, None)
        }
        Place::Old(folder, lock, checkpoint) => {
            (None, Some(lock), folder.to_owned(), Some(*checkpoint))
        }
    };
    let mut keeper = Keeper(claimed);
    if let Some(list) = &list {
        same_cases(&folder, list, C::LABELLED)?;
    }
    if resume.is_some() {
        // The volumes may lie elsewhere from now on.
        write_config(&folder, preset, &config)?;
    }
    let prepared = C::prepare(config, list, &folder, resume.is_none(), control);
    if control.stopped() {
        return Ok(None);
    }
    let prepared = prepared?;

    let resumed = resume.as_ref().map(|c| &c.manifest.progress);
    let mut recorder = Recorder::open(&folder, resumed, C::REPORT, prepared.classes)?;
    let counts = (prepared.training_volumes, prepared.validation_volumes);
    let run = Run {
        task: prepared.task,
        device: selected.device.clone(),
        folder: Some(folder.clone()),
        resume,
    };
    let mut observers = All(vec![&mut recorder, progress, &mut keeper]);
    let ended = pollster::block_on(train(run, &mut observers, control));
    let ended = ended.inspect_err(|error| {
        // Clears the bar, so that the error stands on a line of its own.
        let _ = progress.event(&Event::Ended {
            step: 0,
            complete: false,
        });
        if let (Some(text), false) = (after::<C::Config>(error, &folder), planned) {
            say(&text);
        }
    })?;
    let records = metrics::read(&folder.join(METRICS_FILE))?;
    let report = summary_of::<C>(preset, selected, counts, &folder, (&records, &ended));
    write_json(&folder.join(SUMMARY_FILE), &report)?;
    Ok(Some(report))
}

/// A run in a few numbers, from what it left.
fn summary_of<C: Training>(
    preset: &str,
    selected: &Selected,
    (training_volumes, validation_volumes): (usize, usize),
    folder: &Path,
    (records, ended): (&[Record], &Outcome),
) -> RunSummary {
    RunSummary {
        version: env!("CARGO_PKG_VERSION"),
        command: C::Config::STAGE,
        preset: preset.to_owned(),
        device: selected.description.clone(),
        training_volumes,
        validation_volumes,
        parameters: ended.parameters,
        steps: ended.progress.step,
        total_steps: ended.total_steps,
        complete: ended.complete,
        skipped_steps: ended.progress.skipped,
        seconds: ended.progress.seconds,
        crops_per_second: crops_per_second(records),
        best_step: ended.progress.best_step,
        scores: C::scores(records, ended),
        // Without a slash at its end.
        folder: (folder.components().collect::<PathBuf>().display()).to_string(),
        weights: handed_on(C::WEIGHTS, &folder.join(C::Task::EXPORT)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PretrainConfig;
    use crate::train::{HostState, Progress};

    #[test]
    fn a_run_that_is_stopped_before_it_goes_on_says_where_it_stands() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path();
        let progress = Progress {
            step: 900,
            ..Progress::default()
        };
        let config = PretrainConfig::default();
        let write = |name: &str, bytes: &[u8]| std::fs::write(run.join(name), bytes);
        Checkpoint::write(&config, progress, Vec::new(), HostState::default(), write).unwrap();
        let checkpoint = Checkpoint::<PretrainConfig>::read(run).unwrap();
        let lock = FolderLock::take(run).unwrap().unwrap();
        let text = unbegun(&Place::Old(run, lock, Box::new(checkpoint)));
        let resume = format!("hounsfield pretrain --resume {}", run.display());
        assert!(
            text.contains("after step 900;") && text.ends_with(&resume),
            "{text}"
        );
        let text = unbegun::<PretrainConfig>(&Place::New(None));
        assert_eq!(text, "stopped before the first step");
    }
}
