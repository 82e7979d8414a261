//! Resampling to a voxel size or onto another grid (specification 2.3).

use super::grid::{Grid, IndexMap, spacing_grid, zeros};
use super::sampling::{self, Interpolation};
use super::{TransformError, separable};
use crate::volume::{Affine, Region, Volume};

/// Resamples `v` to voxels of `pixdim` millimetres along its own axes. Flips are kept, shear is
/// removed; a volume that has the spacing within 0.001 mm is returned unchanged.
///
/// The first voxel stays where it is, and so does the world position of everything. An axis of
/// `n` voxels of `d` mm gets `round((n - 1) d / pixdim + 1)` voxels, half to even.
///
/// # Errors
/// When an axis has no voxels, the spacing is not positive and finite, the affine cannot be
/// inverted, or the result would be too large.
pub fn resample_spacing(
    v: &Volume,
    pixdim: [f64; 3],
    mode: Interpolation,
) -> Result<Volume, TransformError> {
    match spacing_grid(v.shape(), v.affine(), pixdim)? {
        Some(grid) => resample(v, &grid, mode),
        None => Ok(v.clone()),
    }
}

/// Resamples `v` onto the grid of `shape` voxels with `affine`. Positions outside `v` get its border
/// value.
///
/// # Errors
/// When an axis has no voxels, an affine is not finite or cannot be inverted, or the result would
/// be too large.
pub fn resample_onto(
    v: &Volume,
    shape: [usize; 3],
    affine: &Affine,
    mode: Interpolation,
) -> Result<Volume, TransformError> {
    for shape in [v.shape(), shape] {
        if shape.contains(&0) {
            return Err(TransformError::Empty { shape });
        }
    }
    let map = IndexMap::between(v.affine(), affine)?;
    resample(
        v,
        &Grid {
            shape,
            affine: *affine,
            map,
        },
        mode,
    )
}

fn resample(v: &Volume, grid: &Grid, mode: Interpolation) -> Result<Volume, TransformError> {
    let mut out = zeros(grid.shape)?;
    let (input, shape) = (v.data(), v.shape());
    if !grid.map.is_separable(grid.shape) {
        sampling::sample(
            input,
            shape,
            &grid.map,
            mode,
            grid.shape,
            &mut out,
            |_, _, _| (),
        );
    } else if mode == Interpolation::Nearest {
        let whole = Region {
            start: [0; 3],
            size: grid.shape,
        };
        separable::nearest(input, shape, &grid.map, whole, &mut out);
    } else {
        let taps = separable::taps(&grid.map, shape, grid.shape);
        separable::linear(
            input,
            shape,
            taps.each_ref().map(Vec::as_slice),
            &mut out,
            |_, _, _| (),
        )?;
    }
    Ok(Volume::new(grid.shape, out, grid.affine)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(shape: [usize; 3]) -> Vec<f32> {
        (0..shape.iter().product::<usize>())
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 7) % 4096)
            .map(|x| x as f32 - 1024.0)
            .collect()
    }

    fn diagonal(steps: [f64; 3]) -> Affine {
        let mut affine = Affine::from_diagonal(&nalgebra::Vector4::new(0.0, 0.0, 0.0, 1.0));
        for (a, step) in steps.into_iter().enumerate() {
            affine[(a, a)] = step;
            affine[(a, 3)] = -37.5;
        }
        affine
    }

    /// The fast path against the voxel-by-voxel definition, up and down, flat axes included.
    #[test]
    fn the_separable_path_gives_the_eight_corner_formula() -> Result<(), TransformError> {
        let cases = [
            ([21, 18, 12], [0.7, -0.9, 5.0]),
            ([9, 11, 40], [5.0, 4.0, 0.6]),
            ([30, 7, 8], [0.51, 3.9, 3.9]),
            ([1, 13, 17], [2.5, 1.3, 1.7]),
            ([12, 1, 1], [-3.1, 1.3, 1.7]),
        ];
        for (shape, steps) in cases {
            let v = Volume::new(shape, noise(shape), diagonal(steps))?;
            for mode in [Interpolation::Linear, Interpolation::Nearest] {
                let fast = resample_spacing(&v, [2.0, 1.5, 2.2], mode)?;
                let map = IndexMap::between(v.affine(), fast.affine())?;
                assert!(map.is_separable(fast.shape()));
                let mut exact = vec![0.0; fast.data().len()];
                let out = fast.shape();
                sampling::sample(v.data(), shape, &map, mode, out, &mut exact, |_, _, _| ());
                for (a, b) in fast.data().iter().zip(&exact) {
                    assert!(
                        (a - b).abs() <= 1e-6 * b.abs().max(1.0),
                        "{shape:?}: {a} {b}"
                    );
                }
            }
        }
        Ok(())
    }

    /// Half steps: every other voxel lies on one of the input, where its neighbours have no weight on that axis.
    #[test]
    fn a_nan_reaches_as_far_on_every_axis_as_its_weight() -> Result<(), TransformError> {
        let shape = [5; 3];
        let (input, step) = (diagonal([1.0; 3]), diagonal([0.5; 3]));
        for odd in [f32::NAN, f32::INFINITY] {
            let mut data = noise(shape);
            // At 3 of 0 to 4 on each axis: read by the voxels 5, 6 and 7, not by those at 2 and at the end.
            data[(3 * 5 + 3) * 5 + 3] = odd;
            let v = Volume::new(shape, data, input)?;
            let fast = resample_spacing(&v, [0.5; 3], Interpolation::Linear)?;
            let out = fast.shape();
            assert_eq!(out, [9; 3]);
            let map = IndexMap::between(&input, &step)?;
            let mut exact = vec![0.0; 9 * 9 * 9];
            let mode = Interpolation::Linear;
            sampling::sample(v.data(), shape, &map, mode, out, &mut exact, |_, _, _| ());
            for (way, values) in [("fast", fast.data()), ("exact", &exact[..])] {
                for (n, value) in values.iter().enumerate() {
                    let reads = [n / 81, n / 9 % 9, n % 9]
                        .iter()
                        .all(|at| (5..8).contains(at));
                    assert_eq!(value.is_finite(), !reads, "{way}: {value} at {n} for {odd}");
                }
            }
        }
        Ok(())
    }

    #[test]
    fn a_grid_and_back_restores_a_linear_ramp() -> Result<(), TransformError> {
        let shape = [9, 8, 7];
        let ramp = (0..9 * 8 * 7)
            .map(|n| (n / 56 + 2 * (n / 7 % 8) + 3 * (n % 7)) as f32)
            .collect();
        let v = Volume::new(shape, ramp, diagonal([2.0, 2.0, 2.0]))?;
        let fine = resample_spacing(&v, [1.0, 0.5, 4.0 / 3.0], Interpolation::Linear)?;
        let back = resample_onto(&fine, shape, v.affine(), Interpolation::Linear)?;
        assert_eq!(back.affine(), v.affine());
        for (a, b) in back.data().iter().zip(v.data()) {
            assert!((a - b).abs() < 1e-4, "{a} {b}");
        }
        Ok(())
    }

    #[test]
    fn voxels_of_nearly_the_size_asked_for_keep_it() -> Result<(), TransformError> {
        // So many that a new size would mean other voxels.
        let grid = |step| spacing_grid([2001, 1, 1], &diagonal([step, 1.0, 1.0]), [1.0; 3]);
        assert_eq!(grid(1.0005)?, None);
        assert_eq!(grid(1.002)?.map(|grid| grid.shape), Some([2005, 1, 1]));
        Ok(())
    }

    #[test]
    fn unusable_input_is_an_error() -> Result<(), TransformError> {
        let linear = Interpolation::Linear;
        let good = Volume::new([2, 2, 2], vec![0.0; 8], diagonal([1.0; 3]))?;
        for spacing in [[0.0, 1.0, 1.0], [1.0, -2.0, 1.0], [1.0, 1.0, f64::NAN]] {
            let result = resample_spacing(&good, spacing, linear);
            assert!(matches!(result, Err(TransformError::InvalidSpacing { .. })));
        }
        let huge = Volume::new([2, 2, 2], vec![0.0; 8], diagonal([1e9, 1e9, 1e300]))?;
        let result = resample_spacing(&huge, [1.0; 3], linear);
        assert!(matches!(result, Err(TransformError::TooLarge { .. })));
        // Few enough voxels in all, on a single axis.
        let long = Volume::new([2, 1, 1], vec![0.0; 2], diagonal([3e9, 1.0, 1.0]))?;
        let result = resample_spacing(&long, [1.5, 1.0, 1.0], linear);
        assert!(matches!(result, Err(TransformError::TooLarge { .. })));
        for steps in [
            [0.0, 1.0, 1.0],
            [f64::INFINITY, 1.0, 1.0],
            [1e-320, 1.0, 1.0],
        ] {
            let flat = Volume::new([2, 2, 2], vec![0.0; 8], diagonal(steps))?;
            let result = resample_spacing(&flat, [2.0; 3], linear);
            assert!(
                matches!(result, Err(TransformError::SingularAffine { .. })),
                "{steps:?}"
            );
        }
        let empty = Volume::new([2, 0, 2], vec![], diagonal([1.0; 3]))?;
        let result = resample_spacing(&empty, [2.0; 3], linear);
        assert!(matches!(result, Err(TransformError::Empty { .. })));
        Ok(())
    }
}
