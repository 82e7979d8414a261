//! The parts of a cache entry. All numbers are little-endian.

use std::io::{self, Read, Write};

use super::error::EntryError;
use crate::volume::Affine;

/// Voxels converted at a time, so that no second copy of the volume is made.
pub(super) const CHUNK: usize = 1 << 14;

/// Writes the parts of an entry and hashes them.
pub struct BodyWriter<'a> {
    out: &'a mut dyn Write,
    hasher: blake3::Hasher,
}

impl<'a> BodyWriter<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        let hasher = blake3::Hasher::new();
        Self { out, hasher }
    }

    /// The hash of everything written.
    pub(super) fn hash(self) -> [u8; 32] {
        self.hasher.finalize().into()
    }

    pub(super) fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.out.write_all(bytes)
    }

    pub(super) fn size(&mut self, size: usize) -> io::Result<()> {
        self.put(&u64::try_from(size).map_err(io::Error::other)?.to_le_bytes())
    }

    pub(super) fn sizes(&mut self, sizes: [usize; 3]) -> io::Result<()> {
        sizes.into_iter().try_for_each(|size| self.size(size))
    }

    pub(super) fn affine(&mut self, affine: &Affine) -> io::Result<()> {
        // nalgebra iterates column by column.
        for value in affine.transpose().iter() {
            self.put(&value.to_le_bytes())?;
        }
        Ok(())
    }

    pub(super) fn floats(&mut self, values: &[f32]) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(4 * CHUNK);
        for chunk in values.chunks(CHUNK) {
            bytes.clear();
            bytes.extend(chunk.iter().flat_map(|value| value.to_le_bytes()));
            self.put(&bytes)?;
        }
        Ok(())
    }
}

/// Reads the parts of an entry and hashes them. No more is ever asked for than the file has left.
pub struct BodyReader<'a> {
    input: &'a mut dyn Read,
    hasher: blake3::Hasher,
    length: u64,
    left: u64,
}

impl<'a> BodyReader<'a> {
    /// For a file of `length` bytes, the last `after` of which are no part.
    pub(super) fn new(input: &'a mut dyn Read, length: u64, after: u64) -> Self {
        Self {
            input,
            hasher: blake3::Hasher::new(),
            length,
            left: length.saturating_sub(after),
        }
    }

    /// The hash of everything read.
    ///
    /// # Errors
    /// [`EntryError::Length`] when something is left.
    pub(super) fn end(self) -> Result<[u8; 32], EntryError> {
        match self.left {
            0 => Ok(self.hasher.finalize().into()),
            _ => Err(self.wrong_length()),
        }
    }

    fn wrong_length(&self) -> EntryError {
        EntryError::Length { found: self.length }
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntryError> {
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.left = self
            .left
            .checked_sub(size)
            .ok_or_else(|| self.wrong_length())?;
        self.input.read_exact(bytes)?;
        self.hasher.update(bytes);
        Ok(())
    }

    pub(super) fn take<const N: usize>(&mut self) -> Result<[u8; N], EntryError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn size(&mut self) -> Result<usize, EntryError> {
        let stored = u64::from_le_bytes(self.take()?);
        usize::try_from(stored).map_err(|_| self.wrong_length())
    }

    pub(super) fn sizes(&mut self) -> Result<[usize; 3], EntryError> {
        Ok([self.size()?, self.size()?, self.size()?])
    }

    pub(super) fn affine(&mut self) -> Result<Affine, EntryError> {
        let mut values = [0.0; 16];
        for value in &mut values {
            *value = f64::from_le_bytes(self.take()?);
        }
        Ok(Affine::from_row_slice(&values))
    }

    /// The number of voxels of `shape`, which the file has at least one byte left for each.
    pub(super) fn count(&self, shape: [usize; 3]) -> Result<usize, EntryError> {
        let count = shape.iter().try_fold(1usize, |n, &m| n.checked_mul(m));
        count
            .filter(|&n| u64::try_from(n).is_ok_and(|n| n <= self.left))
            .ok_or_else(|| self.wrong_length())
    }

    /// Room for `count` values of `T`, which the file has left.
    fn room<T>(&self, count: usize) -> Result<Vec<T>, EntryError> {
        let size = count.checked_mul(size_of::<T>());
        size.filter(|&n| u64::try_from(n).is_ok_and(|n| n <= self.left))
            .ok_or_else(|| self.wrong_length())?;
        let mut values = Vec::new();
        values.try_reserve_exact(count).map_err(io::Error::other)?;
        Ok(values)
    }

    pub(super) fn floats(&mut self, count: usize) -> Result<Vec<f32>, EntryError> {
        let mut values = self.room(count)?;
        let mut bytes = vec![0; 4 * CHUNK];
        while values.len() < count {
            bytes.truncate(4 * (count - values.len()).min(CHUNK));
            self.fill(&mut bytes)?;
            let (chunks, _) = bytes.as_chunks();
            values.extend(chunks.iter().map(|&value| f32::from_le_bytes(value)));
        }
        Ok(values)
    }

    pub(super) fn bytes(&mut self, count: usize) -> Result<Vec<u8>, EntryError> {
        let mut values = self.room(count)?;
        values.resize(count, 0);
        self.fill(&mut values)?;
        Ok(values)
    }
}
