//! Remembers the content hash of source files, so that unchanged files are not read again.
//!
//! The file holds one JSON object a line and only grows; the last line about a path counts. A line that
//! cannot be read is skipped: the worst a damaged index does is to have a file hashed again.

use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::io;
use std::path::Path;
use std::sync::Mutex;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::lock::lock;
use crate::platform::AppendFile;

/// A file changed this recently, in nanoseconds, may change again without its time stamp showing it.
const SETTLED: u64 = 2_000_000_000;

/// Size and time of a file: if both are as before, so is its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    bytes: u64,
    /// Nanoseconds since 1970, negative before: some shares and archives date files in 1601.
    modified: i64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    path: String,
    #[serde(flatten)]
    stamp: Stamp,
    blake3: String,
}

/// The content hashes known so far.
#[derive(Debug)]
pub(super) struct Index {
    known: Mutex<HashMap<String, (Stamp, blake3::Hash)>>,
    /// `None` where the file cannot be written to; the index then lasts as long as the process.
    log: Mutex<Option<AppendFile>>,
}

impl Stamp {
    /// The stamp of a file.
    pub(super) fn of(path: &Path) -> io::Result<Stamp> {
        Stamp::from_metadata(&fs::metadata(path)?)
    }

    fn from_metadata(metadata: &Metadata) -> io::Result<Stamp> {
        Ok(Stamp {
            bytes: metadata.len(),
            modified: since_1970(metadata.modified()?),
        })
    }

    /// A date in the future, from a clock that was wrong, shows a change as well as one as far back.
    fn settled(&self) -> bool {
        since_1970(SystemTime::now()).abs_diff(self.modified) >= SETTLED
    }
}

/// Nanoseconds; the ends of the range, in 1677 and 2262, stand for all times beyond them.
fn since_1970(time: SystemTime) -> i64 {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => {
            let before = i64::try_from(before.duration().as_nanos());
            before.map_or(i64::MIN, |nanoseconds| -nanoseconds)
        }
    }
}

impl Index {
    /// Reads the index file; without one it starts empty.
    pub(super) fn open(path: &Path) -> Index {
        let text = fs::read(path).unwrap_or_default();
        let mut known = HashMap::new();
        for line in text.split(|&byte| byte == b'\n') {
            let Ok(record) = serde_json::from_slice::<Record>(line) else {
                continue;
            };
            if let Ok(hash) = blake3::Hash::from_hex(&record.blake3) {
                known.insert(record.path, (record.stamp, hash));
            }
        }
        let log = AppendFile::open(path)
            .inspect_err(|error| {
                log::warn!("new source files will be hashed again in the next run: {error}")
            })
            .ok();
        Index {
            known: Mutex::new(known),
            log: Mutex::new(log),
        }
    }

    /// The blake3 hash of a file's content, and the stamp it had before it was read; none where the file was changed so
    /// shortly before that the stamp would not show another change.
    pub(super) fn content(&self, path: &Path) -> io::Result<(blake3::Hash, Option<Stamp>)> {
        let stamp = Stamp::of(path)?;
        // Now: reading a large file takes longer than it takes to settle.
        let settled = stamp.settled();
        // A path that is no text cannot stand in the index; its file is hashed each time.
        let absolute = std::path::absolute(path)?.to_str().map(str::to_owned);
        if let Some(path) = &absolute
            && let Some((known, hash)) = lock(&self.known).get(path)
            && *known == stamp
        {
            return Ok((*hash, Some(stamp)));
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(fs::File::open(path)?)?;
        let hash = hasher.finalize();
        if let Some(absolute) = absolute
            && settled
            && Stamp::of(path)? == stamp
        {
            self.remember(absolute, stamp, hash);
        }
        Ok((hash, settled.then_some(stamp)))
    }

    fn remember(&self, path: String, stamp: Stamp, hash: blake3::Hash) {
        let record = Record {
            path: path.clone(),
            stamp,
            blake3: hash.to_hex().to_string(),
        };
        lock(&self.known).insert(path, (stamp, hash));
        let mut log = lock(&self.log);
        // The line break in front keeps this line whole after one that a crash cut short.
        let appended = serde_json::to_string(&record)
            .map_err(io::Error::other)
            .and_then(|text| match log.as_mut() {
                Some(file) => file.append(format!("\n{text}\n").as_bytes()),
                None => Ok(()),
            });
        if let Err(error) = appended {
            log::warn!("source files will be hashed again in the next run: {error}");
            *log = None;
        }
    }
}
