//! The layout of a run's folder: what lies where in it, and under which name. The file that a stage hands on has its
//! name from [`Task::EXPORT`](crate::train::Task::EXPORT).

use crate::platform;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// Settings as the run used them.
pub const CONFIG_FILE: &str = "config.toml";
/// What a run goes on from, and its best weights: a folder a checkpoint.
pub const CHECKPOINTS: &str = "checkpoints";
/// The newest checkpoint.
pub const LAST: &str = "last";
/// The one before.
pub const PREVIOUS: &str = "previous";
/// The best weights alone.
pub const BEST: &str = "best";
/// What a checkpoint says of itself.
pub const MANIFEST: &str = "manifest.json";
/// The weights in a checkpoint.
pub const WEIGHTS: &str = "weights.safetensors";
pub(super) const FIRST_MOMENT: &str = "first_moment.safetensors";
pub(super) const SECOND_MOMENT: &str = "second_moment.safetensors";
pub(super) const AVERAGE: &str = "average.safetensors";

/// The folder of a run's last checkpoint, whether it is there or not.
pub fn last(run: &Path) -> PathBuf {
    run.join(CHECKPOINTS).join(LAST)
}

/// The folder of the checkpoint before the last.
pub fn previous(run: &Path) -> PathBuf {
    run.join(CHECKPOINTS).join(PREVIOUS)
}

/// The folder of a run's best weights.
pub fn best(run: &Path) -> PathBuf {
    run.join(CHECKPOINTS).join(BEST)
}

/// The folder of a run's newest checkpoint, if it has one: the last, or the one before it where a crash fell between
/// the two renames.
pub fn newest(run: &Path) -> Option<PathBuf> {
    let mut folders = [last(run), previous(run)].into_iter();
    folders.find(|folder| platform::exists(folder))
}

/// What a checkpoint is of, `pretrain` or `finetune`, by its manifest: as a text, or as whatever is read from that.
///
/// # Errors
/// Not a manifest, or none of a stage that `S` knows.
pub fn stage_of<S: DeserializeOwned>(manifest: &[u8]) -> Result<S, serde_json::Error> {
    /// The part of a manifest that tells which settings it holds.
    #[derive(Deserialize)]
    struct Label<T> {
        stage: T,
    }
    Ok(serde_json::from_slice::<Label<S>>(manifest)?.stage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_checkpoint_is_the_last_or_else_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path();
        assert_eq!(newest(run), None);
        for checkpoint in [previous(run), last(run)] {
            std::fs::create_dir_all(&checkpoint).unwrap();
            assert_eq!(newest(run), Some(checkpoint));
        }
    }

    #[test]
    fn a_manifest_tells_its_stage() {
        let stage = stage_of::<String>(br#"{"version": 1, "stage": "finetune"}"#);
        assert_eq!(stage.unwrap(), "finetune");
        for other in ["{}", "", r#"{"stage": 1}"#] {
            assert!(stage_of::<String>(other.as_bytes()).is_err(), "{other}");
        }
    }
}
