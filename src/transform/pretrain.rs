//! The deterministic part of pre-training in one pass (pipeline specification, section 3, steps 3
//! to 6): spacing, intensity window, foreground crop, padding.

use serde::{Deserialize, Serialize};

use super::foreground::{Bounds, bounds_above, row_starts};
use super::grid::{check_spacing, shifted, spacing_grid, zeros};
use super::spacing::Interpolation;
use super::{IntensityWindow, TransformError, pad_to, sampling, separable};
use crate::volume::{Affine, Region, Volume};

/// Spacing, window, foreground crop and padding, with the parameters of a run.
///
/// Equal to [`resample_spacing`](super::resample_spacing), [`scale_intensity`](super::scale_intensity),
/// [`foreground_box`](super::foreground_box), [`crop`](super::crop) and [`pad_to`] one after the
/// other, but only the part around the foreground is ever computed. Volumes keep their storage
/// orientation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PretrainTransform {
    /// Voxel size in millimetres.
    pub spacing: [f64; 3],
    /// Input values that become `[0, 1]`.
    pub window: IntensityWindow,
    /// Smallest shape of the result, in voxels.
    pub patch: [usize; 3],
}

impl PretrainTransform {
    /// Checks the parameters, before any volume is read.
    ///
    /// # Errors
    /// [`TransformError::InvalidSpacing`] or [`TransformError::InvalidWindow`].
    pub fn validate(&self) -> Result<(), TransformError> {
        check_spacing(self.spacing)?;
        self.window.validate()
    }

    /// Applies the transform to a volume as read from its file.
    ///
    /// # Errors
    /// [`TransformError::NoForeground`] when no voxel lies above the window's lower end, and the
    /// errors of the single transforms.
    pub fn apply(&self, v: &Volume) -> Result<Volume, TransformError> {
        self.validate()?;
        let nothing = || TransformError::NoForeground {
            min: self.window.min,
        };
        let grid = spacing_grid(v.shape(), v.affine(), self.spacing)?;
        // A value between voxels is above the threshold only if one of them is.
        let source = bounds_above(v.data(), v.shape(), self.window.min);
        let axes = source.axes().ok_or_else(nothing)?;

        let mut bounds = Bounds::new(0.0);
        let mut finish = |i: usize, j: usize, row: &mut [f32]| {
            self.window.scale(row);
            bounds.add_row(i, j, row);
        };
        let (shape, affine, mut data) = match &grid {
            None => {
                let region = Region {
                    start: axes.each_ref().map(|axis| axis.start),
                    size: axes.each_ref().map(|axis| axis.len()),
                };
                let mut out = zeros(region.size)?;
                let rows = out.chunks_exact_mut(region.size[2]);
                for (n, (row, start)) in rows.zip(row_starts(v.shape(), region)).enumerate() {
                    row.copy_from_slice(&v.data()[start..][..region.size[2]]);
                    finish(n / region.size[1], n % region.size[1], row);
                }
                (region.size, moved(v.affine(), region.start), out)
            }
            Some(grid) if grid.map.is_separable(grid.shape) => {
                let taps = separable::taps(&grid.map, v.shape(), grid.shape);
                let ranges: [_; 3] =
                    std::array::from_fn(|a| separable::reading(&taps[a], &axes[a]));
                let size = ranges.each_ref().map(|range| range.len());
                let start = ranges.each_ref().map(|range| range.start);
                let mut out = zeros(size)?;
                let used = std::array::from_fn(|a| &taps[a][ranges[a].clone()]);
                separable::linear(v.data(), v.shape(), used, &mut out, finish);
                (size, moved(&grid.affine, start), out)
            }
            Some(grid) => {
                let mut out = zeros(grid.shape)?;
                let (map, mode) = (&grid.map, Interpolation::Linear);
                sampling::sample(v.data(), v.shape(), map, mode, grid.shape, &mut out, finish);
                (grid.shape, grid.affine, out)
            }
        };
        let region = bounds.region().ok_or_else(nothing)?;
        compact(&mut data, shape, region);
        pad_to(
            Volume::new(region.size, data, moved(&affine, region.start))?,
            self.patch,
        )
    }
}

fn moved(affine: &Affine, start: [usize; 3]) -> Affine {
    shifted(affine, start.map(|s| s as f64))
}

/// Keeps only `region` of `data`, in place.
fn compact(data: &mut Vec<f32>, shape: [usize; 3], region: Region) {
    if region.size == shape {
        return;
    }
    for (n, start) in row_starts(shape, region).enumerate() {
        data.copy_within(start..start + region.size[2], n * region.size[2]);
    }
    data.truncate(region.size.iter().product());
    data.shrink_to_fit();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::{crop, foreground_box, resample_spacing, scale_intensity};

    const TRANSFORM: PretrainTransform = PretrainTransform {
        spacing: [2.0; 3],
        window: IntensityWindow {
            min: -57.0,
            max: 164.0,
        },
        patch: [24, 16, 8],
    };

    /// Air around a textured block.
    fn scan(affine: Affine) -> Result<Volume, TransformError> {
        let shape = [26, 30, 22];
        let data = (0..26 * 30 * 22)
            .map(|n| {
                let (i, j, k) = (n / 660, n / 22 % 30, n % 22);
                let inside = (9..17).contains(&i) && (8..25).contains(&j) && (3..20).contains(&k);
                if inside {
                    (n * 37 % 301) as f32 - 120.0
                } else {
                    -1000.0
                }
            })
            .collect();
        Ok(Volume::new(shape, data, affine)?)
    }

    fn affine(steps: [f64; 3], shear: f64) -> Affine {
        let mut affine = Affine::identity();
        (0..3).for_each(|a| affine[(a, a)] = steps[a]);
        affine[(1, 2)] = shear;
        affine
    }

    #[test]
    fn one_pass_equals_the_transforms_one_after_the_other() -> Result<(), TransformError> {
        let affines = [
            affine([0.9, 1.4, 5.0], 0.0),
            affine([-3.1, 3.1, 2.5], 0.0),
            affine([2.0, -2.0, 2.0], 0.0),
            affine([0.9, 1.4, 3.0], 0.2),
        ];
        for affine in affines {
            let v = scan(affine)?;
            let mut chain = resample_spacing(&v, TRANSFORM.spacing, Interpolation::Linear)?;
            scale_intensity(&mut chain, TRANSFORM.window);
            let region = foreground_box(&chain).ok_or(TransformError::NoForeground { min: 0.0 })?;
            let chain = pad_to(crop(&chain, region)?, TRANSFORM.patch)?;
            let once = TRANSFORM.apply(&v)?;
            assert_eq!(once.shape(), chain.shape());
            assert_eq!(once.data(), chain.data());
            assert!((once.affine() - chain.affine()).amax() < 1e-9);
        }
        Ok(())
    }

    #[test]
    fn a_volume_of_air_is_an_error() -> Result<(), TransformError> {
        for level in [-1000.0, -57.0, f32::NAN] {
            let v = Volume::new([9, 9, 9], vec![level; 729], affine([1.0; 3], 0.0))?;
            let result = TRANSFORM.apply(&v);
            assert!(
                matches!(result, Err(TransformError::NoForeground { .. })),
                "{level}"
            );
        }
        Ok(())
    }
}
