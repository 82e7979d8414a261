//! `experiment`: training sizes, ways to start and seeds as one job that can be stopped and goes on.

mod folder;
mod results;
mod runs;
mod scored;
mod trial;

use crate::cli::args::DeviceArgs;
use crate::cli::model::starting_weights;
use crate::cli::output::{duration, print, say};
use crate::cli::signal::{INTERRUPTED, stop_on_interrupt};
use crate::cli::training::ready_device;
use crate::config::{Arm, ExperimentPlan, IntensityMode, PretrainConfig, PretrainPlan};
use crate::dataset::DataList;
use crate::device::{self, DeviceChoice};
use crate::platform::Instant;
use crate::train::Control;
use anyhow::{Context, ensure};
use clap::Args;
use runs::{Ended, Runner};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use trial::Trial;

#[derive(Debug, Args)]
pub(super) struct ExperimentArgs {
    /// TOML file that says what is trained and compared
    #[arg(long, value_name = "FILE")]
    plan: PathBuf,
    /// Folder of the experiment; one that holds a part of it is gone on with
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Folder of the split files and volumes, instead of the plan's
    #[arg(long, value_name = "DIR")]
    data_root: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceArgs,
    /// Print the results as JSON on standard output, and nothing else there
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ExperimentArgs) -> anyhow::Result<ExitCode> {
    let control = Control::default();
    stop_on_interrupt(&control, "stopping after this step and saving")?;
    let plan = read_plan(args)?;
    let (trials, lists) = trial::all(&plan)?;
    let seen = trial::seen_before(&plan, &lists)?;
    if let Some(all @ [first, ..]) = seen.as_deref() {
        log::warn!(
            "{} test scans, such as {first}, are among those of pre-training, or have their names: their results say less of new scans",
            all.len()
        );
    }
    check_weights(args, &plan)?;
    let _lock = folder::claim(&args.out, &args.plan)?;
    match go(args, &plan, &trials, seen, &control)? {
        Some(results) => {
            if args.json {
                print(&serde_json::to_string(&results)?)?;
            }
            Ok(ExitCode::SUCCESS)
        }
        None => {
            say(&format!(
                "stopped; the same command goes on with the experiment in {}",
                args.out.display()
            ));
            Ok(ExitCode::from(INTERRUPTED))
        }
    }
}

/// The plan with absolute paths: a run in the experiment's folder means the same wherever it is gone on with.
fn read_plan(args: &ExperimentArgs) -> anyhow::Result<ExperimentPlan> {
    let place = args.plan.display().to_string();
    let text = std::fs::read_to_string(&args.plan)
        .with_context(|| format!("cannot read the plan {place}"))?;
    let absolute = |path: &Path| {
        std::path::absolute(path).with_context(|| format!("cannot find {}", path.display()))
    };
    let beside = absolute(&args.plan)?;
    let beside = beside.parent().unwrap_or(Path::new("/"));
    let root = args.data_root.as_deref().map(absolute).transpose()?;
    let mut plan = ExperimentPlan::from_toml(&text, &place)?.located(beside, root.as_deref());
    if args.device.device != DeviceChoice::Auto {
        plan.finetune.run.device = args.device.device;
        if let Some(PretrainPlan::Run { config, .. }) = &mut plan.pretrain {
            config.run.device = args.device.device;
        }
    }
    Ok(plan)
}

/// Looks at given weights before the folder is made, not when the first arm that needs them begins, and with the
/// intensities that it will have.
fn check_weights(args: &ExperimentArgs, plan: &ExperimentPlan) -> anyhow::Result<()> {
    let Some(PretrainPlan::Weights(path)) = &plan.pretrain else {
        return Ok(());
    };
    let place = args.plan.display();
    ensure!(
        path.exists(),
        "{place}: `weights` of [pretrain] names {}, which does not exist: name a weights file or the folder of a run, \
         from the plan's folder, or make it first",
        path.display()
    );
    let mut config = plan.finetune.clone();
    config.crops.intensity = intensity(plan, config.crops.intensity)?;
    starting_weights(path, &config)
        .map(drop)
        .with_context(|| format!("{place}: `weights` of [pretrain]"))
}

/// All runs and then the results; none when stopped.
fn go(
    args: &ExperimentArgs,
    plan: &ExperimentPlan,
    trials: &[Trial],
    seen: Option<Vec<String>>,
    control: &Control,
) -> anyhow::Result<Option<results::Results>> {
    let started = Instant::now();
    let run = &plan.finetune.run;
    let selected = ready_device(run.device, run.precision)?;
    let out = std::path::absolute(&args.out)?;
    let pretraining = pretraining(plan)?;
    for (_, config) in &pretraining {
        ensure!(
            [run.device, DeviceChoice::Auto].contains(&config.run.device),
            "pretrain.run.device is {} and finetune.run.device {}: an experiment has one device",
            config.run.device,
            run.device
        );
        device::check_precision(&selected, config.run.precision)?;
    }
    let mut runner = Runner::new(&out, &selected, control, pretraining.len(), trials.len());
    let mut before = Vec::new();
    for (seed, config) in pretraining {
        match runner.pretrain(&trial::pretraining_folder(seed), config)? {
            Some(ended) => before.push((seed, ended)),
            None => return Ok(None),
        }
    }
    let mut ended: Vec<(Trial, Ended)> = Vec::new();
    for trial in trials {
        let start = match (trial.arm, &plan.pretrain) {
            (Arm::Pretrained, Some(PretrainPlan::Weights(path))) => Some(path.clone()),
            (Arm::Pretrained, Some(PretrainPlan::Run { per_seed, .. })) => {
                let seed = per_seed.then_some(trial.seed);
                Some(runner.folder(&trial::pretraining_folder(seed)))
            }
            _ => None,
        };
        let Some(done) = runner.finetune(trial, plan, start)? else {
            return Ok(None);
        };
        ended.push((trial.clone(), done));
        results::write_curves(&out, plan, &ended)?;
    }
    let results = results::Results::new(plan, &before, &ended, seen)?;
    results.write(&out, &ended)?;
    say(&results.table().text());
    say(&format!(
        "{} runs, {} in this sitting; look at {2}/results.png and {2}/results.md",
        trials.len() + before.len(),
        duration(started.elapsed().as_secs_f64()),
        args.out.display()
    ));
    Ok(Some(results))
}

/// The pre-training runs: one, or one for each seed; none where the weights are given.
fn pretraining(plan: &ExperimentPlan) -> anyhow::Result<Vec<(Option<u64>, PretrainConfig)>> {
    let Some(PretrainPlan::Run { config, per_seed }) = &plan.pretrain else {
        return Ok(Vec::new());
    };
    let mut config = config.as_ref().clone();
    config.data.datalist.clone_from(&plan.data.pretrain);
    // A folder has no paths that start somewhere.
    let folder = plan.data.pretrain.as_deref().is_some_and(Path::is_dir);
    config.data.data_root = (!folder).then(|| plan.data.root.clone());
    config.sampling.intensity = intensity(plan, config.sampling.intensity)?;
    let seeds: Vec<Option<u64>> = match per_seed {
        true => plan.seeds.iter().copied().map(Some).collect(),
        false => vec![None],
    };
    let with = |seed: Option<u64>| {
        let mut config = config.clone();
        if let Some(seed) = seed.or(plan.seeds.first().copied()) {
            config.run.seed = seed;
        }
        (seed, config)
    };
    Ok(seeds.into_iter().map(with).collect())
}

/// How pre-training scales intensities. Lists of unlabelled volumes often do not say what made them: `auto` means what
/// it means in fine-tuning. An encoder that sees other values there than it learned from is of little use.
fn intensity(plan: &ExperimentPlan, wanted: IntensityMode) -> anyhow::Result<IntensityMode> {
    let mut modality = None;
    let mut modes = BTreeSet::new();
    for list in plan.data.finetune.values() {
        modality = DataList::load(list, Some(&plan.data.root))?.modality;
        let mode = plan.finetune.crops.intensity.settled(modality.as_deref());
        modes.insert(mode.to_string());
    }
    ensure!(
        modes.len() < 2,
        "the split files of data.finetune are of different modalities, so that finetune.crops.intensity would mean {}: \
         give them the same \"modality\", or name the intensity in the plan",
        Vec::from_iter(modes).join(" and ")
    );
    let settled = |mode: IntensityMode| mode.settled(modality.as_deref());
    let (before, after) = (settled(wanted), settled(plan.finetune.crops.intensity));
    if before != after {
        log::warn!(
            "intensities are scaled by {before} in pre-training and by {after} in fine-tuning: the encoder sees other values than it learned from"
        );
    }
    Ok(before)
}
