//! The directory of a zip archive whose entries are stored as they are, as PyTorch writes them (also ZIP64).
//!
//! Entries are slices of the archive, so nothing here can grow beyond the file. Layouts: PKWARE's APPNOTE.

use crate::weights::source::ReadError;
use flate2::Crc;
use std::collections::BTreeMap;
use std::ops::Range;

/// Smallest directory entry in bytes.
const MIN_ENTRY: usize = 46;
/// Size of the end record without its comment.
const END: usize = 22;

/// The entries of an archive by name.
#[derive(Debug)]
pub struct Archive<'a>(BTreeMap<&'a str, Entry<'a>>);

#[derive(Debug)]
struct Entry<'a> {
    bytes: &'a [u8],
    /// Where its local header and its bytes lie in the file.
    span: Range<usize>,
    crc: u32,
    /// Why the bytes are not the contents.
    changed: Option<&'static str>,
}

/// Little-endian numbers at places of a byte string.
struct At<'a>(&'a [u8]);

impl At<'_> {
    fn bytes<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.0.get(at..at.checked_add(N)?)?.try_into().ok()
    }
    fn u16(&self, at: usize) -> Option<usize> {
        self.bytes(at).map(|b| usize::from(u16::from_le_bytes(b)))
    }
    fn u32(&self, at: usize) -> Option<u32> {
        self.bytes(at).map(u32::from_le_bytes)
    }
    fn u64(&self, at: usize) -> Option<u64> {
        self.bytes(at).map(u64::from_le_bytes)
    }
}

impl<'a> Archive<'a> {
    /// Reads the directory at the end of the file.
    ///
    /// # Errors
    /// [`ReadError::Damaged`] for a file that was cut short or whose entries lie outside it, twice in it or in each
    /// other.
    pub fn open(file: &'a [u8]) -> Result<Self, ReadError> {
        let (count, start) = find_directory(file)
            .ok_or_else(|| ReadError::damaged("the zip directory at its end is missing"))?;
        let mut entries = BTreeMap::new();
        let mut at = start;
        for _ in 0..count {
            let (name, entry, next) = read_entry(file, at)?;
            if entries.insert(name, entry).is_some() {
                return Err(ReadError::damaged(format!("two zip entries named {name}")));
            }
            at = next;
        }
        check_apart(&entries)?;
        Ok(Archive(entries))
    }

    /// Names of all entries.
    pub fn names(&self) -> impl Iterator<Item = &'a str> {
        self.0.keys().copied()
    }

    /// Whether there is an entry of this name.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The bytes of an entry, not compared with their checksum.
    ///
    /// # Errors
    /// [`ReadError::Unsupported`] for compressed and encrypted ones.
    pub fn bytes(&self, name: &str) -> Result<Option<&'a [u8]>, ReadError> {
        let Some(entry) = self.0.get(name) else {
            return Ok(None);
        };
        match entry.changed {
            None => Ok(Some(entry.bytes)),
            Some(how) => Err(ReadError::Unsupported {
                what: format!(
                    "zip entry {name} is {how}, which weights in PyTorch files never are"
                ),
                remedy: "unpack the archive and store it without compression (zip -0), or save it anew with torch.save",
            }),
        }
    }

    /// Compares an entry with its checksum, if it has one: PyTorch can leave it out.
    ///
    /// # Errors
    /// [`ReadError::Damaged`] where it differs.
    pub fn verify(&self, name: &str) -> Result<(), ReadError> {
        let Some(entry) = self
            .0
            .get(name)
            .filter(|entry| entry.crc != 0 && entry.changed.is_none())
        else {
            return Ok(());
        };
        if checksum(entry.bytes) == entry.crc {
            Ok(())
        } else {
            Err(ReadError::damaged(format!(
                "zip entry {name} does not match its checksum"
            )))
        }
    }
}

/// Refuses entries that share bytes: each is compared with its checksum, so a short file could claim endless work.
fn check_apart(entries: &BTreeMap<&str, Entry<'_>>) -> Result<(), ReadError> {
    let mut spans: Vec<(&Range<usize>, &str)> = entries
        .iter()
        .map(|(name, entry)| (&entry.span, *name))
        .collect();
    spans.sort_unstable_by_key(|(span, _)| (span.start, span.end));
    for pair in spans.windows(2) {
        if let [(before, first), (after, second)] = pair
            && after.start < before.end
        {
            return Err(ReadError::damaged(format!(
                "zip entries {first} and {second} overlap"
            )));
        }
    }
    Ok(())
}

/// CRC-32 as zip archives use it.
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// Number of entries and where they are described.
fn find_directory(file: &[u8]) -> Option<(u64, usize)> {
    let numbers = At(file);
    let last = file.len().checked_sub(END)?;
    // A comment of up to 65535 bytes may follow the end record.
    let end = (last.saturating_sub(usize::from(u16::MAX))..=last)
        .rev()
        .find(|at| {
            numbers.u32(*at) == Some(0x0605_4b50)
                && numbers
                    .u16(at + 20)
                    .is_some_and(|comment| at + END + comment <= file.len())
        })?;
    let wide = end
        .checked_sub(20)
        .filter(|locator| numbers.u32(*locator) == Some(0x0706_4b50));
    match wide {
        Some(locator) => {
            let record = usize::try_from(numbers.u64(locator + 8)?).ok()?;
            if numbers.u32(record)? != 0x0606_4b50 {
                return None;
            }
            let start = usize::try_from(numbers.u64(record.checked_add(48)?)?).ok()?;
            Some((numbers.u64(record.checked_add(32)?)?, start))
        }
        None => {
            let start = usize::try_from(numbers.u32(end + 16)?).ok()?;
            Some((numbers.u16(end + 10)? as u64, start))
        }
    }
}

/// The entry described at a place, and the place of the next.
fn read_entry(file: &[u8], at: usize) -> Result<(&str, Entry<'_>, usize), ReadError> {
    let cut = || ReadError::damaged("its zip directory is cut short");
    if file.len().saturating_sub(at) < MIN_ENTRY {
        return Err(cut());
    }
    let numbers = At(file);
    let half = |offset: usize| numbers.u16(at + offset).ok_or_else(cut);
    let word = |offset: usize| numbers.u32(at + offset).ok_or_else(cut);
    if word(0)? != 0x0201_4b50 {
        return Err(cut());
    }
    let (flags, method) = (half(8)?, half(10)?);
    let (name_end, extra, comment) = (at + MIN_ENTRY + half(28)?, half(30)?, half(32)?);
    let name = file.get(at + MIN_ENTRY..name_end).ok_or_else(cut)?;
    let name =
        str::from_utf8(name).map_err(|_| ReadError::damaged("a zip entry's name is not UTF-8"))?;
    if name.chars().any(char::is_control) {
        let name = name.escape_debug();
        return Err(ReadError::damaged(format!(
            "a zip entry's name with control characters, {name}"
        )));
    }
    let extra_bytes = file.get(name_end..name_end + extra).ok_or_else(cut)?;
    let changed = match (flags & 1, method) {
        (0, 0) => None,
        (0, _) => Some("compressed"),
        _ => Some("encrypted"),
    };
    let mut wide = WideFields::find(extra_bytes);
    // ZIP64: a field of all ones stands in the extra part, in this order.
    let size = wide.or(word(24)?).ok_or_else(cut)?;
    let stored = wide.or(word(20)?).ok_or_else(cut)?;
    let header = wide.or(word(42)?).ok_or_else(cut)?;
    let outside = || ReadError::damaged(format!("zip entry {name} lies outside the file"));
    if size != stored && changed.is_none() {
        return Err(ReadError::damaged(format!(
            "zip entry {name} has two sizes, {size} and {stored}"
        )));
    }
    let header = usize::try_from(header).map_err(|_| outside())?;
    let size = usize::try_from(stored).map_err(|_| outside())?;
    let place = entry_place(file, header, name, size).ok_or_else(outside)?;
    let span = header..place.end;
    let bytes = file.get(place).ok_or_else(outside)?;
    let crc = word(16)?;
    Ok((
        name,
        Entry {
            bytes,
            span,
            crc,
            changed,
        },
        name_end + extra + comment,
    ))
}

/// Where the bytes behind the local header of an entry lie.
fn entry_place(file: &[u8], header: usize, name: &str, size: usize) -> Option<Range<usize>> {
    let local = file.get(header..)?;
    let numbers = At(local);
    let (name_len, extra) = (numbers.u16(26)?, numbers.u16(28)?);
    let named = local.get(30..30 + name_len) == Some(name.as_bytes());
    if numbers.u32(0)? != 0x0403_4b50 || !named {
        return None;
    }
    let start = header + 30 + name_len + extra;
    Some(start..start.checked_add(size)?)
}

/// The eight-byte fields of a ZIP64 extra part, taken one after the other.
struct WideFields<'a>(&'a [u8]);

impl<'a> WideFields<'a> {
    fn find(mut extra: &'a [u8]) -> Self {
        while let (Some(id), Some(len)) = (At(extra).u16(0), At(extra).u16(2)) {
            let Some(body) = extra.get(4..4 + len) else {
                break;
            };
            if id == 1 {
                return WideFields(body);
            }
            extra = &extra[4 + len..];
        }
        WideFields(&[])
    }

    /// The short field, or the next wide one where the short one says so.
    fn or(&mut self, short: u32) -> Option<u64> {
        if short != u32::MAX {
            return Some(u64::from(short));
        }
        let (field, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*field))
    }
}
