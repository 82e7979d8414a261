//! Where the voxels of a resampled volume lie (specification 2.3, steps 1 to 7).

use nalgebra::{Cholesky, Matrix3, Matrix4, Vector3};

use super::TransformError;
use crate::volume::Affine;

/// A spacing this close to the target is kept, in millimetres.
const SPACING_TOLERANCE: f64 = 1e-3;
/// How far, in voxels, a corner may lie below the first one and still count as not below.
const CORNER_TOLERANCE: f64 = 1e-8;
/// Largest displacement, in voxels, that off-diagonal entries may cause in a separable map.
const SEPARABLE_TOLERANCE: f64 = 1e-9;
/// Largest result: 2^31 voxels are 8 GiB of `f32`.
const MAX_VOXELS: usize = 1 << 31;
/// Longest axis of a resampled volume, some ten times that of any scan: tables of its coordinates take more room than
/// voxels.
const MAX_AXIS: usize = 1 << 16;

/// Maps an index of the output grid to a position in the input grid: `linear * o + offset`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct IndexMap {
    pub(super) linear: Matrix3<f64>,
    pub(super) offset: Vector3<f64>,
}

impl IndexMap {
    /// The map from indices of a grid with affine `target` to indices of one with affine `source`.
    pub(super) fn between(source: &Affine, target: &Affine) -> Result<Self, TransformError> {
        let m = linear_part(source);
        let inverse = m.try_inverse().ok_or_else(|| singular(&m))?;
        let map = Self {
            linear: inverse * linear_part(target),
            offset: inverse * (translation(target) - translation(source)),
        };
        if map.is_finite() {
            Ok(map)
        } else {
            Err(singular(&m))
        }
    }

    /// Whether each input coordinate depends on one output coordinate only, over a whole grid
    /// of `shape`.
    pub(super) fn is_separable(&self, shape: [usize; 3]) -> bool {
        (0..3).all(|row| {
            let stray: f64 = (0..3)
                .filter(|&column| column != row)
                .map(|column| {
                    self.linear[(row, column)].abs() * shape[column].saturating_sub(1) as f64
                })
                .sum();
            stray < SEPARABLE_TOLERANCE
        })
    }

    fn is_finite(&self) -> bool {
        self.linear
            .iter()
            .chain(self.offset.iter())
            .all(|v| v.is_finite())
    }
}

/// The grid a volume is resampled to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Grid {
    pub(super) shape: [usize; 3],
    pub(super) affine: Affine,
    pub(super) map: IndexMap,
}

/// The grid of `spacing` for a volume of `shape` and `affine`, or `None` where the volume lies on
/// it already.
pub(super) fn spacing_grid(
    shape: [usize; 3],
    affine: &Affine,
    spacing: [f64; 3],
) -> Result<Option<Grid>, TransformError> {
    if shape.contains(&0) {
        return Err(TransformError::Empty { shape });
    }
    check_spacing(spacing)?;
    let m = linear_part(affine);
    if !affine.iter().all(|v| v.is_finite()) {
        return Err(singular(&m));
    }
    let lengths = column_norms(&m);
    let step: [f64; 3] = std::array::from_fn(|c| {
        let (d, p) = (lengths[c], spacing[c]);
        let kept = (p - SPACING_TOLERANCE..=p + SPACING_TOLERANCE).contains(&d);
        if kept { d } else { p }
    });
    let steps = Matrix3::from_diagonal(&Vector3::from(step));

    // M = Rot Z with Z upper triangular: Rot holds the directions without shear, and the two index
    // maps between the grids are Z up to scale, free of the rounding of Rot.
    let z = Cholesky::new(m.tr_mul(&m))
        .ok_or_else(|| singular(&m))?
        .l()
        .transpose();
    let rot = z
        .tr_solve_upper_triangular(&m.transpose())
        .ok_or_else(|| singular(&m))?
        .transpose();
    let linear = z
        .solve_upper_triangular(&steps)
        .ok_or_else(|| singular(&m))?;
    let new_linear = rot * steps;

    let extents = corner_extents(shape, &z, step);
    let size = extents.map(|(low, high)| (high - low + 1.0).round_ties_even());
    let out = checked_shape(size)?;

    // Z has a positive diagonal, so the only corner that can be smallest on every axis is the first.
    let first_is_smallest = extents.iter().all(|(low, _)| *low >= -CORNER_TOLERANCE);
    let offset = if first_is_smallest {
        Vector3::zeros()
    } else {
        half(shape) - linear * half(out)
    };
    let new_translation = translation(affine) + m * offset;

    let mut new_affine = Matrix4::identity();
    new_affine
        .fixed_view_mut::<3, 3>(0, 0)
        .copy_from(&new_linear);
    new_affine
        .fixed_view_mut::<3, 1>(0, 3)
        .copy_from(&new_translation);
    let grid = Grid {
        shape: out,
        affine: new_affine,
        map: IndexMap { linear, offset },
    };
    if !grid.map.is_finite() {
        return Err(singular(&m));
    }
    let same = out == shape
        && (all_close(affine.iter(), new_affine.iter())
            || (all_close(linear.iter(), Matrix3::identity().iter())
                && all_close(offset.iter(), Vector3::zeros().iter())));
    Ok((!same).then_some(grid))
}

pub(super) fn check_spacing(spacing: [f64; 3]) -> Result<(), TransformError> {
    if spacing.iter().all(|p| p.is_finite() && *p > 0.0) {
        Ok(())
    } else {
        Err(TransformError::InvalidSpacing { spacing })
    }
}

/// Smallest and largest coordinate, per output axis, of the eight corners of the input.
fn corner_extents(shape: [usize; 3], z: &Matrix3<f64>, step: [f64; 3]) -> [(f64, f64); 3] {
    std::array::from_fn(|row| {
        (0..3).fold((0.0, 0.0), |(low, high), column| {
            let reach = z[(row, column)] * (shape[column] - 1) as f64 / step[row];
            (low + reach.min(0.0), high + reach.max(0.0))
        })
    })
}

fn checked_shape(size: [f64; 3]) -> Result<[usize; 3], TransformError> {
    let fits = size.iter().all(|s| *s >= 1.0 && *s <= MAX_AXIS as f64);
    let shape = size.map(|s| s as usize);
    if fits && voxel_count(shape).is_some() {
        Ok(shape)
    } else {
        Err(TransformError::TooLarge { shape: size })
    }
}

/// Number of voxels of a result, `None` when it is beyond what is worth trying.
fn voxel_count(shape: [usize; 3]) -> Option<usize> {
    shape
        .iter()
        .try_fold(1usize, |product, &n| product.checked_mul(n))
        .filter(|&count| count <= MAX_VOXELS)
}

/// Zeros for a result of `shape`, or an error when there is no memory for them.
pub(super) fn zeros<T: Clone + Default>(shape: [usize; 3]) -> Result<Vec<T>, TransformError> {
    let zeros = voxel_count(shape).and_then(|_| zeros_as_read(shape));
    zeros.ok_or_else(|| too_large(shape))
}

/// Zeros on the grid of a volume that was read, which may be larger than any that is resampled; `None` when there is no
/// memory for them.
pub(super) fn zeros_as_read<T: Clone + Default>(shape: [usize; 3]) -> Option<Vec<T>> {
    let count = shape
        .iter()
        .try_fold(1usize, |product, &n| product.checked_mul(n))?;
    let mut probe = Vec::<T>::new();
    probe.try_reserve_exact(count).ok()?;
    drop(probe);
    Some(vec![T::default(); count])
}

pub(super) fn too_large(shape: [usize; 3]) -> TransformError {
    TransformError::TooLarge {
        shape: shape.map(|n| n as f64),
    }
}

/// `affine` with its origin moved by `by` voxels.
pub(super) fn shifted(affine: &Affine, by: [f64; 3]) -> Affine {
    let mut moved = *affine;
    let origin = translation(affine) + linear_part(affine) * Vector3::from(by);
    moved.fixed_view_mut::<3, 1>(0, 3).copy_from(&origin);
    moved
}

pub(super) fn linear_part(affine: &Affine) -> Matrix3<f64> {
    affine.fixed_view::<3, 3>(0, 0).into_owned()
}

pub(super) fn column_norms(m: &Matrix3<f64>) -> [f64; 3] {
    std::array::from_fn(|c| m.column(c).norm())
}

pub(super) fn singular(m: &Matrix3<f64>) -> TransformError {
    TransformError::SingularAffine {
        lengths: column_norms(m),
    }
}

fn translation(affine: &Affine) -> Vector3<f64> {
    affine.fixed_view::<3, 1>(0, 3).into_owned()
}

fn half(shape: [usize; 3]) -> Vector3<f64> {
    Vector3::from(shape.map(|n| n as f64 / 2.0))
}

fn all_close<'a>(
    values: impl Iterator<Item = &'a f64>,
    references: impl Iterator<Item = &'a f64>,
) -> bool {
    values
        .zip(references)
        .all(|(a, b)| (a - b).abs() <= 1e-3 + 1e-5 * b.abs())
}
