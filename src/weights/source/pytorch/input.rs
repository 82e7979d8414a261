//! The bytes of a pickle, taken one piece after the other.

use crate::weights::source::ReadError;

/// Longest pickle. That of a full-size checkpoint with its optimiser has about 200 kB.
const MAX_PICKLE: usize = 64 << 20;

/// What is left of a pickle.
pub(super) struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

pub(super) fn damaged(what: &str) -> ReadError {
    ReadError::Damaged(format!("its pickle {what}"))
}

impl<'a> Input<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Input {
            bytes: bytes.get(..MAX_PICKLE).unwrap_or(bytes),
            at: 0,
        }
    }

    /// How many bytes were taken.
    pub(super) fn consumed(&self) -> usize {
        self.at
    }

    pub(super) fn slice(&mut self, length: usize) -> Result<&'a [u8], ReadError> {
        let end = self.at.checked_add(length);
        let slice = end.and_then(|end| self.bytes.get(self.at..end));
        let slice = slice.ok_or_else(|| damaged("is cut short or longer than 64 MiB"))?;
        self.at += length;
        Ok(slice)
    }

    pub(super) fn take<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.slice(N)?);
        Ok(bytes)
    }

    /// A little-endian number without sign of at most eight bytes.
    pub(super) fn number<const N: usize>(&mut self) -> Result<usize, ReadError> {
        let mut wide = [0; 8];
        wide[..N].copy_from_slice(&self.take::<N>()?);
        usize::try_from(u64::from_le_bytes(wide)).map_err(|_| damaged("has an impossible length"))
    }

    /// Up to the end of the line.
    pub(super) fn line(&mut self) -> Result<&'a str, ReadError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = rest
            .iter()
            .position(|byte| *byte == b'\n')
            .ok_or_else(|| damaged("is cut short"))?;
        let line = self.slice(length + 1)?;
        str::from_utf8(&line[..length]).map_err(|_| damaged("has a name that is no text"))
    }
}

/// Up to eight bytes as a number.
pub(super) fn little_endian(bytes: &[u8], signed: bool) -> i64 {
    let negative = signed && bytes.last().is_some_and(|byte| *byte >= 0x80);
    let mut wide = [if negative { 0xff } else { 0 }; 8];
    wide[..bytes.len()].copy_from_slice(bytes);
    i64::from_le_bytes(wide)
}
