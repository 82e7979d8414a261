//! Turning a volume to RAS+ storage order (specification 2.4).

use nalgebra::{Matrix3, Vector3};

use super::TransformError;
use super::grid::{column_norms, linear_part, singular, too_large, zeros_as_read};
use crate::volume::{Affine, Region, Volume, reverse_axes};

/// Voxels along one edge of a block of the transposition: 4 KiB on either side stay in the cache.
const BLOCK: usize = 32;

/// The stored axis that follows an axis of the patient, and whether it runs backwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RasAxis {
    /// The stored axis.
    pub input: usize,
    /// Whether it runs to the left, to the back or to the feet.
    pub flipped: bool,
}

/// How the axes of a volume are flipped and permuted; by axis of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn([RasAxis; 3]);

impl Turn {
    /// The turn of a volume with `affine` to RAS+ storage order.
    pub(super) fn to_ras(affine: &Affine) -> Result<Self, TransformError> {
        ras_axes(affine).map(Self)
    }

    fn permutes(&self) -> bool {
        (0..3).any(|a| self.0[a].input != a)
    }

    fn flips(&self) -> [bool; 3] {
        self.0.map(|axis| axis.flipped)
    }

    /// The shape of the result for an input of `shape`.
    pub(super) fn shape(&self, shape: [usize; 3]) -> [usize; 3] {
        self.0.map(|axis| shape[axis.input])
    }

    /// Where `region` of an input of `shape` lies in the result.
    pub(super) fn region(&self, shape: [usize; 3], region: Region) -> Region {
        let Region { start, size } = region;
        let first = |axis: RasAxis| {
            let n = axis.input;
            if axis.flipped {
                shape[n].saturating_sub(start[n]).saturating_sub(size[n])
            } else {
                start[n]
            }
        };
        Region {
            start: self.0.map(first),
            size: self.shape(size),
        }
    }

    /// The affine of the result for an input of `shape` with `affine`.
    pub(super) fn affine(&self, affine: &Affine, shape: [usize; 3]) -> Affine {
        reordered(affine, shape, self.0)
    }

    /// The voxels of the result for those of an input of `shape`, both in C order.
    pub(super) fn data<T: Copy + Default>(
        &self,
        mut data: Vec<T>,
        shape: [usize; 3],
    ) -> Result<Vec<T>, TransformError> {
        let out_shape = self.shape(shape);
        if !self.permutes() {
            reverse_axes(&mut data, out_shape, self.flips());
        } else if !shape.contains(&0) {
            let mut out = zeros_as_read(out_shape).ok_or_else(|| too_large(out_shape))?;
            reorder(&data, shape, self.0, out_shape, &mut out);
            data = out;
        }
        Ok(data)
    }

    /// The whole volume, turned.
    pub(super) fn volume(&self, v: Volume) -> Result<Volume, TransformError> {
        if !self.permutes() && self.flips() == [false; 3] {
            return Ok(v);
        }
        let shape = v.shape();
        let affine = self.affine(v.affine(), shape);
        let data = self.data(v.into_data(), shape)?;
        Ok(Volume::new(self.shape(shape), data, affine)?)
    }
}

/// Flips and permutes the axes of `v` so that axis 0 runs to the right, 1 to the front and 2 to the
/// head, as nearly as the affine allows. Exact: no value changes, the affine moves with the voxels.
///
/// # Errors
/// [`TransformError::SingularAffine`] when the affine does not span three dimensions.
pub fn orient_ras(v: Volume) -> Result<Volume, TransformError> {
    Turn::to_ras(v.affine())?.volume(v)
}

/// The stored axes that come closest to the patient's: to the right, to the front and to the head. Each stored axis is one
/// of them.
///
/// # Errors
/// [`TransformError::SingularAffine`] when the affine does not span three dimensions.
pub fn ras_axes(affine: &Affine) -> Result<[RasAxis; 3], TransformError> {
    let m = linear_part(affine);
    let lengths = column_norms(&m);
    let error = || singular(&m);
    if !m.iter().all(|x| x.is_finite()) || lengths.contains(&0.0) {
        return Err(error());
    }
    let directions = m * Matrix3::from_diagonal(&Vector3::from(lengths.map(|d| 1.0 / d)));
    let svd = directions.svd(true, true);
    if svd.singular_values.min() <= 3.0 * f64::EPSILON * svd.singular_values.max() {
        return Err(error());
    }
    let (u, v_t) = svd.u.zip(svd.v_t).ok_or_else(error)?;
    let rotation = u * v_t;

    // The input axes from the clearest to the least clear direction.
    let mut order = [0, 1, 2];
    order.sort_by(|&a, &b| {
        rotation
            .column(b)
            .amax()
            .total_cmp(&rotation.column(a).amax())
    });
    let mut axes = [RasAxis {
        input: 0,
        flipped: false,
    }; 3];
    let mut free = vec![0, 1, 2];
    for input in order {
        let strength = |world: usize| rotation[(world, input)].abs();
        let best = (1..free.len()).fold(0, |best, n| {
            if strength(free[n]) > strength(free[best]) {
                n
            } else {
                best
            }
        });
        let world = free.remove(best);
        axes[world] = RasAxis {
            input,
            flipped: rotation[(world, input)] < 0.0,
        };
    }
    Ok(axes)
}

fn reordered(affine: &Affine, shape: [usize; 3], axes: [RasAxis; 3]) -> Affine {
    let mut out = *affine;
    for (output, axis) in axes.iter().enumerate() {
        let column = affine.column(axis.input).into_owned();
        if axis.flipped {
            let last = shape[axis.input].saturating_sub(1) as f64;
            let origin = out.column(3) + column * last;
            out.set_column(3, &origin);
            // From zero, so that no entry becomes -0.
            out.set_column(output, &column.map(|x| 0.0 - x));
        } else {
            out.set_column(output, &column);
        }
    }
    out
}

/// Copies `input` of `in_shape` to `out` of `shape`, in blocks, so that neither side is walked with
/// long strides only.
fn reorder<T: Copy>(
    input: &[T],
    in_shape: [usize; 3],
    axes: [RasAxis; 3],
    shape: [usize; 3],
    out: &mut [T],
) {
    let strides = [in_shape[1] * in_shape[2], in_shape[2], 1];
    // What each output coordinate adds to the input position.
    let [is, js, ks]: [Vec<usize>; 3] = std::array::from_fn(|a| {
        let (axis, n) = (axes[a], shape[a]);
        (0..n)
            .map(|x| strides[axis.input] * if axis.flipped { n - 1 - x } else { x })
            .collect()
    });
    // The output axis that is contiguous in the input, where it is not the last one.
    let along_first = axes[0].input == 2;
    let outer = if along_first { shape[1] } else { shape[0] };
    let inner = if along_first { shape[0] } else { shape[1] };
    for fixed in 0..outer {
        for inner_start in (0..inner).step_by(BLOCK) {
            for k_start in (0..shape[2]).step_by(BLOCK) {
                let k_end = (k_start + BLOCK).min(shape[2]);
                for moving in inner_start..(inner_start + BLOCK).min(inner) {
                    let (i, j) = if along_first {
                        (moving, fixed)
                    } else {
                        (fixed, moving)
                    };
                    let base = is[i] + js[j];
                    let row = &mut out[(i * shape[1] + j) * shape[2]..][k_start..k_end];
                    for (value, k) in row.iter_mut().zip(&ks[k_start..k_end]) {
                        *value = input[base + k];
                    }
                }
            }
        }
    }
}

/// Every order in which a volume's axes can be stored.
#[cfg(test)]
pub(crate) const AXIS_ORDERS: [[usize; 3]; 6] = [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::Affine;

    fn ramp(shape: [usize; 3]) -> Vec<f32> {
        (0..shape.iter().product::<usize>())
            .map(|i| i as f32)
            .collect()
    }

    /// An affine with the given input axis and direction for every world axis.
    fn affine(axes: [(usize, f64); 3]) -> Affine {
        let mut affine = Affine::identity();
        for (world, (input, step)) in axes.into_iter().enumerate() {
            affine[(world, world)] = 0.0;
            affine[(world, input)] = step;
            affine[(world, 3)] = 10.0 * world as f64;
        }
        affine
    }

    #[test]
    fn every_voxel_keeps_its_world_position() -> Result<(), TransformError> {
        let shape = [3, 37, 41];
        for permutation in AXIS_ORDERS {
            for signs in 0..8 {
                let axes = std::array::from_fn(|w| {
                    let sign = if signs >> w & 1 == 1 { -1.0 } else { 1.0 };
                    (permutation[w], sign * (w + 1) as f64)
                });
                let v = Volume::new(shape, ramp(shape), affine(axes))?;
                let o = orient_ras(v.clone())?;
                for w in 0..3 {
                    assert_eq!(o.affine()[(w, w)], (w + 1) as f64);
                }
                let [_, n1, n2] = o.shape();
                for (at, value) in o.data().iter().enumerate().step_by(7) {
                    let index = [at / (n1 * n2), at / n2 % n1, at % n2].map(|x| x as f64);
                    let was = *value as usize;
                    let old = [was / (37 * 41), was / 41 % 37, was % 41].map(|x| x as f64);
                    assert_eq!(
                        o.affine() * Vector3::from(index).push(1.0),
                        v.affine() * Vector3::from(old).push(1.0)
                    );
                }
            }
        }
        Ok(())
    }

    #[test]
    fn an_oblique_volume_takes_the_closest_axes() -> Result<(), TransformError> {
        let turn = nalgebra::Rotation3::from_euler_angles(0.3, -0.4, 0.5).to_homogeneous();
        let v = Volume::new([2, 3, 4], ramp([2, 3, 4]), turn)?;
        assert_eq!(orient_ras(v.clone())?, v);
        // A mirror whose axes 0 and 2 are both nearest to the patient's second, axis 2 more so.
        let normal = nalgebra::Vector4::new(0.22, 0.43, 0.35, 0.0).map(f64::sqrt);
        let mirror = Affine::identity() - normal * normal.transpose() * 2.0;
        let found = ras_axes(&mirror)?.map(|axis| (axis.input, axis.flipped));
        assert_eq!(found, [(0, false), (2, true), (1, true)]);
        Ok(())
    }

    #[test]
    fn an_affine_without_depth_is_an_error() -> Result<(), TransformError> {
        let mut flat = Affine::identity();
        flat.set_column(2, &flat.column(1).into_owned());
        for broken in [flat, Affine::zeros(), Affine::identity() * f64::NAN] {
            let v = Volume::new([2, 3, 4], ramp([2, 3, 4]), broken)?;
            assert!(matches!(
                orient_ras(v),
                Err(TransformError::SingularAffine { .. })
            ));
        }
        Ok(())
    }
}
