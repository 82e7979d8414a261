//! `experiment`: training sizes, ways to start and seeds as one job that can be stopped and goes on.

mod all_runs;
mod came;
mod folder;
mod held;
mod notices;
mod results;
mod runs;
mod scored;
mod seen;
mod settled;
mod tested;
mod trial;

use crate::cli::args::DeviceArgs;
use crate::cli::model::starting_weights;
use crate::cli::output::{duration, is_broken_pipe, print, say, say_warnings_once};
use crate::cli::signal::{INTERRUPTED, stop_on_interrupt};
use crate::cli::training::ready_device;
use crate::config::{ExperimentPlan, PretrainPlan};
use crate::device::DeviceChoice;
use crate::platform::Instant;
use crate::train::Control;
use all_runs::{AllRuns, Done};
use anyhow::{Context, bail, ensure};
pub(super) use came::Came;
use clap::Args;
use results::Results;
pub(super) use runs::{Runner, Tuning};
use seen::Seen;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

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
    let started = Instant::now();
    let control = Control::default();
    stop_on_interrupt(
        &control,
        "stopping as soon as possible; what is trained and scored is saved",
    )?;
    say_warnings_once();
    let mut plan = read_plan(args)?;
    let (trials, lists) = trial::all(&plan)?;
    settled::settle(&mut plan, &lists)?;
    notices::warn(&plan, &lists);
    let seen = Seen::of(&plan, &lists)?;
    seen.warn();
    check_weights(args, &plan)?;
    let _lock = folder::claim(&args.out, &args.plan)?;
    let out = std::path::absolute(&args.out)?;
    let run = &plan.finetune.run;
    let selected = ready_device(run.device, run.precision)?;
    let runs = AllRuns {
        plan: &plan,
        trials: &trials,
        out: &out,
    };
    let Some(done) = runs.carry_out(&selected, &control)? else {
        say(&format!(
            "stopped; the same command goes on with the experiment in {}",
            args.out.display()
        ));
        return Ok(ExitCode::from(INTERRUPTED));
    };
    let results = Results::new(&plan, &done, seen)?;
    if !results.are_none() {
        results.write(&out, &done.ended)?;
        // Whoever reads no further has the files.
        hand_on(args, &results).or_else(|error| match is_broken_pipe(&error) {
            true => Ok(()),
            false => Err(error),
        })?;
        say(&format!(
            "{} runs, {} in this sitting; look at {2}/results.png and {2}/results.md",
            done.count(),
            duration(started.elapsed().as_secs_f64()),
            args.out.display()
        ));
    }
    if !done.failed.is_empty() {
        bail!(failures(&done, &results));
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows the results. Standard output is for the JSON alone where that is wanted.
fn hand_on(args: &ExperimentArgs, results: &Results) -> anyhow::Result<()> {
    let table = results.short_table().text();
    if args.json {
        say(&table);
        return print(&serde_json::to_string(results)?);
    }
    print(table.trim_end())
}

/// Which runs failed; why, was said of each.
fn failures(done: &Done, results: &Results) -> String {
    let folders: Vec<&str> = done.failed.iter().map(|run| run.folder.as_str()).collect();
    let without = match results.are_none() {
        true => "; without them there is nothing to compare",
        false => "",
    };
    format!(
        "{} of {} runs failed: {}{without}; the same command tries again",
        folders.len(),
        done.count(),
        folders.join(", ")
    )
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

/// Looks at given weights before the folder is made, not when the first arm that needs them begins.
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
    starting_weights(path, &plan.finetune)
        .map(drop)
        .with_context(|| format!("{place}: `weights` of [pretrain]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_is_named_is_that_of_both_stages() {
        let folder = tempfile::tempdir().unwrap();
        let plan = folder.path().join("plan.toml");
        let text = "name = \"n\"\nsizes = [6]\narms = [\"random\", \"pretrained\"]\nseeds = [1]\n[data]\nroot = \"d\"\n\
            pretrain = \"p.json\"\nfinetune = { 6 = \"f.json\" }\n[pretrain]\npreset = \"small\"\n[finetune]\n\
            preset = \"small\"\n";
        std::fs::write(&plan, text).unwrap();
        for device in [DeviceChoice::Auto, DeviceChoice::Cpu] {
            let args = ExperimentArgs {
                plan: plan.clone(),
                out: folder.path().join("out"),
                data_root: None,
                device: DeviceArgs { device },
                json: false,
            };
            let plan = read_plan(&args).unwrap();
            assert_eq!(plan.finetune.run.device, device);
            let Some(PretrainPlan::Run { config, .. }) = &plan.pretrain else {
                panic!("no pre-training: {:?}", plan.pretrain);
            };
            assert_eq!(config.run.device, device);
        }
    }
}
