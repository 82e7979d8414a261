//! Padding with zeros (specification 2.7).

use super::TransformError;
use super::grid::{shifted, zeros};
use crate::volume::{Region, Volume};

/// Pads every axis of `v` shorter than `size` with zeros up to `size`, half of them (rounded
/// down) before; longer axes are left alone. The affine moves so that voxels keep their position.
///
/// # Errors
/// [`TransformError::TooLarge`] when the result does not fit into memory.
pub fn pad_to(v: Volume, size: [usize; 3]) -> Result<Volume, TransformError> {
    let inner = v.shape();
    let (shape, place) = padding(inner, size);
    if shape == inner {
        return Ok(v);
    }
    let affine = shifted(v.affine(), place.start.map(|s| -(s as f64)));
    let data = padded(v.into_data(), shape, place)?;
    Ok(Volume::new(shape, data, affine)?)
}

/// The shape after padding, and where the original of `inner` voxels lies in it.
pub(super) fn padding(inner: [usize; 3], size: [usize; 3]) -> ([usize; 3], Region) {
    let shape: [usize; 3] = std::array::from_fn(|a| inner[a].max(size[a]));
    let start = std::array::from_fn(|a| (shape[a] - inner[a]) / 2);
    (shape, Region { start, size: inner })
}

/// Zeros of `shape` with `data` at `place`.
pub(super) fn padded<T: Copy + Default>(
    data: Vec<T>,
    shape: [usize; 3],
    place: Region,
) -> Result<Vec<T>, TransformError> {
    if shape == place.size {
        return Ok(data);
    }
    let mut out = zeros(shape)?;
    let rows = data.chunks_exact(place.size[2].max(1));
    for (row, start) in rows.zip(place.row_starts(shape)) {
        out[start..][..place.size[2]].copy_from_slice(row);
    }
    Ok(out)
}
