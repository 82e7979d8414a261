//! Where weights lie by what a user names: a run's folder, safetensors, a PyTorch file.

use crate::train::{Finetuning, Pretraining, Task};
use anyhow::Context;
use std::path::{Path, PathBuf};

/// The file within a run's folder, or the path itself.
pub(super) fn weights_file(path: &Path, names: &[&str]) -> anyhow::Result<PathBuf> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    names
        .iter()
        .map(|name| path.join(name))
        .find(|file| file.exists())
        .with_context(|| {
            format!(
                "{} holds none of {}: name a weights file, or the folder of a run that has validated",
                path.display(),
                names.join(", ")
            )
        })
}

/// The file of the encoder to start fine-tuning from.
pub(super) fn starting_file(path: &Path) -> anyhow::Result<PathBuf> {
    weights_file(path, &[Pretraining::EXPORT, Finetuning::EXPORT])
}
