//! The file format of one cached volume.
//!
//! ```text
//! magic     8 bytes  "HUVOLUME"
//! version   u32      FORMAT_VERSION
//! key      32 bytes  the key the entry was stored under
//! shape     3 x u64
//! affine   16 x f64  row by row
//! voxels    n x f32  C order
//! hash     32 bytes  blake3 of everything before it
//! ```
//! All numbers are little-endian.

use std::io::{self, Read, Write};

use thiserror::Error;

use crate::volume::{Affine, Volume, VolumeError};

/// Raise it when the layout changes: it is part of every key, so old entries are then not found.
pub(super) const FORMAT_VERSION: u32 = 1;
const MAGIC: [u8; 8] = *b"HUVOLUME";
const HASH: usize = 32;
const HEADER: usize = MAGIC.len() + 4 + HASH + 3 * 8 + 16 * 8;
/// Voxels converted at a time, so that no second copy of the volume is made.
const CHUNK: usize = 1 << 14;

/// The key of an entry, a blake3 hash.
pub(super) type Key = [u8; HASH];

/// Why a file is not the entry it should be.
#[derive(Debug, Error)]
pub(super) enum EntryError {
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("is not a cached volume of this version")]
    Foreign,
    #[error("was stored under another key")]
    OtherKey,
    #[error("has {found} bytes where its header calls for another length")]
    Length { found: u64 },
    #[error("does not match its hash")]
    Hash,
    #[error("holds no valid volume: {0}")]
    Volume(#[from] VolumeError),
}

/// Writes an entry.
pub(super) fn write(volume: &Volume, key: &Key, out: &mut impl Write) -> io::Result<()> {
    let mut hasher = blake3::Hasher::new();
    let mut put = |bytes: &[u8]| {
        hasher.update(bytes);
        out.write_all(bytes)
    };
    let mut header = Vec::with_capacity(HEADER);
    header.extend(MAGIC);
    header.extend(FORMAT_VERSION.to_le_bytes());
    header.extend(key);
    for n in volume.shape() {
        header.extend(u64::try_from(n).map_err(io::Error::other)?.to_le_bytes());
    }
    // nalgebra iterates column by column.
    for value in volume.affine().transpose().iter() {
        header.extend(value.to_le_bytes());
    }
    put(&header)?;
    let mut bytes = Vec::with_capacity(4 * CHUNK);
    for chunk in volume.data().chunks(CHUNK) {
        bytes.clear();
        bytes.extend(chunk.iter().flat_map(|value| value.to_le_bytes()));
        put(&bytes)?;
    }
    let hash = hasher.finalize();
    out.write_all(hash.as_bytes())
}

/// Reads the entry stored under `key` from a file of `length` bytes.
pub(super) fn read(input: &mut impl Read, length: u64, key: &Key) -> Result<Volume, EntryError> {
    let length_error = || EntryError::Length { found: length };
    let overhead = u64::try_from(HEADER + HASH).map_err(|_| length_error())?;
    if length < overhead {
        return Err(length_error());
    }
    let mut header = [0; HEADER];
    input.read_exact(&mut header)?;
    let mut fields = Fields(&header);
    if fields.take()? != MAGIC || u32::from_le_bytes(fields.take()?) != FORMAT_VERSION {
        return Err(EntryError::Foreign);
    }
    if fields.take()? != *key {
        return Err(EntryError::OtherKey);
    }
    let mut shape = [0_u64; 3];
    for n in &mut shape {
        *n = u64::from_le_bytes(fields.take()?);
    }
    let mut affine = [0.0; 16];
    for value in &mut affine {
        *value = f64::from_le_bytes(fields.take()?);
    }

    // The length is compared before anything of that size is asked for.
    let count = shape
        .iter()
        .try_fold(1_u64, |product, &n| product.checked_mul(n));
    let count = count
        .filter(|n| {
            n.checked_mul(4)
                .and_then(|bytes| bytes.checked_add(overhead))
                == Some(length)
        })
        .and_then(|n| usize::try_from(n).ok())
        .ok_or_else(length_error)?;
    let mut data = Vec::new();
    data.try_reserve_exact(count).map_err(io::Error::other)?;

    let mut hasher = blake3::Hasher::new();
    hasher.update(&header);
    let mut bytes = vec![0; 4 * CHUNK];
    while data.len() < count {
        let size = 4 * (count - data.len()).min(CHUNK);
        bytes.truncate(size);
        input.read_exact(&mut bytes)?;
        hasher.update(&bytes);
        let (values, _) = bytes.as_chunks();
        data.extend(values.iter().map(|&value| f32::from_le_bytes(value)));
    }
    let mut hash = [0; HASH];
    input.read_exact(&mut hash)?;
    if hasher.finalize() != hash {
        return Err(EntryError::Hash);
    }
    let shape = shape.map(|n| usize::try_from(n).unwrap_or(usize::MAX));
    Ok(Volume::new(shape, data, Affine::from_row_slice(&affine))?)
}

/// Takes fixed-size fields off the front of a header.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], EntryError> {
        let (field, rest) = self.0.split_first_chunk().ok_or(EntryError::Foreign)?;
        self.0 = rest;
        Ok(*field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = [7; HASH];

    /// More voxels than one chunk, every bit pattern kept.
    fn volume() -> Result<Volume, VolumeError> {
        let shape = [3, 60, 101];
        let mut data: Vec<f32> = (0_u16..18180)
            .map(|i| f32::from(i) * 0.37 - 100.0)
            .collect();
        data[0] = -0.0;
        data[1] = f32::MIN_POSITIVE / 2.0;
        let affine = Affine::from_fn(|r, c| (4 * r + c) as f64 / 3.0);
        Volume::new(shape, data, affine)
    }

    fn written() -> Result<Vec<u8>, EntryError> {
        let mut bytes = Vec::new();
        write(&volume()?, &KEY, &mut bytes)?;
        Ok(bytes)
    }

    fn reread(bytes: &[u8]) -> Result<Volume, EntryError> {
        read(&mut &*bytes, bytes.len() as u64, &KEY)
    }

    #[test]
    fn an_entry_reads_back_to_the_bit() -> Result<(), EntryError> {
        let (before, after) = (volume()?, reread(&written()?)?);
        let bits = |volume: &Volume| {
            volume
                .data()
                .iter()
                .map(|v| v.to_bits())
                .collect::<Vec<_>>()
        };
        assert_eq!(after.shape(), before.shape());
        assert_eq!(after.affine(), before.affine());
        assert_eq!(bits(&after), bits(&before));
        Ok(())
    }

    #[test]
    fn any_changed_byte_is_noticed() -> Result<(), EntryError> {
        let good = written()?;
        for place in (0..HEADER).chain([HEADER + 4 * CHUNK, good.len() - HASH, good.len() - 1]) {
            let mut bad = good.clone();
            bad[place] ^= 0x10;
            assert!(reread(&bad).is_err(), "byte {place}");
        }
        Ok(())
    }

    #[test]
    fn any_other_length_is_noticed() -> Result<(), EntryError> {
        let good = written()?;
        for length in [0, 7, HEADER, HEADER + HASH, good.len() - 4, good.len() - 1] {
            assert!(reread(&good[..length]).is_err(), "{length} bytes");
        }
        let longer = [good, vec![0; 4]].concat();
        assert!(matches!(reread(&longer), Err(EntryError::Length { .. })));
        Ok(())
    }

    #[test]
    fn a_shape_that_overflows_is_refused_without_allocating() -> Result<(), EntryError> {
        let mut bad = written()?;
        let shape = 12 + HASH;
        bad[shape..shape + 24].fill(0xff);
        assert!(matches!(reread(&bad), Err(EntryError::Length { .. })));
        Ok(())
    }
}
