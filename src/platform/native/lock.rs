//! One process at a time in a folder.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::with_path;

/// The file that is locked. Only who has the lock may remove it ([`FolderLock::remove`]): others could let two in.
pub const LOCK_FILE: &str = ".lock";
/// How often a folder is locked anew whose lock was removed meanwhile: some file systems number a file anew each time.
const RETRIES: usize = 8;

/// Keeps other processes out of a folder until it is dropped, or the process ends in any way.
#[derive(Debug)]
pub struct FolderLock {
    path: PathBuf,
    /// Open for as long as the lock is held.
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
        let mut retries = 0..RETRIES;
        loop {
            let file = options.open(&path).map_err(with_path("write", &path))?;
            match file.try_lock() {
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => {
                    log::debug!("{} cannot be locked: {error}", path.display());
                }
                // Removed after it was opened: the next process makes and locks another file.
                Ok(()) if !is_at(&file, &path) && retries.next().is_some() => continue,
                Ok(()) => {}
            }
            return Ok(Some(FolderLock { path, _file: file }));
        }
    }

    /// Gives the lock up and removes its file, while nobody else can have locked it.
    ///
    /// # Errors
    /// When the file cannot be removed; the folder is unlocked all the same.
    pub fn remove(self) -> io::Result<()> {
        fs::remove_file(&self.path).map_err(with_path("remove", &self.path))
    }
}

/// Whether an opened file is still the one of this path.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let same = |a: fs::Metadata, b: fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
    (file.metadata().ok().zip(fs::metadata(path).ok())).is_some_and(|(a, b)| same(a, b))
}

/// Files have no number here that can be asked for; whether there is one tells most.
#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
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

    #[test]
    fn who_opened_a_lock_that_was_then_removed_is_not_let_in_beside_the_next() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join(LOCK_FILE);
        let first = FolderLock::take(folder.path())?.ok_or(io::ErrorKind::WouldBlock)?;
        let opened = File::open(&path)?;
        assert!(is_at(&opened, &path));
        first.remove()?;
        assert!(!path.exists());
        assert!(!is_at(&opened, &path));
        let next = FolderLock::take(folder.path())?;
        assert!(next.is_some());
        #[cfg(unix)]
        assert!(!is_at(&opened, &path));
        Ok(())
    }
}
