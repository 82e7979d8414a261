//! What a command reads, and must not replace.

use crate::dataset::{DataList, LIST_FILE};
use crate::train::layout::CONFIG_FILE;
use crate::train::{Finetuning, Task};
use crate::volume;
use anyhow::ensure;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// The files that a call reads, which it must not replace.
#[derive(Debug, Default)]
pub(super) struct Inputs(HashSet<PathBuf>);

impl Inputs {
    /// Adds files, and of images that are pairs both halves.
    pub(super) fn add<P: AsRef<Path>>(&mut self, files: impl IntoIterator<Item = P>) {
        for file in files {
            let files = volume::files_of(file.as_ref());
            self.0.extend(files.iter().map(|file| canonical(file)));
        }
    }

    /// Adds a network's weights and settings, in a run's folder or beside each other.
    pub(super) fn add_network(&mut self, weights: &Path, config: Option<&Path>) {
        self.add([weights, &weights.with_file_name(CONFIG_FILE)]);
        self.add([Finetuning::EXPORT, CONFIG_FILE].map(|name| weights.join(name)));
        self.add(config);
    }

    /// Adds a split file, or a folder's description, with the cases it lists.
    pub(super) fn add_list(&mut self, file: &Path, list: &DataList) {
        self.add([file, &file.join(LIST_FILE)]);
        for case in [&list.training, &list.validation, &list.test]
            .into_iter()
            .flatten()
        {
            self.add([&case.image]);
            self.add(&case.label);
        }
    }

    /// Refuses to write over one of them, however the path is spelt.
    pub(super) fn refuse_overwriting(&self, output: &Path) -> anyhow::Result<()> {
        ensure!(
            !self.0.contains(&canonical(output)),
            "{} is read by this command and would be overwritten: name another output",
            output.display()
        );
        Ok(())
    }
}

/// The file itself, whichever way leads to it; the path as it is where there is nothing.
pub(super) fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_input_is_written_over_however_it_is_spelt() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir(at("run")).unwrap();
        for name in ["scan.nii", "pair.hdr", "pair.img", "run/model.safetensors"] {
            std::fs::write(at(name), b"").unwrap();
        }
        let mut inputs = Inputs::default();
        inputs.add([at("scan.nii"), at("pair.hdr"), at("absent.nii")]);
        inputs.add_network(&at("run"), None);
        for name in [
            "scan.nii",
            "run/../scan.nii",
            "pair.img",
            "absent.nii",
            "run/model.safetensors",
        ] {
            assert!(inputs.refuse_overwriting(&at(name)).is_err(), "{name}");
        }
        std::fs::write(at("other.nii"), b"").unwrap();
        for name in ["other.nii", "new.nii", "run/labels.nii"] {
            assert!(inputs.refuse_overwriting(&at(name)).is_ok(), "{name}");
        }
    }
}
