//! The file format of one cached volume, and the frame of every other cached item.
//!
//! ```text
//! magic     8 bytes  "HUVOLUME" for a volume
//! version   u32      FORMAT_VERSION
//! key      32 bytes  the key the entry was stored under
//! doubts             see `doubts.rs`
//! body
//! hash     32 bytes  blake3 of everything before it
//! ```
//! The body of a volume:
//! ```text
//! shape     3 x u64
//! affine   16 x f64  row by row
//! voxels    n x f32  C order
//! ```
//! All numbers are little-endian.

use std::io::{self, Read, Write};

use super::body::{BodyReader, BodyWriter};
use super::error::EntryError;
use crate::volume::Volume;

/// Raise it when the layout changes: it is part of every key, so old entries are then not found.
pub(super) const FORMAT_VERSION: u32 = 2;
const HASH: usize = 32;

/// The key of an entry, a blake3 hash.
pub(super) type Key = [u8; HASH];

/// What the cache can keep: its size in memory and its form in a file.
pub trait Entry: Sized {
    /// Marks the kind of a file.
    const MAGIC: [u8; 8];

    /// Bytes of voxels in memory.
    fn bytes(&self) -> usize;

    /// Writes the body.
    fn write(&self, out: &mut BodyWriter<'_>) -> io::Result<()>;

    /// Reads the body.
    fn read(input: &mut BodyReader<'_>) -> Result<Self, EntryError>;
}

impl Entry for Volume {
    const MAGIC: [u8; 8] = *b"HUVOLUME";

    fn bytes(&self) -> usize {
        size_of_val(self.data())
    }

    fn write(&self, out: &mut BodyWriter<'_>) -> io::Result<()> {
        out.sizes(self.shape())?;
        out.affine(self.affine())?;
        out.floats(self.data())
    }

    fn read(input: &mut BodyReader<'_>) -> Result<Self, EntryError> {
        let shape = input.sizes()?;
        let affine = input.affine()?;
        let data = input.floats(input.count(shape)?)?;
        Ok(Volume::new(shape, data, affine)?)
    }
}

/// Writes an entry.
pub(super) fn write<T: Entry>(item: &T, key: &Key, out: &mut impl Write) -> io::Result<()> {
    let mut body = BodyWriter::new(out);
    body.put(&T::MAGIC)?;
    body.put(&FORMAT_VERSION.to_le_bytes())?;
    body.put(key)?;
    item.write(&mut body)?;
    let hash = body.hash();
    out.write_all(&hash)
}

/// Reads the entry stored under `key` from a file of `length` bytes.
pub(super) fn read<T: Entry>(
    input: &mut impl Read,
    length: u64,
    key: &Key,
) -> Result<T, EntryError> {
    let mut body = BodyReader::new(input, length, HASH as u64);
    if body.take()? != T::MAGIC || u32::from_le_bytes(body.take()?) != FORMAT_VERSION {
        return Err(EntryError::Foreign);
    }
    if body.take()? != *key {
        return Err(EntryError::OtherKey);
    }
    let item = T::read(&mut body)?;
    let expected = body.end()?;
    let mut hash = [0; HASH];
    input.read_exact(&mut hash)?;
    match expected == hash {
        true => Ok(item),
        false => Err(EntryError::Hash),
    }
}

#[cfg(test)]
mod tests {
    use super::super::body::CHUNK;
    use super::*;
    use crate::volume::{Affine, VolumeError};

    const KEY: Key = [7; HASH];
    const HEADER: usize = 8 + 4 + HASH + 3 * 8 + 16 * 8;

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
