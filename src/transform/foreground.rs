//! The bounding box of the foreground, and cropping (specification 2.6).

use std::ops::Range;

use super::TransformError;
use super::grid::{shifted, zeros};
use crate::volume::{Region, Volume};

/// The smallest region that holds every voxel with a value above 0, or `None` without any.
pub fn foreground_box(v: &Volume) -> Option<Region> {
    bounds(v.data(), v.shape(), Background::up_to(0.0)).region()
}

/// The voxels of `r` as a volume of their own; the affine moves with them.
///
/// # Errors
/// [`TransformError::RegionOutside`] when `r` does not lie inside `v`.
pub fn crop(v: &Volume, r: Region) -> Result<Volume, TransformError> {
    let shape = v.shape();
    if !r.fits(shape) {
        return Err(TransformError::RegionOutside { region: r, shape });
    }
    let affine = shifted(v.affine(), r.start.map(|s| s as f64));
    Ok(Volume::new(r.size, cut(v.data(), shape, r)?, affine)?)
}

/// The values of `r`, which lies inside `shape`.
pub(super) fn cut<T: Copy + Default>(
    data: &[T],
    shape: [usize; 3],
    r: Region,
) -> Result<Vec<T>, TransformError> {
    let mut out = zeros(r.size)?;
    r.copy(data, shape, &mut out);
    Ok(out)
}

/// The values that are not foreground: those from `low` to `high`, and NaN.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Background {
    low: f32,
    high: f32,
}

impl Background {
    /// Everything that is not above `threshold`.
    pub(super) fn up_to(threshold: f32) -> Self {
        Self {
            low: f32::NEG_INFINITY,
            high: threshold,
        }
    }

    /// Zero alone.
    pub(super) fn zero() -> Self {
        Self {
            low: 0.0,
            high: 0.0,
        }
    }

    fn excludes(&self, value: f32) -> bool {
        (value > self.high) | (value < self.low)
    }

    /// Whether a value is foreground. Blocks without an early exit vectorise.
    fn excludes_any(&self, values: &[f32]) -> bool {
        values.chunks(64).any(|block| {
            block
                .iter()
                .fold(false, |any, value| any | self.excludes(*value))
        })
    }
}

/// The bounds of the foreground in `data` of `shape`.
pub(super) fn bounds(data: &[f32], shape: [usize; 3], background: Background) -> Bounds {
    let mut bounds = Bounds::new(background);
    for (n, row) in data.chunks_exact(shape[2].max(1)).enumerate() {
        bounds.add_row(n / shape[1].max(1), n % shape[1].max(1), row);
    }
    bounds
}

/// A bounding box that grows row by row.
#[derive(Debug, Clone)]
pub(super) struct Bounds {
    background: Background,
    axes: Option<[Range<usize>; 3]>,
}

impl Bounds {
    pub(super) fn new(background: Background) -> Self {
        Self {
            background,
            axes: None,
        }
    }

    /// Takes in the row `(i, j)`, which always starts at the same position of axis 2.
    pub(super) fn add_row(&mut self, i: usize, j: usize, row: &[f32]) {
        let above = |value: &f32| self.background.excludes(*value);
        let found = match &self.axes {
            // Inside the box only what sticks out along the row can matter.
            Some([is, js, ks]) if is.contains(&i) && js.contains(&j) => {
                let before = &row[..ks.start.min(row.len())];
                let after = &row[ks.end.min(row.len())..];
                self.background.excludes_any(before) || self.background.excludes_any(after)
            }
            _ => self.background.excludes_any(row),
        };
        if !found {
            return;
        }
        let (Some(first), Some(last)) = (row.iter().position(above), row.iter().rposition(above))
        else {
            return;
        };
        let seen = [i..i + 1, j..j + 1, first..last + 1];
        self.axes = Some(match self.axes.take() {
            None => seen,
            Some(axes) => std::array::from_fn(|a| {
                axes[a].start.min(seen[a].start)..axes[a].end.max(seen[a].end)
            }),
        });
    }

    /// The bounds as a region.
    pub(super) fn region(self) -> Option<Region> {
        self.axes.map(|axes| Region {
            start: axes.each_ref().map(|axis| axis.start),
            size: axes.each_ref().map(|axis| axis.len()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::Affine;

    #[test]
    fn a_crop_keeps_values_at_their_world_position() -> Result<(), TransformError> {
        let affine = Affine::new(
            0.0, -2.0, 0.0, 5.0, 1.5, 0.0, 0.0, 6.0, 0.0, 0.0, 3.0, 7.0, 0.0, 0.0, 0.0, 1.0,
        );
        let v = Volume::new([3, 4, 5], (0..60).map(|x| x as f32).collect(), affine)?;
        let part = crop(
            &v,
            Region {
                start: [1, 2, 3],
                size: [2, 2, 2],
            },
        )?;
        assert_eq!(
            part.data(),
            [33.0, 34.0, 38.0, 39.0, 53.0, 54.0, 58.0, 59.0]
        );
        assert_eq!(part.affine().column(3).as_slice(), [1.0, 7.5, 16.0, 1.0]);
        Ok(())
    }

    #[test]
    fn a_crop_outside_is_an_error() -> Result<(), TransformError> {
        let v = Volume::new([3, 4, 5], vec![0.0; 60], Affine::identity())?;
        for (start, size) in [([0, 0, 4], [1, 1, 2]), ([usize::MAX, 0, 0], [2, 1, 1])] {
            let result = crop(&v, Region { start, size });
            assert!(matches!(result, Err(TransformError::RegionOutside { .. })));
        }
        Ok(())
    }

    #[test]
    fn the_box_ignores_values_that_are_not_above_zero() -> Result<(), TransformError> {
        let mut data = vec![-1.0; 60];
        data[7] = f32::NAN;
        data[8] = 0.0;
        let mut v = Volume::new([3, 4, 5], data, Affine::identity())?;
        assert_eq!(foreground_box(&v), None);
        v.data_mut()[59] = f32::MIN_POSITIVE;
        v.data_mut()[20] = 1.0;
        let expected = Region {
            start: [1, 0, 0],
            size: [2, 4, 5],
        };
        assert_eq!(foreground_box(&v), Some(expected));
        Ok(())
    }
}
