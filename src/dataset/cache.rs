//! Prepared volumes, computed once: kept in a folder, and in memory too up to a budget.
//!
//! What the folder holds is found by content: the key of an entry is a hash of the source files'
//! bytes, of the settings and of the format, so a changed file or setting is not answered with an old
//! volume. (A file that kept both its size and its time stamp counts as unchanged.) Every entry carries
//! a hash of itself; one that is damaged is computed again. What is doubtful about an image stands in its entry and is said
//! again by every run that finds it there.

mod body;
mod disk;
mod doubts;
mod entry;
mod error;
mod index;
mod labelled;
mod lock;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use self::disk::{Disk, Place};
use self::entry::{Entry, Key};
use self::lock::lock;
use crate::volume::{Volume, warn_of};

pub use self::doubts::WithDoubts;

/// What a [`Cache`] can keep: [`Volume`] for pre-training,
/// [`Labelled`](crate::transform::Labelled) for fine-tuning.
pub trait Cached: Entry + Send + Sync + 'static {}

impl<T: Entry + Send + Sync + 'static> Cached for T {}

/// A thread-safe cache of prepared volumes.
///
/// Memory is given to the first volumes that fit the budget and never taken back: training visits every
/// case once an epoch, and in such a cycle replacing the oldest would throw out what is needed next.
#[derive(Debug)]
pub struct Cache<T = Volume> {
    memory_limit: u64,
    memory_used: AtomicU64,
    disk: Option<Disk>,
    slots: Mutex<HashMap<SlotKey, Arc<Mutex<Slot<T>>>>>,
    counts: Counts,
}

/// Source files and settings.
type SlotKey = (Vec<PathBuf>, String);

/// One volume. Its lock is held while the volume is made, so that a second asker waits instead of
/// making it again.
#[derive(Debug)]
struct Slot<T> {
    /// Set when the budget has room for the volume.
    kept: Option<Arc<T>>,
    /// Finds the volume as long as anyone else still holds it.
    seen: Weak<T>,
    /// Finds it in the folder without a look at its files, which may be out of reach by then, or changed: then a volume
    /// that fits into memory and one that does not would differ.
    key: Option<Key>,
    /// Whether what is doubtful about the image has been said.
    doubts_said: bool,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self {
            kept: None,
            seen: Weak::new(),
            key: None,
            doubts_said: false,
        }
    }
}

#[derive(Debug, Default)]
struct Counts {
    memory: AtomicU64,
    disk: AtomicU64,
    built: AtomicU64,
}

/// How often a volume came from where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CacheCounts {
    /// Found in memory.
    pub memory: u64,
    /// Read from the cache folder.
    pub disk: u64,
    /// Computed.
    pub built: u64,
}

impl<T: Cached> Cache<T> {
    /// A cache that keeps up to `memory_bytes` of voxels in memory and, where `folder` is given, every
    /// volume in that folder. A folder that cannot be made or written to, or a full disk, costs one
    /// warning, and the cache goes on without it. Nothing is ever deleted from the folder.
    pub fn new(memory_bytes: u64, folder: Option<&Path>) -> Self {
        Self {
            memory_limit: memory_bytes,
            memory_used: AtomicU64::new(0),
            disk: folder.and_then(Disk::open),
            slots: Mutex::new(HashMap::new()),
            counts: Counts::default(),
        }
    }

    /// The volume that `build` makes from `sources`, from the cache where it is known. The first of `sources` is the
    /// image: what is doubtful about it is said when the volume is first got.
    ///
    /// `settings` stands for everything else the result depends on, and for the version of the code
    /// that computes it. Threads that ask for the same volume at the same time build it once. While
    /// this cache lives, a volume is not compared with its files again.
    ///
    /// # Errors
    /// Only those of `build`; nothing is cached then.
    pub fn get<E>(
        &self,
        sources: &[&Path],
        settings: &str,
        build: impl FnOnce() -> Result<WithDoubts<T>, E>,
    ) -> Result<Arc<T>, E> {
        let slot = self.slot(sources, settings);
        let mut slot = lock(&slot);
        if let Some(volume) = slot.kept.clone().or_else(|| slot.seen.upgrade()) {
            self.counts.memory.fetch_add(1, Ordering::Relaxed);
            return Ok(volume);
        }
        let volume = Arc::new(self.load_or_build(&mut slot, sources, settings, build)?);
        slot.seen = Arc::downgrade(&volume);
        slot.kept = self.reserve(&volume).then(|| Arc::clone(&volume));
        Ok(volume)
    }

    /// How often a volume came from where since the cache was made.
    pub fn counts(&self) -> CacheCounts {
        CacheCounts {
            memory: self.counts.memory.load(Ordering::Relaxed),
            disk: self.counts.disk.load(Ordering::Relaxed),
            built: self.counts.built.load(Ordering::Relaxed),
        }
    }

    /// Bytes of voxels kept in memory.
    pub fn memory_used(&self) -> u64 {
        self.memory_used.load(Ordering::Relaxed)
    }

    fn slot(&self, sources: &[&Path], settings: &str) -> Arc<Mutex<Slot<T>>> {
        let sources = sources.iter().map(|path| path.to_path_buf()).collect();
        let key = (sources, settings.to_owned());
        Arc::clone(lock(&self.slots).entry(key).or_default())
    }

    fn load_or_build<E>(
        &self,
        slot: &mut Slot<T>,
        sources: &[&Path],
        settings: &str,
        build: impl FnOnce() -> Result<WithDoubts<T>, E>,
    ) -> Result<T, E> {
        let said = &mut slot.doubts_said;
        let mut say = |doubts: &[String]| {
            if let (Some(image), false) = (sources.first(), *said) {
                warn_of(image, doubts);
            }
            *said = true;
        };
        let mut load = |place: &Place<'_>| {
            let WithDoubts { item, doubts } = place.load::<WithDoubts<T>>()?;
            self.counts.disk.fetch_add(1, Ordering::Relaxed);
            say(&doubts);
            Some(item)
        };
        let disk = self.disk.as_ref();
        if let Some((disk, key)) = disk.zip(slot.key)
            && let Some(volume) = load(&disk.at(key, Vec::new()))
        {
            return Ok(volume);
        }
        let place = disk.and_then(|disk| disk.place(sources, settings));
        slot.key = place.as_ref().map(Place::key);
        if let Some(volume) = place.as_ref().and_then(load) {
            return Ok(volume);
        }
        let built = build()?;
        say(&built.doubts);
        self.counts.built.fetch_add(1, Ordering::Relaxed);
        if let Some(place) = place {
            place.store(&built);
        }
        Ok(built.item)
    }

    /// Takes the volume's bytes from the budget; false where they do not fit.
    fn reserve(&self, volume: &T) -> bool {
        let bytes = u64::try_from(volume.bytes()).unwrap_or(u64::MAX);
        let take = |used: u64| {
            used.checked_add(bytes)
                .filter(|&sum| sum <= self.memory_limit)
        };
        self.memory_used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .is_ok()
    }
}

#[cfg(test)]
mod tests;
