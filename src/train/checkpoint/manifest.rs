//! What a checkpoint says of itself: how far its run was, its settings, and what its files hold.

use crate::config::StageConfig;
use crate::platform;
use crate::train::TrainError;
use crate::train::checksum::checksum_of;
use crate::train::layout::{self, MANIFEST};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::Path;

/// Raised when older programs can no longer read what is written.
pub(super) const VERSION: u32 = 1;

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Steps done.
    pub step: u64,
    /// Steps done at the last validation.
    pub validated: u64,
    /// Steps skipped because their gradients were not finite.
    pub skipped: u64,
    /// How many of those came last and in a row.
    pub skipped_in_a_row: u64,
    /// Best score of a validation: the lowest error of pre-training, the highest Dice of fine-tuning.
    pub best: Option<f64>,
    /// Steps done at the best score.
    pub best_step: u64,
    /// Seconds of training over all sittings.
    pub seconds: f64,
}

/// A tensor of a checkpoint with the hash of its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorHash {
    /// File that holds it.
    pub file: String,
    /// Its name in the file.
    pub name: String,
    /// BLAKE3 of its little-endian bytes, in hexadecimal.
    pub blake3: String,
}

/// What a checkpoint says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest<C> {
    /// Format version.
    pub version: u32,
    /// Version of the program that wrote it.
    pub program: String,
    /// What is trained: `pretrain` or `finetune`.
    pub stage: String,
    /// All settings.
    pub config: C,
    /// How far the run was.
    pub progress: Progress,
    /// Updates of the optimiser, for its bias correction.
    pub updates: u64,
    /// Factor of the loss in half precision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss_scale: Option<f32>,
    /// Every tensor with its hash.
    pub tensors: Vec<TensorHash>,
    /// BLAKE3 of the manifest without white space and with this field empty, in hexadecimal.
    pub checksum: String,
}

/// The part of a manifest that tells whether this program can read the rest.
#[derive(Deserialize)]
struct Format {
    version: u32,
}

impl<C: StageConfig> Manifest<C> {
    /// Reads the manifest of a checkpoint's folder and checks it.
    ///
    /// # Errors
    /// [`TrainError::Newer`] for one of a later program, [`TrainError::Damaged`] for one that is not what was written,
    /// [`TrainError::OtherStage`] for one of another command, [`TrainError::File`] where it cannot be read.
    pub fn read(folder: &Path) -> Result<Self, TrainError> {
        let damaged = |reason: String| TrainError::Damaged {
            file: folder.join(MANIFEST),
            reason,
        };
        let bytes = match platform::read(&folder.join(MANIFEST)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && platform::exists(folder) => {
                return Err(damaged("is not there".to_owned()));
            }
            read => read?,
        };
        // Before anything that a later format may have changed.
        let format = serde_json::from_slice::<Format>(&bytes);
        if let Some(format) = format.ok().filter(|format| format.version > VERSION) {
            return Err(TrainError::Newer {
                file: folder.join(MANIFEST),
                version: format.version,
                known: VERSION,
            });
        }
        let not_ours = |e| damaged(format!("not a manifest of this program ({e})"));
        let stage: String = layout::stage_of(&bytes).map_err(not_ours)?;
        if stage != C::STAGE {
            return Err(TrainError::OtherStage {
                folder: folder.to_owned(),
                stage,
                wanted: C::STAGE,
            });
        }
        let manifest: Manifest<C> = serde_json::from_slice(&bytes).map_err(not_ours)?;
        if checksum_of(&bytes, &manifest.checksum) != manifest.checksum {
            return Err(damaged("does not match its checksum".to_owned()));
        }
        Ok(manifest)
    }
}
