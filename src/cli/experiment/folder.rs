//! The experiment's folder belongs to one plan.

use crate::cli::resumed::differences;
use crate::cli::run_folder::{lock, none_begun};
use crate::config::ExperimentPlan;
use crate::platform::{self, FolderLock, LOCK_FILE};
use anyhow::{Context, anyhow, bail};
use std::path::Path;

/// The copy of the plan in the experiment's folder.
const PLAN_FILE: &str = "plan.toml";
/// The section of a plan that no run depends on: how intervals are estimated.
const BOOTSTRAP: &str = "bootstrap.";
/// Where its runs live.
pub(super) const RUNS: &str = "runs";

/// Makes the folder and copies the plan into it, or checks that it was made for the same plan. A plan of the same runs takes
/// the place of the old one, and so does another where no run of the old one has got anywhere, because it could not work say.
pub(super) fn claim(out: &Path, plan: &Path) -> anyhow::Result<FolderLock> {
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
        let lock = lock(out)?;
        platform::write_atomic(&copy, text.as_bytes())?;
        return Ok(lock);
    }
    let parsed = |text: &str, place: &Path| {
        ExperimentPlan::from_toml(text, &place.display().to_string()).map_err(anyhow::Error::from)
    };
    let old = parsed(&read(&copy)?, &copy)?;
    let changes = differences(&old, &parsed(&text, plan)?)?;
    let refused = || {
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
        return Err(refused());
    }
    let lock = lock(out)?;
    if !changes.is_empty() {
        let same_runs = changes.iter().all(|c| c.name.starts_with(BOOTSTRAP));
        if !same_runs && !none_begun(&out.join(RUNS)) {
            return Err(refused());
        }
        platform::write_atomic(&copy, text.as_bytes())?;
    }
    Ok(lock)
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = "name = \"n\"\nsizes = [6]\narms = [\"random\"]\nseeds = [1, 2]\n[data]\nroot = \"d\"\n\
        finetune = { 6 = \"f.json\" }\n[finetune]\npreset = \"small\"\n";

    #[test]
    fn a_plan_can_be_mended_until_a_run_of_it_has_got_somewhere() {
        let dir = tempfile::tempdir().unwrap();
        let (plan, out) = (dir.path().join("plan.toml"), dir.path().join("out"));
        let claimed = |text: &str| {
            std::fs::write(&plan, text).unwrap();
            claim(&out, &plan)
                .map(drop)
                .map_err(|error| error.to_string())
        };
        claimed(PLAN).unwrap();
        let other = PLAN.replace("[1, 2]", "[1, 3]");
        claimed(&other).unwrap();
        assert_eq!(read(&out.join(PLAN_FILE)).unwrap(), other);
        // Prepared scans are no result.
        std::fs::create_dir_all(out.join(RUNS).join("cache")).unwrap();
        claimed(PLAN).unwrap();
        std::fs::create_dir_all(out.join(RUNS).join("006-random-seed1/checkpoints/last")).unwrap();
        claimed(PLAN).unwrap();
        let refused = claimed(&other).unwrap_err();
        assert!(
            refused.contains("differs from that of the experiment"),
            "{refused}"
        );
        // What changes no run can be mended still.
        let finer = format!("{PLAN}[bootstrap]\nresamples = 20000\n");
        claimed(&finer).unwrap();
        assert_eq!(read(&out.join(PLAN_FILE)).unwrap(), finer);
        assert!(claimed(&finer.replace("[1, 2]", "[1, 3]")).is_err());
    }

    #[test]
    fn a_plan_that_no_experiment_put_there_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (own, plan) = (dir.path().join(PLAN_FILE), dir.path().join("short.toml"));
        std::fs::write(&own, PLAN).unwrap();
        std::fs::write(&plan, PLAN.replace("[1, 2]", "[1]")).unwrap();
        for _ in 0..2 {
            assert!(claim(dir.path(), &plan).is_err());
            assert_eq!(read(&own).unwrap(), PLAN);
        }
    }
}
