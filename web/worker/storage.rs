//! Autosave in the browser's private file system: what was dropped, and the run, in two copies that take turns, each
//! with a list that is written last.

use crate::host::Folder;
use hounsfield::platform::memory;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::rc::Rc;

const SLOTS: [&str; 2] = ["run-a", "run-b"];
const DATA: &str = "data";
const INDEX: &str = "index.json";

/// A named file.
pub(crate) type File = (String, Rc<Vec<u8>>);

/// What a slot holds: file `n` has the name `names[n]`.
#[derive(Debug, Serialize, Deserialize)]
struct Index {
    /// Counts the copies; the higher one is newer.
    number: u64,
    names: Vec<String>,
    sizes: Vec<usize>,
    /// What the page says of it.
    about: serde_json::Value,
}

/// A stored run.
pub(crate) struct Stored {
    pub(crate) number: u64,
    pub(crate) about: serde_json::Value,
    slot: &'static str,
    index: Index,
}

async fn index(folder: &Folder) -> Option<Index> {
    serde_json::from_slice(&folder.read(INDEX).await?).ok()
}

/// Writes files into a slot; a reader sees all of them or none.
async fn write(
    slot: &str,
    number: u64,
    files: &[File],
    about: serde_json::Value,
) -> Result<(), String> {
    Folder::remove(slot).await?;
    let folder = Folder::open(slot).await?;
    for (place, (_, bytes)) in files.iter().enumerate() {
        folder.write(&place.to_string(), bytes).await?;
    }
    let index = Index {
        number,
        names: files.iter().map(|(name, _)| name.clone()).collect(),
        sizes: files.iter().map(|(_, bytes)| bytes.len()).collect(),
        about,
    };
    let text = serde_json::to_vec(&index).map_err(|e| e.to_string())?;
    folder.write(INDEX, &text).await
}

/// File `place` of a slot, if it is whole.
async fn read(folder: &Folder, index: &Index, place: usize) -> Option<(String, Vec<u8>)> {
    let (name, size) = (index.names.get(place)?, index.sizes.get(place)?);
    let bytes = folder.read(&place.to_string()).await?;
    (bytes.len() == *size).then(|| (name.clone(), bytes))
}

/// The stored cases, read one after the other: together they may fill the memory.
pub(crate) struct StoredData {
    folder: Folder,
    index: Index,
}

impl StoredData {
    /// How many files there are.
    pub(crate) fn count(&self) -> usize {
        self.index.names.len()
    }

    /// A file, if it is whole.
    pub(crate) async fn file(&self, place: usize) -> Option<(String, Vec<u8>)> {
        read(&self.folder, &self.index, place).await
    }

    /// What was said of them.
    pub(crate) fn about(&self) -> &serde_json::Value {
        &self.index.about
    }
}

/// Keeps the cases of a run, all of them or none: a part is of no use and would take the room that the run needs.
pub(crate) async fn save_data(files: &[File], about: serde_json::Value) -> Result<(), String> {
    let written = write(DATA, 0, files, about).await;
    if written.is_err() {
        // What cannot be removed now goes when the next run begins.
        let _ = Folder::remove(DATA).await;
    }
    written
}

/// The cases of the stored run.
pub(crate) async fn data() -> Option<StoredData> {
    let folder = Folder::open(DATA).await.ok()?;
    let index = index(&folder).await?;
    Some(StoredData { folder, index })
}

/// Keeps all files of the run's folder as copy `number`; the copy before stays.
pub(crate) async fn save_run(
    files: &[File],
    number: u64,
    about: serde_json::Value,
) -> Result<(), String> {
    write(SLOTS[(number % 2) as usize], number, files, about).await
}

/// The stored runs that are complete, newest first.
pub(crate) async fn runs() -> Vec<Stored> {
    let mut found = Vec::new();
    for slot in SLOTS {
        let Ok(folder) = Folder::open(slot).await else {
            continue;
        };
        if let Some(index) = index(&folder).await {
            found.push(Stored {
                number: index.number,
                about: index.about.clone(),
                slot,
                index,
            });
        }
    }
    found.sort_by_key(|stored| std::cmp::Reverse(stored.number));
    found
}

/// Puts a stored run in the place of the run at hand.
pub(crate) async fn load(stored: &Stored, run: &Path) -> Option<()> {
    let folder = Folder::open(stored.slot).await.ok()?;
    let mut files = Vec::new();
    for place in 0..stored.index.names.len() {
        files.push(read(&folder, &stored.index, place).await?);
    }
    memory::remove(run);
    for (name, bytes) in files {
        hounsfield::platform::write_atomic(&run.join(name), &bytes).ok()?;
    }
    Some(())
}

/// Removes everything.
pub(crate) async fn forget() -> Result<(), String> {
    for slot in SLOTS.into_iter().chain([DATA]) {
        Folder::remove(slot).await?;
    }
    Ok(())
}
