//! `cross-validate`: every labelled case scored by a network that was trained on others, so that none has to be kept apart.

mod folds;

use crate::cli::args::SettingsSource;
use crate::cli::experiment::{Came, Runner, Tuning};
use crate::cli::finetune::Finetune;
use crate::cli::idle::warn_of_idle;
use crate::cli::output::{count, duration, is_broken_pipe, print, quoted, say, say_warnings_once};
use crate::cli::resumed::make_absolute;
use crate::cli::run_folder::{PLAN_FILE, RUNS, holds_run, lock};
use crate::cli::settings::{Settings, layered_with};
use crate::cli::signal::{INTERRUPTED, stop_on_interrupt};
use crate::cli::training::{Training, ready_device};
use crate::config::{FinetuneConfig, PlanScoring};
use crate::dataset::DataList;
use crate::platform::{self, FolderLock, Instant};
use crate::report::json::write_json;
use crate::report::scores::Evaluation;
use crate::train::Control;
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
/// Where the split files of the folds lie.
const LISTS: &str = "folds";

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
    if !list.test.is_empty() {
        say(&format!(
            "{} of the list stay apart: neither trained on nor scored here",
            count(list.test.len(), "test case")
        ));
    }
    let _lock = claim(&args.out)?;
    let out = std::path::absolute(&args.out)?;
    let selected = ready_device(config.run.device, config.run.precision)?;
    let mut runner = Runner::new(&out, &selected, &control, 0, folds.lists.len());
    let (mut scores, mut failed) = (Vec::new(), Vec::new());
    for (number, list) in folds.lists.iter().enumerate() {
        let name = format!("fold{}", number + 1);
        let tuning = tuning(&out, &name, &config, (list, &folds.names[number]))?;
        match runner.finetune(tuning)? {
            Came::Ended(ended) => scores.extend(ended.test.map(|test| (number, test))),
            Came::Failed(reason) => {
                say(&format!("{name} failed: {reason}"));
                failed.push(name);
            }
            Came::Stopped => {
                say(&format!(
                    "stopped; the same command goes on with the cross-validation in {}",
                    args.out.display()
                ));
                return Ok(ExitCode::from(INTERRUPTED));
            }
        }
    }
    if let Some(scores) = folds.together(scores)? {
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
        bail!(
            "{} of {} folds failed: {}; the same command tries them again",
            failed.len(),
            folds.lists.len(),
            failed.join(", ")
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// The run of a fold, whose split file is written.
fn tuning(
    out: &Path,
    name: &str,
    config: &FinetuneConfig,
    (list, names): (&DataList, &[String]),
) -> anyhow::Result<Tuning> {
    let file = out.join(LISTS).join(format!("{name}.json"));
    platform::write_atomic(&file, list.to_json(&[("name", name)]).as_bytes())?;
    let mut config = config.clone();
    config.data.datalist = Some(file);
    // Its paths are whole, and its cases are those that a limit left.
    config.data.data_root = None;
    config.data.limit = None;
    Ok(Tuning {
        folder: name.to_owned(),
        title: format!("trained without {}", names.join(", ")),
        config,
        list: list.clone(),
        scoring: PlanScoring::default(),
    })
}

/// Makes the folder, or takes that of a cross-validation that was begun, and keeps other processes out of it.
fn claim(out: &Path) -> anyhow::Result<FolderLock> {
    let other = match out {
        out if out.exists() && !out.is_dir() => Some("is a file"),
        out if holds_run(out) => Some("holds a run"),
        out if out.join(PLAN_FILE).exists() => Some("holds an experiment"),
        out if out.join(RUNS).exists() && !out.join(LISTS).exists() => {
            Some("holds runs of something else")
        }
        _ => None,
    };
    if let Some(other) = other {
        bail!("{} {other}: choose another --out", out.display());
    }
    for folder in [out.to_owned(), out.join(LISTS), out.join(RUNS)] {
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    lock(out)
}

/// What the scores are of, and how to train the network that is to be used on the cases of a `list`.
fn tell(out: &Path, list: &Path, scores: &Evaluation, seconds: f64) {
    let out = out.display();
    say(&format!(
        "{} in {}, each scored by a network that was not trained on it; all scores are in {out}/{SCORES_FILE} and {out}/{TABLE_FILE}",
        count(scores.cases.len(), "case"),
        duration(seconds)
    ));
    say(&format!(
        "they tell what to expect of a network that is trained on all: hounsfield finetune --datalist {} with the same settings",
        quoted(&list.display().to_string())
    ));
}
