//! What can be wrong with a cache entry.

use std::io;

use thiserror::Error;

use crate::volume::VolumeError;

/// Why a file is not the entry it should be.
#[derive(Debug, Error)]
pub enum EntryError {
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("is not a cache entry of this kind and version")]
    Foreign,
    #[error("was stored under another key")]
    OtherKey,
    #[error("has {found} bytes where its header calls for another length")]
    Length { found: u64 },
    #[error("does not match its hash")]
    Hash,
    #[error("holds no valid volume: {0}")]
    Volume(#[from] VolumeError),
}
