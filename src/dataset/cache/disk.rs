//! The cache folder.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::entry::{self, Entry, FORMAT_VERSION, Key};
use super::error::EntryError;
use super::index::{Index, Stamp};
use crate::platform::{AtomicFile, is_temporary};
use crate::volume::files_of;

const INDEX: &str = "sources.jsonl";
const EXTENSION: &str = "huvol";
/// Nobody writes one file for this long.
const ABANDONED: Duration = Duration::from_secs(24 * 3600);

/// A folder of entries and the index of the files they were made from.
#[derive(Debug)]
pub(super) struct Disk {
    folder: PathBuf,
    index: Index,
    /// False after the first entry that could not be written.
    writable: AtomicBool,
}

/// Where the volume of one set of source files and settings is kept.
#[derive(Debug)]
pub(super) struct Place<'a> {
    disk: &'a Disk,
    key: Key,
    path: PathBuf,
    sources: Vec<Source>,
}

/// A file, and the stamp that shows whether it changed, where one does.
type Source = (PathBuf, Option<Stamp>);

impl Disk {
    /// Makes the folder where needed; `None`, with a warning, where that fails.
    pub(super) fn open(folder: &Path) -> Option<Disk> {
        if let Err(error) = fs::create_dir_all(folder) {
            log::warn!(
                "going on without a cache on disk: cannot make the folder {}: {error}",
                folder.display()
            );
            return None;
        }
        remove_abandoned(folder);
        Some(Disk {
            folder: folder.to_path_buf(),
            index: Index::open(&folder.join(INDEX)),
            writable: AtomicBool::new(true),
        })
    }

    /// The place for what is made from `sources`. `None` where one cannot be read: whoever builds the
    /// volume will meet the same error and report it.
    pub(super) fn place(&self, sources: &[&Path], settings: &str) -> Option<Place<'_>> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&FORMAT_VERSION.to_le_bytes());
        // Hashes of fixed length keep the parts apart, whatever they hold.
        hasher.update(blake3::hash(settings.as_bytes()).as_bytes());
        let mut files = Vec::new();
        for source in sources {
            for file in files_of(source) {
                let (content, stamp) = self.index.content(&file).ok()?;
                hasher.update(content.as_bytes());
                files.push((file, stamp));
            }
        }
        Some(self.at(hasher.finalize().into(), files))
    }

    /// The place of a key, for what is made from `sources`.
    pub(super) fn at(&self, key: Key, sources: Vec<Source>) -> Place<'_> {
        let name = blake3::Hash::from(key).to_hex();
        let path = self.folder.join(name.as_str());
        Place {
            disk: self,
            path: path.with_extension(EXTENSION),
            key,
            sources,
        }
    }
}

/// Removes what processes left that were killed while they wrote: copies of scans that nobody would find again.
fn remove_abandoned(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let age = |data: fs::Metadata| data.modified().ok()?.elapsed().ok();
        let age = entry.metadata().ok().and_then(age);
        let abandoned = is_temporary(&entry.file_name()) && age.is_some_and(|age| age > ABANDONED);
        if abandoned && let Err(error) = fs::remove_file(entry.path()) {
            log::debug!("cannot remove {}: {error}", entry.path().display());
        }
    }
}

impl Place<'_> {
    /// Finds the place again.
    pub(super) fn key(&self) -> Key {
        self.key
    }

    /// The item, if the folder has it whole.
    pub(super) fn load<T: Entry>(&self) -> Option<T> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                self.warn_unusable(&error.into());
                return None;
            }
        };
        let item = file
            .metadata()
            .map_err(EntryError::from)
            .and_then(|data| entry::read(&mut BufReader::new(file), data.len(), &self.key));
        item.inspect_err(|error| self.warn_unusable(error)).ok()
    }

    /// Stores the item, unless a source file changed since its hash was taken, or may have: the item may then be of
    /// the new content.
    pub(super) fn store(&self, item: &impl Entry) {
        let unchanged = |(path, stamp): &Source| stamp.is_some() && Stamp::of(path).ok() == *stamp;
        if !self.disk.writable.load(Ordering::Relaxed) || !self.sources.iter().all(unchanged) {
            return;
        }
        let written = AtomicFile::create(&self.path).and_then(|mut file| {
            entry::write(item, &self.key, &mut file)?;
            file.commit()
        });
        if let Err(error) = written
            && self.disk.writable.swap(false, Ordering::Relaxed)
        {
            log::warn!("going on without writing to the cache on disk: {error}");
        }
    }

    fn warn_unusable(&self, error: &EntryError) {
        log::warn!(
            "cache entry {} {error}; computing it again",
            self.path.display()
        );
    }
}
