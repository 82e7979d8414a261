//! The experiment's folder belongs to one plan.

use crate::cli::resumed::differences;
use crate::config::ExperimentPlan;
use crate::platform;
use anyhow::{Context, bail};
use std::path::Path;

/// The copy of the plan in the experiment's folder.
const PLAN_FILE: &str = "plan.toml";
/// Where its runs live.
pub(super) const RUNS: &str = "runs";

/// Makes the folder and copies the plan into it, or checks that it was made for the same plan.
pub(super) fn claim(out: &Path, plan: &Path) -> anyhow::Result<()> {
    let copy = out.join(PLAN_FILE);
    let text = read(plan)?;
    if !copy.exists() {
        if out.join(RUNS).exists() {
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
        platform::write_atomic(&copy, text.as_bytes())?;
        return Ok(());
    }
    let parsed = |text: &str, place: &Path| {
        ExperimentPlan::from_toml(text, &place.display().to_string()).map_err(anyhow::Error::from)
    };
    let old = parsed(&read(&copy)?, &copy)?;
    let changes = differences(&old, &parsed(&text, plan)?)?;
    if changes.is_empty() {
        return Ok(());
    }
    let changes: Vec<String> = changes.iter().map(ToString::to_string).collect();
    bail!(
        "the plan in {} differs from that of the experiment in {}: {}; choose another --out, or leave the plan as it was",
        plan.display(),
        out.display(),
        changes.join(", ")
    );
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
