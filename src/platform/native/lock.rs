//! One process at a time in a folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

use super::with_path;

/// The file that is locked. It stays: whoever removed it could let two processes in.
pub const LOCK_FILE: &str = ".lock";

/// Keeps other processes out of a folder until it is dropped, or the process ends in any way.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Locks a folder; none when another process has it.
    ///
    /// On file systems without locks everybody gets in.
    ///
    /// # Errors
    /// When the lock's file cannot be made in the folder.
    pub fn take(folder: &Path) -> io::Result<Option<FolderLock>> {
        let path = folder.join(LOCK_FILE);
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        let file = options.open(&path).map_err(with_path("write", &path))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => {
                log::debug!("{} cannot be locked: {error}", path.display());
                Ok(Some(FolderLock { _file: file }))
            }
            Ok(()) => Ok(Some(FolderLock { _file: file })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_locked_once_at_a_time() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let first = FolderLock::take(folder.path())?;
        assert!(first.is_some());
        // Locks belong to the opened file, so a second one in this process stands for another process.
        assert!(FolderLock::take(folder.path())?.is_none());
        drop(first);
        assert!(FolderLock::take(folder.path())?.is_some());
        assert!(FolderLock::take(&folder.path().join("absent")).is_err());
        Ok(())
    }
}
