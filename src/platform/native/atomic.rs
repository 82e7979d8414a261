//! All-or-nothing files. A file is written beside its place, synced and renamed, so that a crash at
//! any moment leaves either the old file or the new one, never half of one.

use super::with_path;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// How files in the making begin.
const TEMPORARY: &str = ".hounsfield-";

/// Buffer between the caller and the file: checkpoints arrive in small pieces.
const BUFFER: usize = 256 * 1024;

/// A new file that takes its name only when it is complete.
///
/// Bytes go to a temporary file in the same folder. [`AtomicFile::commit`] syncs it and renames it
/// over `path`; dropping the value without a commit removes it and leaves the old file as it was.
#[derive(Debug)]
pub struct AtomicFile {
    /// None once the value is committed.
    file: Option<BufWriter<File>>,
    temporary: PathBuf,
    target: PathBuf,
}

impl AtomicFile {
    /// Starts a file that will replace or create `path`. A symbolic link is followed, also to a file
    /// that does not exist yet, so that it keeps pointing at the new content; an existing file hands on
    /// its permissions.
    ///
    /// # Errors
    /// When `path` is a folder or a device, its folder does not exist, or the folder cannot be
    /// written to.
    pub fn create(path: impl AsRef<Path>) -> io::Result<AtomicFile> {
        let path = path.as_ref();
        let (target, permissions) = match fs::metadata(path) {
            Ok(old) if old.is_file() => {
                let target = fs::canonicalize(path).map_err(with_path("write", path))?;
                (target, Some(old.permissions()))
            }
            Ok(_) => {
                let error = io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "there is something else with this name, not a regular file",
                );
                return Err(with_path("write", path)(error));
            }
            Err(_) => (followed(path), None),
        };
        let (file, temporary) = create_beside(&target).map_err(with_path("write", path))?;
        let atomic = AtomicFile {
            file: Some(BufWriter::with_capacity(BUFFER, file)),
            temporary,
            target,
        };
        if let (Some(permissions), Some(writer)) = (permissions, &atomic.file) {
            writer
                .get_ref()
                .set_permissions(permissions)
                .map_err(with_path("write", path))?;
        }
        Ok(atomic)
    }

    /// Makes the bytes written so far the content of the file: sync, rename, sync the folder.
    ///
    /// # Errors
    /// When the disk is full or the rename is refused; the old file is then still in place.
    pub fn commit(mut self) -> io::Result<()> {
        self.finish().map_err(with_path("write", &self.target))?;
        // Drop must not remove the file that is now in place.
        self.file = None;
        sync_folder(folder_of(&self.target)).map_err(with_path("write", &self.target))
    }

    fn finish(&mut self) -> io::Result<()> {
        if let Some(writer) = &mut self.file {
            writer.flush()?;
            writer.get_ref().sync_all()?;
        }
        fs::rename(&self.temporary, &self.target)
    }

    fn writer(&mut self) -> io::Result<&mut BufWriter<File>> {
        self.file
            .as_mut()
            .ok_or_else(|| io::Error::other("the file is already closed"))
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self.writer()?.write(bytes);
        result.map_err(with_path("write", &self.target))
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.writer()?.flush();
        result.map_err(with_path("write", &self.target))
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if let Some(writer) = self.file.take() {
            // Without into_parts the buffer would be written once more, for nothing.
            drop(writer.into_parts());
            if let Err(error) = fs::remove_file(&self.temporary) {
                log::warn!("cannot remove {}: {error}", self.temporary.display());
            }
        }
    }
}

/// Replaces or creates the file `path` with `bytes`, all or nothing. See [`AtomicFile`].
///
/// # Errors
/// As [`AtomicFile::create`] and [`AtomicFile::commit`]; nothing is left behind.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes)?;
    file.commit()
}

/// Whether a file of this name is one in the making, or was left by a process that was killed.
pub fn is_temporary(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with(TEMPORARY) && name.ends_with(".tmp")
}

/// Where a path leads through symbolic links, whether there is a file or not; the path itself where they go round.
fn followed(path: &Path) -> PathBuf {
    // As many as Linux follows.
    const MAX_LINKS: usize = 40;
    let mut at = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&at) {
            Ok(target) => at = folder_of(&at).join(target),
            Err(_) => return at,
        }
    }
    path.to_owned()
}

/// A new empty file in the folder of `target` under a name nobody else uses.
fn create_beside(target: &Path) -> io::Result<(File, PathBuf)> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let process = std::process::id();
    loop {
        // Not made from the target's name: that may already be as long as names can be.
        let count = COUNTER.fetch_add(1, Ordering::Relaxed);
        let temporary = target.with_file_name(format!("{TEMPORARY}{process}-{count}.tmp"));
        match OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&temporary)
        {
            Ok(file) => return Ok((file, temporary)),
            // Left by a killed process with the same id: take the next name.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

/// The folder that a file or folder lies in.
pub(in crate::platform) fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Makes what is named in a folder last through a power cut. File systems that cannot sync a folder say so with one of
/// two errors, and need none.
#[cfg(unix)]
pub(in crate::platform) fn sync_folder(folder: &Path) -> io::Result<()> {
    use io::ErrorKind::{InvalidInput, Unsupported};
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Err(error) if !matches!(error.kind(), InvalidInput | Unsupported) => Err(error),
        _ => Ok(()),
    }
}

/// Windows has no way to sync a folder; its rename is journalled.
#[cfg(not(unix))]
pub(in crate::platform) fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    fn names(folder: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    #[test]
    fn a_file_is_replaced_and_nothing_is_left_beside_it() -> Outcome {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("summary.json");
        write_atomic(&path, b"old, and longer")?;
        let before = File::open(&path)?;
        write_atomic(&path, b"new")?;
        assert_eq!(fs::read(&path)?, b"new");
        // Whoever reads the old one reads it to its end.
        assert_eq!(io::read_to_string(before)?, "old, and longer");
        assert_eq!(names(folder.path())?, ["summary.json"]);
        Ok(())
    }

    #[test]
    fn a_kill_before_the_rename_leaves_the_old_file() -> Outcome {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("weights");
        write_atomic(&path, b"old")?;
        let mut file = AtomicFile::create(&path)?;
        file.write_all(b"half of the ne")?;
        file.flush()?;
        // A killed process runs no destructor.
        std::mem::forget(file);
        assert_eq!(fs::read(&path)?, b"old");
        write_atomic(&path, b"newer")?;
        assert_eq!(fs::read(&path)?, b"newer");
        Ok(())
    }

    #[test]
    fn a_dropped_file_is_removed() -> Outcome {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("weights");
        let mut file = AtomicFile::create(&path)?;
        file.write_all(&vec![1; 2 * BUFFER])?;
        assert_eq!(names(folder.path())?.len(), 1);
        drop(file);
        assert!(names(folder.path())?.is_empty());
        Ok(())
    }

    #[test]
    fn a_folder_is_not_replaced() -> Outcome {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("taken");
        fs::create_dir(&path)?;
        let error = write_atomic(&path, b"x").err().ok_or("was written")?;
        assert!(error.to_string().contains("taken"), "{error}");
        assert_eq!(names(folder.path())?, ["taken"]);
        Ok(())
    }

    #[test]
    fn a_missing_folder_is_named() -> Outcome {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("nowhere").join("file");
        let error = write_atomic(&path, b"x").err().ok_or("was written")?;
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(error.to_string().contains("nowhere"), "{error}");
        Ok(())
    }

    #[cfg(unix)]
    #[test]
    fn permissions_are_the_old_files_or_those_of_any_new_file() -> Outcome {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| fs::metadata(path).map(|m| m.permissions().mode() & 0o777);
        let folder = tempfile::tempdir()?;
        let (plain, path) = (folder.path().join("plain"), folder.path().join("path"));
        fs::write(&plain, b"x")?;
        write_atomic(&path, b"x")?;
        assert_eq!(mode(&path)?, mode(&plain)?);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640))?;
        write_atomic(&path, b"y")?;
        assert_eq!(mode(&path)?, 0o640);
        Ok(())
    }

    #[cfg(unix)]
    #[test]
    fn a_link_keeps_pointing_at_the_content() -> Outcome {
        let folder = tempfile::tempdir()?;
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        std::os::unix::fs::symlink("file", &link)?;
        // Whether there is a file already or not.
        for content in [b"old", b"new"] {
            write_atomic(&link, content)?;
            assert_eq!(fs::read(&file)?, content);
        }
        assert!(fs::symlink_metadata(&link)?.is_symlink());
        Ok(())
    }
}
