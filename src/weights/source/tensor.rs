//! A tensor of a weights file: where its numbers lie, checked against the bytes that are there.

use crate::weights::source::{ElementType, ReadError};

/// Most axes a tensor may have.
pub(super) const MAX_AXES: usize = 16;

/// A tensor whose numbers are still bytes of the file.
#[derive(Debug, Clone)]
pub struct StoredTensor<'a> {
    /// Its name in the file.
    pub name: String,
    /// Sizes of its axes.
    pub shape: Vec<usize>,
    /// Type of its numbers.
    pub element: ElementType,
    /// Distance between neighbours on each axis, in numbers.
    strides: Vec<usize>,
    /// Bytes from the first number to the end of the storage.
    bytes: &'a [u8],
    big_endian: bool,
}

/// Where the numbers of a tensor lie within a storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placement {
    pub(super) shape: Vec<usize>,
    /// In numbers.
    pub(super) strides: Vec<usize>,
    /// First number.
    pub(super) offset: usize,
}

impl<'a> StoredTensor<'a> {
    /// A tensor within a storage.
    ///
    /// # Errors
    /// [`ReadError::Damaged`] where a number of it would lie outside the storage. A view may repeat numbers: how many all
    /// tensors have is for the caller to bound.
    pub(super) fn new(
        name: String,
        element: ElementType,
        placement: Placement,
        storage: &'a [u8],
        big_endian: bool,
    ) -> Result<Self, ReadError> {
        let Placement {
            shape,
            strides,
            offset,
        } = placement;
        let outside = || {
            ReadError::Damaged(format!(
                "tensor {name} of shape {shape:?} reaches beyond its {} bytes",
                storage.len()
            ))
        };
        if shape.len() > MAX_AXES || strides.len() != shape.len() {
            return Err(ReadError::Damaged(format!(
                "tensor {name} has {} axes and {} strides",
                shape.len(),
                strides.len()
            )));
        }
        let size = element.size();
        let available = storage.len().checked_div(size).unwrap_or(0);
        let count = shape
            .iter()
            .try_fold(1usize, |count, n| count.checked_mul(*n))
            .ok_or_else(outside)?;
        let bytes = if count == 0 || size == 0 {
            &[]
        } else {
            let last = shape
                .iter()
                .zip(&strides)
                .try_fold(offset, |at, (n, stride)| {
                    at.checked_add((n - 1).checked_mul(*stride)?)
                });
            if last.is_none_or(|last| last >= available) {
                return Err(outside());
            }
            storage.get(offset * size..).unwrap_or_default()
        };
        Ok(StoredTensor {
            name,
            shape,
            element,
            strides,
            bytes,
            big_endian,
        })
    }

    /// How many numbers it has.
    pub fn count(&self) -> usize {
        self.shape.iter().product()
    }

    /// Its numbers in C order. Empty where the type is no float.
    pub fn values(&self) -> Vec<f32> {
        if !self.element.is_float() || self.count() == 0 {
            return Vec::new();
        }
        let size = self.element.size();
        let run = self.contiguous_axes();
        let (outer, inner) = self.shape.split_at(self.shape.len() - run);
        let run_bytes = inner.iter().product::<usize>() * size;
        let mut out = Vec::with_capacity(self.count());
        let mut index = vec![0; outer.len()];
        // Runs of neighbours in the order of the outer axes, the last of which turns fastest.
        loop {
            let at = index
                .iter()
                .zip(&self.strides)
                .map(|(i, stride)| i * stride)
                .sum::<usize>()
                * size;
            let bytes = self.bytes.get(at..at + run_bytes).unwrap_or_default();
            self.element.decode(bytes, self.big_endian, &mut out);
            let Some(axis) = (0..outer.len()).rev().find(|k| index[*k] + 1 < outer[*k]) else {
                return out;
            };
            index[axis] += 1;
            index[axis + 1..].fill(0);
        }
    }

    /// How many of the last axes lie in C order without gaps.
    fn contiguous_axes(&self) -> usize {
        let mut expected = 1;
        let axes = self.shape.iter().zip(&self.strides).rev();
        axes.take_while(|(n, stride)| {
            let fits = **n == 1 || **stride == expected;
            expected *= **n;
            fits
        })
        .count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(shape: &[usize], strides: &[usize], offset: usize) -> Result<Vec<f32>, ReadError> {
        let storage: Vec<u8> = (0..12).flat_map(|i| (i as f32).to_le_bytes()).collect();
        let placement = Placement {
            shape: shape.to_vec(),
            strides: strides.to_vec(),
            offset,
        };
        StoredTensor::new("t".into(), ElementType::F32, placement, &storage, false)
            .map(|t| t.values())
    }

    #[test]
    fn strides_and_offsets_are_honoured() {
        let got =
            |shape: &[usize], strides: &[usize], offset| tensor(shape, strides, offset).unwrap();
        assert_eq!(got(&[2, 3], &[3, 1], 0), [0., 1., 2., 3., 4., 5.]);
        assert_eq!(got(&[3, 2], &[1, 3], 6), [6., 9., 7., 10., 8., 11.]);
        assert_eq!(got(&[2, 2], &[6, 2], 1), [1., 3., 7., 9.]);
        assert_eq!(got(&[2, 1, 2], &[4, 99, 1], 0), [0., 1., 4., 5.]);
        assert_eq!(got(&[], &[], 11), [11.]);
        assert_eq!(got(&[0, 5], &[5, 1], 99), [0f32; 0]);
        // As `expand` makes them: more numbers than the storage has.
        assert_eq!(got(&[9, 2], &[0, 1], 3), [3., 4.].repeat(9));
    }

    #[test]
    fn tensors_outside_their_storage_are_refused() {
        for (shape, strides, offset) in [
            (&[13][..], &[1][..], 0),
            (&[12], &[1], 1),
            (&[2, 2], &[11, 1], 0),
            (&[1 << 40], &[0], 12),
            (&[usize::MAX, 2], &[1, 1], 0),
            (&[2], &[usize::MAX], 1),
            (&[2], &[1, 1], 0),
        ] {
            let error = tensor(shape, strides, offset).unwrap_err();
            assert!(matches!(error, ReadError::Damaged(_)), "{shape:?}: {error}");
        }
    }
}
