//! `loaded.json`: which weights a run started from, and what it took of them.

use crate::cli::run_folder::LOADED_FILE;
use crate::cli::weights_path::starting_file;
use crate::platform;
use crate::weights::TransferReport;
use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What a run took from a file of weights.
#[derive(Debug, Serialize)]
pub(super) struct Loaded {
    #[serde(flatten)]
    pub report: TransferReport,
    /// BLAKE3 of the file, in hexadecimal.
    pub blake3: String,
}

/// The part of the file that tells the weights. Older programs did not write it.
#[derive(Deserialize)]
struct Start {
    blake3: Option<String>,
}

impl Loaded {
    /// Of a file with these bytes.
    pub(super) fn new(report: TransferReport, bytes: &[u8]) -> Self {
        let blake3 = hash(bytes);
        Loaded { report, blake3 }
    }
}

/// Refuses a run that started from other weights than there are now under the path `weights`.
pub(super) fn same_start(folder: &Path, weights: &Path) -> anyhow::Result<()> {
    let file = folder.join(LOADED_FILE);
    let Ok(text) = std::fs::read(&file) else {
        return Ok(());
    };
    let then: Start = serde_json::from_slice(&text).with_context(|| {
        let name = file.display();
        format!("{name} does not tell what a run took from its weights")
    })?;
    // Weights that are gone start no other run either: one that is yet to begin says so.
    let (Some(then), Ok(weights)) = (then.blake3, starting_file(weights)) else {
        return Ok(());
    };
    ensure!(
        then == hash(&platform::read(&weights)?),
        "the run in {} started from other weights than {} has now: put the old ones back, or start all runs anew in \
         another --out",
        folder.display(),
        weights.display()
    );
    Ok(())
}

fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_started_from_other_weights_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("before")).unwrap();
        let weights = at("before/encoder.safetensors");
        std::fs::write(&weights, b"one").unwrap();
        let same = || same_start(folder.path(), &at("before"));
        let write = |text: String| std::fs::write(at(LOADED_FILE), text).unwrap();
        // No weights, and those of a run that older programs made.
        same().unwrap();
        write(r#"{"encoder": 7}"#.to_owned());
        same().unwrap();
        write(format!(r#"{{"blake3": "{}"}}"#, hash(b"one")));
        same().unwrap();
        std::fs::write(&weights, b"two").unwrap();
        let error = same().unwrap_err().to_string();
        assert!(error.contains("encoder.safetensors"), "{error}");
        std::fs::remove_file(&weights).unwrap();
        same().unwrap();
    }
}
