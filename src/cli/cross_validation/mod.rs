//! `cross-validate`: every labelled case scored by a network that was trained on others, so that none has to be kept apart.

mod folds;

use crate::cli::args::SettingsSource;
use crate::cli::cases::{learned_from, named, same_cases};
use crate::cli::data::labelled_sources;
use crate::cli::experiment::{Came, Runner, Tuning};
use crate::cli::finetune::Finetune;
use crate::cli::idle::warn_of_idle;
use crate::cli::model::starting_weights;
use crate::cli::output::{count, duration, is_broken_pipe, print, quoted, say, say_warnings_once};
use crate::cli::resumed::make_absolute;
use crate::cli::run_folder::{FOLDS, PLAN_FILE, RUNS, SUMMARY_FILE, holds_run, lock};
use crate::cli::settings::{Settings, layered_with};
use crate::cli::signal::{INTERRUPTED, stop_on_interrupt};
use crate::cli::training::{Training, ready_device};
use crate::config::{FinetuneConfig, PlanScoring};
use crate::dataset::DataList;
use crate::platform::{self, FolderLock, Instant};
use crate::report::json::write_json;
use crate::report::scores::Evaluation;
use crate::train::{Control, layout};
use anyhow::{Context, bail, ensure};
use clap::{ArgMatches, Args};
use folds::Folds;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

// Whole volumes, the same every time, are all that fine-tuning validates on.
#[derive(Debug, Args)]
#[command(mut_arg("validation", |arg| arg.hide(true)))]
pub(super) struct CrossValidateArgs {
    #[command(flatten)]
    source: SettingsSource,
    /// Folder of the cross-validation; one that holds a part of it is gone on with
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Parts that the cases are dealt into; each is scored by a network that was trained on the others [default: a part for each of up to 6 cases, else 5]
    #[arg(long, value_name = "N")]
    folds: Option<usize>,
    /// Print all scores as JSON on standard output, and nothing else there
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: Settings<FinetuneConfig>,
}

/// The scores of all cases, in the folder of a cross-validation.
const SCORES_FILE: &str = "scores.json";
/// The same by case and class.
const TABLE_FILE: &str = "scores.csv";

pub(super) fn run(args: &CrossValidateArgs, flags: &ArgMatches) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    let control = Control::default();
    stop_on_interrupt(
        &control,
        "stopping as soon as possible; what is trained and scored is saved",
    )?;
    say_warnings_once();
    let (mut config, _) =
        layered_with::<FinetuneConfig>(&args.source, flags, None, Finetune::complete)?;
    ensure!(
        config.data.datalist.is_some(),
        "nothing to score: name labelled cases with --datalist, a split file or a folder"
    );
    warn_of_idle::<Finetune>(&config, flags);
    let shown = config.data.datalist.clone().unwrap_or_default();
    make_absolute(&mut config)?;
    let list = Finetune::list(&mut config)?.unwrap_or_default();
    let folds = Folds::of(&list, args.folds, config.run.seed)?;
    if let Some(start) = &config.start.pretrained {
        // Before the folder is made, not when the first fold begins.
        starting_weights(start, &config)
            .map(drop)
            .context("--pretrained")?;
        warn_of_seen(&list, start);
    }
    if !list.test.is_empty() {
        say(&format!(
            "{} of the list stay apart: neither trained on nor scored here",
            count(list.test.len(), "test case")
        ));
    }
    let _lock = claim(&args.out)?;
    let out = std::path::absolute(&args.out)?;
    let selected = ready_device(config.run.device, config.run.precision)?;
    let folders: Vec<PathBuf> = (0..folds.lists.len())
        .map(|number| out.join(RUNS).join(name_of(number)))
        .collect();
    check_begun(&args.out, &folds, &folders)?;
    if !prepare_all(&mut config, &list, &out, &control)? {
        return Ok(stopped(args));
    }
    let mut runner = Runner::new(&out, &selected, &control, 0, folds.lists.len());
    let (mut scores, mut failed) = (Vec::new(), Vec::new());
    for (number, list) in folds.lists.iter().enumerate() {
        let name = name_of(number);
        let tuning = tuning(&out, &name, &config, (list, &folds.names[number]))?;
        match runner.finetune(tuning)? {
            Came::Ended(ended) => scores.extend(ended.test.map(|test| (number, test))),
            Came::Failed(reason) => {
                say(&format!("{name} failed: {reason}"));
                failed.push((number, format!("{name} failed: {reason}")));
            }
            Came::Stopped => return Ok(stopped(args)),
        }
    }
    if let Some(scores) = folds.together(scores, &failed)? {
        write_json(&out.join(SCORES_FILE), &scores)?;
        let csv = scores.by_case_and_class().csv();
        platform::write_atomic(&out.join(TABLE_FILE), csv.as_bytes())?;
        // Whoever reads no further has the files.
        let text = match args.json {
            true => serde_json::to_string_pretty(&scores)?,
            false => scores.text(),
        };
        print(&text).or_else(|error| match is_broken_pipe(&error) {
            true => Ok(()),
            false => Err(error),
        })?;
        tell(&args.out, &shown, &scores, started.elapsed().as_secs_f64());
    }
    if !failed.is_empty() {
        let names: Vec<String> = failed.iter().map(|(number, _)| name_of(*number)).collect();
        bail!(
            "{} of {} folds failed: {}; the same command tries them again",
            failed.len(),
            folds.lists.len(),
            names.join(", ")
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// What the run of a fold is called, and its split file.
fn name_of(fold: usize) -> String {
    format!("fold{}", fold + 1)
}

fn stopped(args: &CrossValidateArgs) -> ExitCode {
    say(&format!(
        "stopped; the same command goes on with the cross-validation in {}",
        args.out.display()
    ));
    ExitCode::from(INTERRUPTED)
}

/// Warns of cases that the weights to start from have learned from, as far as their folder tells: a fine-tuning saw their
/// label maps too.
fn warn_of_seen(list: &DataList, start: &Path) {
    let images = list.training.iter().chain(&list.validation);
    let images = images.map(|case| case.image.as_path());
    let names = learned_from(start).unwrap_or_default();
    let seen = named(&names, images);
    if let Some(first) = seen.first() {
        log::warn!(
            "the weights in {} have learned from {} of the cases to be scored, such as {}, or from others of these names: \
             their scores say less of new scans, and nothing where it saw their label maps",
            start.display(),
            seen.len(),
            first.display()
        );
    }
}

/// Refuses folds other than those that were begun, before any of their split files is written.
fn check_begun(out: &Path, folds: &Folds, folders: &[PathBuf]) -> anyhow::Result<()> {
    for (list, folder) in folds.lists.iter().zip(folders) {
        let begun = layout::newest(folder).is_some() || folder.join(SUMMARY_FILE).exists();
        if begun {
            same_cases(folder, list, true).with_context(|| {
                format!(
                    "{} was begun with other --folds, --seed or --limit, or the list has changed: give the same, or choose \
                     another --out",
                    out.display()
                )
            })?;
        }
    }
    Ok(())
}

/// Prepares all cases, where the folds find them again: one that is broken is in the list of every fold, and is named
/// before the first is trained. False when stopped.
fn prepare_all(
    config: &mut FinetuneConfig,
    list: &DataList,
    out: &Path,
    control: &Control,
) -> anyhow::Result<bool> {
    say("all cases are prepared first, so that a broken one is named before the first training");
    let mut all = list.clone();
    all.training.append(&mut all.validation);
    all.validation.clone_from(&all.training);
    let cache = out.join(RUNS).join("cache");
    config.data.cache_dir.get_or_insert(cache);
    let prepared = labelled_sources(config, Some(all), out, control);
    if control.stopped() {
        return Ok(false);
    }
    prepared.map(|_| true)
}

/// The run of a fold, whose split file is written.
fn tuning(
    out: &Path,
    name: &str,
    config: &FinetuneConfig,
    (list, names): (&DataList, &[String]),
) -> anyhow::Result<Tuning> {
    let file = out.join(FOLDS).join(format!("{name}.json"));
    platform::write_atomic(&file, list.to_json(&[("name", name)]).as_bytes())?;
    let mut config = config.clone();
    config.data.datalist = Some(file);
    // Its paths are whole, and its cases are those that a limit left.
    config.data.data_root = None;
    config.data.limit = None;
    Ok(Tuning {
        folder: name.to_owned(),
        title: format!("trained without {}", some(names)),
        config,
        list: list.clone(),
        scoring: PlanScoring::default(),
    })
}

/// At most three names; the split file has all.
fn some(names: &[String]) -> String {
    match names {
        [first, second, _, _, ..] => format!("{first}, {second} and {} more", names.len() - 2),
        few => few.join(", "),
    }
}

/// Makes the folder, or takes that of a cross-validation that was begun, and keeps other processes out of it.
fn claim(out: &Path) -> anyhow::Result<FolderLock> {
    let other = match out {
        out if out.exists() && !out.is_dir() => Some("is a file"),
        out if holds_run(out) => Some("holds a run"),
        out if out.join(PLAN_FILE).exists() => Some("holds an experiment"),
        out if out.join(RUNS).exists() && !out.join(FOLDS).exists() => {
            Some("holds runs of something else")
        }
        _ => None,
    };
    if let Some(other) = other {
        bail!("{} {other}: choose another --out", out.display());
    }
    for folder in [out.to_owned(), out.join(FOLDS), out.join(RUNS)] {
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    lock(out)
}

/// What the scores are of, and how to train the network that is to be used on the cases of a `list`.
fn tell(out: &Path, list: &Path, scores: &Evaluation, seconds: f64) {
    let out = out.display();
    say(&format!(
        "{}, {} in this sitting, each scored by a network that was not trained on it; all scores are in {out}/{SCORES_FILE} and {out}/{TABLE_FILE}",
        count(scores.cases.len(), "case"),
        duration(seconds)
    ));
    if !scores.left_out.is_empty() {
        return;
    }
    say(&format!(
        "they tell what to expect of a network that is trained on all: hounsfield finetune --datalist {} with the same \
         settings and another --out",
        quoted(&list.display().to_string())
    ));
}
