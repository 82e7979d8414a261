//! The experiment's folder belongs to one plan.

use crate::cli::experiment::trial::is_pretraining;
use crate::cli::resumed::{Difference, differences, is_free};
use crate::cli::run_folder::{PLAN_FILE, RUNS, holds_run, lock, none_begun};
use crate::config::{Arm, ExperimentPlan};
use crate::platform::{self, FolderLock, LOCK_FILE};
use anyhow::{Context, anyhow, bail};
use std::path::Path;

/// Makes the folder and copies the plan into it, or checks that it was made for the same plan. A plan of the same runs takes
/// the place of the old one, and so does another where no run that it changes has got anywhere, because it could not work
/// say.
pub(super) fn claim(out: &Path, plan: &Path) -> anyhow::Result<FolderLock> {
    let (copy, runs) = (out.join(PLAN_FILE), out.join(RUNS));
    let text = read(plan)?;
    // Settings alone may be a user's own.
    if holds_run(out) && out.join(LOCK_FILE).exists() && !runs.exists() {
        bail!("{} holds a run: choose another --out", out.display());
    }
    if !copy.exists() {
        if runs.exists() {
            bail!(
                "{} holds runs of something else: choose another --out",
                out.display()
            );
        }
        if out.exists() && !out.is_dir() {
            bail!("{} is a file: choose another --out", out.display());
        }
        std::fs::create_dir_all(out)
            .with_context(|| format!("cannot make the folder {}", out.display()))?;
        let lock = lock(out)?;
        platform::write_atomic(&copy, text.as_bytes())?;
        std::fs::create_dir_all(&runs)
            .with_context(|| format!("cannot make the folder {}", runs.display()))?;
        return Ok(lock);
    }
    let changes = changes((&copy, &read(&copy)?), (plan, &text))?;
    let refused = |changes: &[&Difference]| {
        let changes: Vec<String> = changes.iter().map(ToString::to_string).collect();
        anyhow!(
            "the plan in {} differs from that of the experiment in {}: {}; choose another --out, or leave the plan as it was",
            plan.display(),
            out.display(),
            changes.join(", ")
        )
    };
    // A plan beside a lock's file is the copy of an experiment's; another may be the user's own, and no lock may stay that
    // would make it one.
    if !changes.is_empty() && !out.join(LOCK_FILE).exists() {
        return Err(refused(&Vec::from_iter(&changes)));
    }
    let lock = lock(out)?;
    if !changes.is_empty() {
        let nothing_begun = none_begun(&runs, |_| true);
        let tuning_not_begun = none_begun(&runs, |run| !is_pretraining(run));
        let allowed = |name: &str| {
            nothing_begun || changes_no_run(name) || (tuning_not_begun && is_of_tuning(name))
        };
        let others: Vec<&Difference> = changes.iter().filter(|c| !allowed(&c.name)).collect();
        if !others.is_empty() {
            return Err(refused(&others));
        }
        platform::write_atomic(&copy, text.as_bytes())?;
    }
    Ok(lock)
}

/// What is different in the plan that follows, each given with its file.
fn changes(
    (old_file, old): (&Path, &str),
    (new_file, new): (&Path, &str),
) -> anyhow::Result<Vec<Difference>> {
    if old == new {
        return Ok(Vec::new());
    }
    let parsed = |text: &str, file: &Path| {
        ExperimentPlan::from_toml(&of_runs(text), &file.display().to_string())
    };
    differences(&parsed(old, old_file)?, &parsed(new, new_file)?)
}

/// A plan without what no run depends on: the copy may be of an older program, which allowed more there.
fn of_runs(text: &str) -> String {
    let Ok(mut plan) = toml::from_str::<toml::Table>(text) else {
        return text.to_owned();
    };
    plan.remove("bootstrap");
    let arms = plan.get("arms").and_then(toml::Value::as_array);
    let pretrains = arms
        .is_some_and(|arms| (arms.iter()).any(|arm| arm.as_str() == Some(Arm::Pretrained.key())));
    if !pretrains {
        plan.remove("pretrain");
    }
    plan.to_string()
}

/// Whether no result depends on a setting of a plan: what tables are called, how intervals are estimated, and what may
/// change while a run is under way.
fn changes_no_run(name: &str) -> bool {
    let setting = ["pretrain.", "finetune."]
        .iter()
        .find_map(|section| name.strip_prefix(*section));
    name == "name" || name.starts_with("bootstrap.") || setting.is_some_and(is_free)
}

/// Whether a setting of a plan is of fine-tuning and scoring alone. Runs of pre-training are held to their own settings.
fn is_of_tuning(name: &str) -> bool {
    let sections = ["finetune.", "arm.", "scoring."];
    sections.iter().any(|section| name.starts_with(*section))
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests;
