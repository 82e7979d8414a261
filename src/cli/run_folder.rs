//! The folder of a run: chosen, claimed before anything slow, removed again if the run never starts.

use crate::config::PretrainConfig;
use crate::platform;
use anyhow::{Context, bail};
use std::path::{Path, PathBuf};

/// A folder claimed for a new run.
#[derive(Debug)]
pub(super) struct RunFolder {
    path: PathBuf,
    /// Whether this process made it and nothing worth keeping is in it yet.
    disposable: bool,
}

/// Settings as the run used them.
pub(super) const CONFIG_FILE: &str = "config.toml";

impl RunFolder {
    /// Claims `out`, or the first free `runs/pretrain-<name>-<number>`, and writes the settings into it.
    pub(super) fn create(
        out: Option<&Path>,
        name: &str,
        config: &PretrainConfig,
    ) -> anyhow::Result<Self> {
        let path = match out {
            Some(out) => out.to_owned(),
            None => free_name(name)?,
        };
        if path.join(CONFIG_FILE).exists() || path.join("checkpoints").exists() {
            bail!(
                "{0} holds a run already: go on with it by --resume {0}, or choose another --out",
                path.display()
            );
        }
        let existed = path.exists();
        std::fs::create_dir_all(&path)
            .with_context(|| format!("cannot make the run's folder {}", path.display()))?;
        let folder = RunFolder {
            path,
            disposable: !existed,
        };
        folder.write_config(config)?;
        Ok(folder)
    }

    fn write_config(&self, config: &PretrainConfig) -> anyhow::Result<()> {
        let text = config.to_toml()?;
        platform::write_atomic(&self.path.join(CONFIG_FILE), text.as_bytes())?;
        Ok(())
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
    fn drop(&mut self) {
        if self.disposable {
            // The error that brought us here is what the user needs to see.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

fn free_name(name: &str) -> anyhow::Result<PathBuf> {
    (1..10_000)
        .map(|number| PathBuf::from(format!("runs/pretrain-{name}-{number:03}")))
        .find(|path| !path.exists())
        .context("all names under runs/ are taken: give --out")
}
