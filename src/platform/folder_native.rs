//! Folders that appear whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::native::{folder_of, sync_folder, with_path};

/// A folder in the making, beside the one it will replace.
#[derive(Debug)]
pub struct AtomicFolder {
    temporary: PathBuf,
    target: PathBuf,
    committed: bool,
}

impl AtomicFolder {
    /// Starts a folder that will be `target`. What an interrupted attempt left is removed, and what it had moved away
    /// is brought back.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn create(target: &Path) -> io::Result<Self> {
        let temporary = beside(target, ".partial");
        remove(&temporary)?;
        let replaced = beside(target, ".old");
        if replaced.exists() && !target.exists() {
            fs::rename(&replaced, target).map_err(with_path("rename", &replaced))?;
        }
        fs::create_dir_all(&temporary).map_err(with_path("make the folder", &temporary))?;
        Ok(AtomicFolder {
            temporary,
            target: target.to_owned(),
            committed: false,
        })
    }

    /// Writes one file of the folder through to the disk.
    ///
    /// # Errors
    /// When it cannot be written; the message names it.
    pub fn file(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.temporary.join(name);
        let write = || {
            let mut file = File::create(&path)?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        write().map_err(with_path("write", &path))
    }

    /// Puts the folder in its place. What was there becomes `previous`, or is removed. A crash between the two
    /// renames leaves `previous` and no target, so a reader looks at both; without `previous` the next
    /// [`AtomicFolder::create`] brings back what was there.
    ///
    /// # Errors
    /// When a rename fails.
    pub fn commit(mut self, previous: Option<&Path>) -> io::Result<()> {
        sync_folder(&self.temporary).map_err(with_path("sync", &self.temporary))?;
        let replaced = beside(&self.target, ".old");
        if self.target.exists() {
            let away = previous.unwrap_or(&replaced);
            remove(away)?;
            fs::rename(&self.target, away).map_err(with_path("rename", &self.target))?;
        }
        fs::rename(&self.temporary, &self.target).map_err(with_path("rename", &self.temporary))?;
        self.committed = true;
        let parent = folder_of(&self.target);
        sync_folder(parent).map_err(with_path("sync", parent))?;
        if previous.is_none() {
            remove(&replaced)?;
        }
        Ok(())
    }
}

impl Drop for AtomicFolder {
    fn drop(&mut self) {
        if !self.committed {
            // Nothing can be reported here; the next attempt removes what is left.
            let _ = fs::remove_dir_all(&self.temporary);
        }
    }
}

/// The folder's name with an ending.
fn beside(target: &Path, ending: &str) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    target.with_file_name(name)
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(with_path("remove", folder)(error))
        }
        _ => Ok(()),
    }
}

/// Whether there is a file or folder of this name.
pub fn exists(path: &Path) -> bool {
    path.exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_committed_folder_replaces_the_old_one_and_keeps_it_as_previous() {
        let base = tempfile::tempdir().unwrap();
        let (last, previous) = (base.path().join("last"), base.path().join("previous"));
        for text in ["one", "two", "three"] {
            let mut folder = AtomicFolder::create(&last).unwrap();
            folder.file("a", text.as_bytes()).unwrap();
            folder.commit(Some(&previous)).unwrap();
        }
        assert_eq!(fs::read_to_string(last.join("a")).unwrap(), "three");
        assert_eq!(fs::read_to_string(previous.join("a")).unwrap(), "two");
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_a_crash_left_moved_away_is_brought_back() {
        let base = tempfile::tempdir().unwrap();
        let best = base.path().join("best");
        let mut folder = AtomicFolder::create(&best).unwrap();
        folder.file("a", b"one").unwrap();
        folder.commit(None).unwrap();
        // Between the two renames.
        fs::rename(&best, base.path().join("best.old")).unwrap();
        drop(AtomicFolder::create(&best).unwrap());
        assert_eq!(fs::read_to_string(best.join("a")).unwrap(), "one");
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_that_is_not_committed_changes_nothing() {
        let base = tempfile::tempdir().unwrap();
        let last = base.path().join("last");
        let mut folder = AtomicFolder::create(&last).unwrap();
        folder.file("a", b"one").unwrap();
        folder.commit(None).unwrap();
        let mut folder = AtomicFolder::create(&last).unwrap();
        folder.file("a", b"two").unwrap();
        drop(folder);
        assert_eq!(fs::read_to_string(last.join("a")).unwrap(), "one");
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 1);
    }
}
