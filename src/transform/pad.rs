//! Padding with zeros (pipeline specification, section 2.7).

use super::TransformError;
use super::foreground::row_starts;
use super::grid::{shifted, zeros};
use crate::volume::{Region, Volume};

/// Pads every axis of `v` shorter than `size` with zeros up to `size`, half of them (rounded
/// down) before; longer axes are left alone. The affine moves so that voxels keep their position.
///
/// # Errors
/// [`TransformError::TooLarge`] when the result does not fit into memory.
pub fn pad_to(v: Volume, size: [usize; 3]) -> Result<Volume, TransformError> {
    let inner = v.shape();
    let shape: [usize; 3] = std::array::from_fn(|a| inner[a].max(size[a]));
    if shape == inner {
        return Ok(v);
    }
    let start: [usize; 3] = std::array::from_fn(|a| (shape[a] - inner[a]) / 2);
    let affine = shifted(v.affine(), start.map(|s| -(s as f64)));
    let mut out = zeros(shape)?;
    if !inner.contains(&0) {
        let starts = row_starts(shape, Region { start, size: inner });
        for (row, start) in v.data().chunks_exact(inner[2]).zip(starts) {
            out[start..][..inner[2]].copy_from_slice(row);
        }
    }
    Ok(Volume::new(shape, out, affine)?)
}
