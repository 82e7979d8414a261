//! Files of the native program.

mod allocator;
mod atomic;
mod hangup;
mod lock;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub use allocator::keep_freed_memory;
pub use atomic::{AtomicFile, is_temporary, write_atomic};
pub(super) use atomic::{folder_of, sync_folder};
pub use hangup::keeping_nohup;
pub use lock::{FolderLock, LOCK_FILE};

/// An [`io::Error`] with the file it is about. The message holds the cause, so it is not offered a
/// second time as `source()`.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {}", path.display(), reason(cause))]
struct FileError {
    action: &'static str,
    path: PathBuf,
    cause: io::Error,
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull => {
            "the disk is full; free some space or choose another folder".to_owned()
        }
        io::ErrorKind::QuotaExceeded => {
            "the disk quota is used up; free some space or choose another folder".to_owned()
        }
        _ => error.to_string(),
    }
}

pub(super) fn with_path(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> io::Error {
    move |cause| {
        let path = path.to_owned();
        io::Error::new(
            cause.kind(),
            FileError {
                action,
                path,
                cause,
            },
        )
    }
}

/// The whole content of a file.
///
/// # Errors
/// When the file is missing or cannot be read; the message names it.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    fs::read(path).map_err(with_path("read", path))
}

/// A log file: bytes are added at its end, each piece whole or not at all.
#[derive(Debug)]
pub struct AppendFile {
    file: File,
    path: PathBuf,
}

impl AppendFile {
    /// Opens `path` to add to it; makes it when it does not exist.
    ///
    /// # Errors
    /// When the folder does not exist or the file cannot be written to.
    pub fn open(path: impl AsRef<Path>) -> io::Result<AppendFile> {
        AppendFile::with(OpenOptions::new().create(true), path.as_ref())
    }

    /// Makes a new file.
    ///
    /// # Errors
    /// As [`AppendFile::open`], and [`io::ErrorKind::AlreadyExists`] when there is one already.
    pub fn create_new(path: impl AsRef<Path>) -> io::Result<AppendFile> {
        AppendFile::with(OpenOptions::new().create_new(true), path.as_ref())
    }

    fn with(options: &mut OpenOptions, path: &Path) -> io::Result<AppendFile> {
        let file = options
            .append(true)
            .open(path)
            .map_err(with_path("write", path))?;
        let path = path.to_owned();
        Ok(AppendFile { file, path })
    }

    /// Adds one piece. It is with the operating system on return, so a crash of the program does
    /// not lose it. A piece that does not fit is taken back.
    ///
    /// # Errors
    /// When the disk is full; the file then ends where it ended before.
    pub fn append(&mut self, piece: &[u8]) -> io::Result<()> {
        let before = self
            .file
            .metadata()
            .map_err(with_path("write", &self.path))?;
        self.file.write_all(piece).map_err(|error| {
            if let Err(error) = self.file.set_len(before.len()) {
                log::warn!("cannot shorten {}: {error}", self.path.display());
            }
            with_path("write", &self.path)(error)
        })
    }

    /// The file's path, as given.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_called_full() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let error = with_path("write", Path::new("run/last"))(full);
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        let text = error.to_string();
        assert!(text.contains("run/last: the disk is full"), "{text}");
    }

    #[test]
    fn what_is_appended_comes_after_what_was_there() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("log");
        AppendFile::open(&path)?.append(b"one\n")?;
        AppendFile::open(&path)?.append(b"two\n")?;
        assert_eq!(read(&path)?, b"one\ntwo\n");
        let again = AppendFile::create_new(&path).err().ok_or("was made")?;
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        Ok(())
    }
}
