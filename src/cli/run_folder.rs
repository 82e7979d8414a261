//! The folder of a run: chosen, claimed before anything slow, removed again if the run never starts.

use crate::cli::output::quoted;
use crate::config::StageConfig;
use crate::platform::{self, FolderLock, LOCK_FILE};
use crate::report::metrics::METRICS_FILE;
use crate::report::tensorboard::EVENTS;
use crate::train::Checkpoint;
use crate::train::layout::{self, CHECKPOINTS, CONFIG_FILE};
use anyhow::{Context, anyhow, bail};
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A folder claimed for a new run.
#[derive(Debug)]
pub(super) struct RunFolder {
    path: PathBuf,
    /// Whether nothing worth keeping is in it yet.
    disposable: bool,
    /// What was in it before, or none where this process made it.
    before: Option<Vec<OsString>>,
    /// Held from before anything in the folder is touched.
    lock: Option<FolderLock>,
}

/// What was taken from the weights that fine-tuning started from.
pub(super) const LOADED_FILE: &str = "loaded.json";
/// What came of a run.
pub(super) const SUMMARY_FILE: &str = "summary.json";
/// Names of a run's cases.
pub(super) const CASES_FILE: &str = "cases.json";
/// What stands for the preset of a run that is part of an experiment.
pub(super) const EXPERIMENT: &str = "experiment";
/// The copy of the plan in the folder of an experiment.
pub(super) const PLAN_FILE: &str = "plan.toml";
/// Where the split files of a cross-validation lie.
pub(super) const FOLDS: &str = "folds";
/// Where the runs of an experiment or a cross-validation live.
pub(super) const RUNS: &str = "runs";

/// A file of the run that weights are of: in its folder, or beside them where they are named as a file.
pub(super) fn beside(weights: &Path, name: &str) -> PathBuf {
    match weights.is_dir() {
        true => weights.join(name),
        false => weights.with_file_name(name),
    }
}

impl RunFolder {
    /// Claims `out`, or the first free `runs/<command>-<name>-<number>`, and writes the settings into it. No other
    /// process gets in until this is dropped.
    pub(super) fn create(
        out: Option<&Path>,
        name: &str,
        config: &impl StageConfig,
    ) -> anyhow::Result<Self> {
        let folder = match out {
            Some(out) => Self::claim(out)?,
            None => Self::free(stage(config), name)?,
        };
        write_config(&folder.path, name, config)?;
        Ok(folder)
    }

    fn claim(path: &Path) -> anyhow::Result<Self> {
        if path.exists() && !path.is_dir() {
            bail!("{} is a file: choose another --out", path.display());
        }
        if path.join(PLAN_FILE).exists() && path.join(RUNS).exists() {
            bail!(
                "{} holds an experiment: choose another --out",
                path.display()
            );
        }
        if path.join(FOLDS).exists() && path.join(RUNS).exists() {
            bail!(
                "{} holds a cross-validation: choose another --out",
                path.display()
            );
        }
        let was_there = path.exists();
        std::fs::create_dir_all(path)
            .with_context(|| format!("cannot make the run's folder {}", path.display()))?;
        // A run leaves its lock's file, and a summary at its end; settings alone may be a user's own, and then no lock
        // may stay that would make them a run's.
        let of_a_run = path.join(LOCK_FILE).exists();
        if !of_a_run && holds_run(path) {
            return Err(taken(path));
        }
        let lock = lock(path)?;
        if holds_run(path) {
            let killed = of_a_run && !path.join(SUMMARY_FILE).exists();
            if !killed || !nothing_saved(path) {
                return Err(taken(path));
            }
            // Nothing in it can be gone on with.
            clear(path, &[]);
        }
        let mut before = was_there.then(|| names(path)).transpose()?;
        if let Some(before) = &mut before {
            before.retain(|name| name != LOCK_FILE);
        }
        Ok(RunFolder {
            path: path.to_owned(),
            disposable: true,
            before,
            lock: Some(lock),
        })
    }

    /// The first folder under `runs/` that nobody has.
    fn free(stage: &str, name: &str) -> anyhow::Result<Self> {
        let runs = Path::new("runs");
        std::fs::create_dir_all(runs).context("cannot make the folder runs")?;
        for number in 1..10_000 {
            let path = runs.join(format!("{stage}-{name}-{number:03}"));
            match std::fs::create_dir(&path) {
                Ok(()) => {
                    return Ok(RunFolder {
                        lock: Some(lock(&path)?),
                        path,
                        disposable: true,
                        before: None,
                    });
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => {
                    let text = format!("cannot make the run's folder {}", path.display());
                    return Err(error).context(text);
                }
            }
        }
        bail!("all names under runs/ are taken: give --out")
    }

    /// The folder.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Training begins: the folder stays from here on.
    pub(super) fn keep(&mut self) {
        self.disposable = false;
    }
}

impl Drop for RunFolder {
    /// Removes what the run left, and nothing else: a user may keep other things in the folder.
    fn drop(&mut self) {
        if !self.disposable {
            return;
        }
        clear(&self.path, self.before.as_deref().unwrap_or_default());
        // Before the folder, and before anybody else is let into it.
        let _ = self.lock.take().map(FolderLock::remove);
        if self.before.is_none() {
            let _ = std::fs::remove_dir(&self.path);
        }
    }
}

/// Whether a folder holds what a run begins with, or what is called so.
pub(super) fn holds_run(folder: &Path) -> bool {
    folder.join(CONFIG_FILE).exists() || folder.join(CHECKPOINTS).exists()
}

/// Whether there is no checkpoint, not even the best weights alone, but for those in the making.
fn nothing_saved(folder: &Path) -> bool {
    let checkpoints = folder.join(CHECKPOINTS);
    let in_the_making = |name: &OsString| name.to_string_lossy().ends_with(".partial");
    !checkpoints.exists() || names(&checkpoints).is_ok_and(|all| all.iter().all(in_the_making))
}

fn taken(folder: &Path) -> anyhow::Error {
    anyhow!(
        "{} holds a run already: go on with it by --resume {}, or choose another --out",
        folder.display(),
        quoted(&folder.display().to_string())
    )
}

/// Removes what a run leaves before its first checkpoint, but for what was there `before`, and the lock. What fails is
/// not said: the user has something else to read then, or meets it when the new run writes the same files.
fn clear(folder: &Path, before: &[OsString]) {
    for name in names(folder).unwrap_or_default() {
        let path = folder.join(&name);
        if before.contains(&name) || name == LOCK_FILE || !is_of_a_run(&name) {
            continue;
        }
        let _ = match path.is_dir() {
            true => std::fs::remove_dir_all(&path),
            false => std::fs::remove_file(&path),
        };
    }
}

/// What stands before the name of a run's preset in the first line of its settings.
const PRESET: &str = "# Preset: ";

/// Writes the settings of a run into its folder, with the preset they began with, which none of them tells.
pub(super) fn write_config(
    folder: &Path,
    preset: &str,
    config: &impl StageConfig,
) -> anyhow::Result<()> {
    let text = format!("{PRESET}{preset}\n{}", config.to_toml()?);
    platform::write_atomic(&folder.join(CONFIG_FILE), text.as_bytes())?;
    Ok(())
}

/// The preset that a run began with; none where an older program began it.
pub(super) fn preset_of(folder: &Path) -> Option<String> {
    let text = std::fs::read_to_string(folder.join(CONFIG_FILE)).ok()?;
    text.lines().next()?.strip_prefix(PRESET).map(str::to_owned)
}

fn names(folder: &Path) -> anyhow::Result<Vec<OsString>> {
    let unreadable = || format!("cannot look into {}", folder.display());
    std::fs::read_dir(folder)
        .with_context(unreadable)?
        .map(|entry| Ok(entry.with_context(unreadable)?.file_name()))
        .collect()
}

/// Keeps every other process out of the folder of a run or an experiment.
pub(super) fn lock(folder: &Path) -> anyhow::Result<FolderLock> {
    FolderLock::take(folder)?.with_context(|| {
        format!(
            "another process works in {}: wait until it ends, or stop it with Ctrl-C there",
            folder.display()
        )
    })
}

/// A run to go on with: its folder's lock and then its newest checkpoint, which whoever has the lock may be replacing.
pub(super) fn reopen<C: StageConfig>(folder: &Path) -> anyhow::Result<(FolderLock, Checkpoint<C>)> {
    if layout::newest(folder).is_none() {
        // Says what is missing, and no lock's file is left where no run is.
        Checkpoint::<C>::latest(folder)?;
    }
    let lock = lock(folder)?;
    for name in names(folder).unwrap_or_default() {
        let file = folder.join(&name);
        if platform::is_temporary(&name) && is_old(&file) {
            let _ = std::fs::remove_file(file);
        }
    }
    Ok((lock, Checkpoint::latest(folder)?))
}

/// Whether a file in the making was left so by a process that was killed: another program may be writing a prediction here.
fn is_old(file: &Path) -> bool {
    let modified = file.metadata().and_then(|file| file.modified()).ok();
    let age = modified.and_then(|modified| modified.elapsed().ok());
    age.is_some_and(|age| age.as_secs() > 3600)
}

/// Whether no run in this folder of runs whose name `counts` has got anywhere: none has a checkpoint or a summary. False
/// where that cannot be seen.
pub(super) fn none_begun(runs: &Path, counts: impl Fn(&str) -> bool) -> bool {
    let begun = |name: OsString| {
        let run = runs.join(&name);
        counts(&name.to_string_lossy()) && (!nothing_saved(&run) || run.join(SUMMARY_FILE).exists())
    };
    match names(runs) {
        Ok(names) => !names.into_iter().any(begun),
        Err(_) => !runs.exists(),
    }
}

/// Whether a run leaves files or folders of this name before its first checkpoint.
fn is_of_a_run(name: &OsString) -> bool {
    let name = name.to_string_lossy();
    [
        CONFIG_FILE,
        CASES_FILE,
        METRICS_FILE,
        CHECKPOINTS,
        LOADED_FILE,
        LOCK_FILE,
    ]
    .contains(&name.as_ref())
        || name.starts_with(EVENTS)
        || platform::is_temporary(name.as_ref().as_ref())
}

fn stage<C: StageConfig>(_: &C) -> &'static str {
    C::STAGE
}
