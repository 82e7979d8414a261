//! Turning a volume to RAS+ storage order (pipeline specification, section 2.4).

use nalgebra::{Matrix3, Vector3};

use super::TransformError;
use super::grid::{column_norms, linear_part, singular, zeros};
use crate::volume::{Affine, Volume};

/// Voxels along one edge of a block of the transposition: 4 KiB on either side stay in the cache.
const BLOCK: usize = 32;

/// One output axis: the input axis it comes from, and whether it runs backwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Axis {
    input: usize,
    flipped: bool,
}

/// Flips and permutes the axes of `v` so that axis 0 runs to the right, 1 to the front and 2 to the
/// head, as nearly as the affine allows. Exact: no value changes, the affine moves with the voxels.
///
/// # Errors
/// [`TransformError::SingularAffine`] when the affine does not span three dimensions.
pub fn orient_ras(v: Volume) -> Result<Volume, TransformError> {
    let axes = ras_axes(v.affine())?;
    if axes
        .iter()
        .enumerate()
        .all(|(a, axis)| axis.input == a && !axis.flipped)
    {
        return Ok(v);
    }
    let affine = reordered(v.affine(), v.shape(), axes);
    let in_shape = v.shape();
    let shape = axes.map(|axis| in_shape[axis.input]);
    let mut data = v.into_data();
    if !shape.contains(&0) {
        if axes.iter().enumerate().all(|(a, axis)| axis.input == a) {
            flip(&mut data, shape, axes.map(|axis| axis.flipped));
        } else {
            let mut out = zeros(shape)?;
            reorder(&data, in_shape, axes, shape, &mut out);
            data = out;
        }
    }
    Ok(Volume::new(shape, data, affine)?)
}

fn ras_axes(affine: &Affine) -> Result<[Axis; 3], TransformError> {
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
    let mut axes = [Axis {
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
        axes[world] = Axis {
            input,
            flipped: rotation[(world, input)] < 0.0,
        };
    }
    Ok(axes)
}

fn reordered(affine: &Affine, shape: [usize; 3], axes: [Axis; 3]) -> Affine {
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

/// Reverses the axes of `data` that are `flipped`, in place.
fn flip(data: &mut [f32], shape: [usize; 3], flipped: [bool; 3]) {
    if flipped[0] {
        reverse_blocks(data, shape[1] * shape[2]);
    }
    if flipped[1] {
        data.chunks_exact_mut(shape[1] * shape[2])
            .for_each(|plane| reverse_blocks(plane, shape[2]));
    }
    if flipped[2] {
        data.chunks_exact_mut(shape[2]).for_each(<[f32]>::reverse);
    }
}

/// Reverses the order of the blocks of `len` values.
fn reverse_blocks(data: &mut [f32], len: usize) {
    let (front, back) = data.split_at_mut(data.len() / len / 2 * len);
    for (a, b) in front.chunks_exact_mut(len).zip(back.rchunks_exact_mut(len)) {
        a.swap_with_slice(b);
    }
}

/// Copies `input` of `in_shape` to `out` of `shape`, in blocks, so that neither side is walked with
/// long strides only.
fn reorder(
    input: &[f32],
    in_shape: [usize; 3],
    axes: [Axis; 3],
    shape: [usize; 3],
    out: &mut [f32],
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
        let permutations = [
            [0, 1, 2],
            [0, 2, 1],
            [1, 0, 2],
            [1, 2, 0],
            [2, 0, 1],
            [2, 1, 0],
        ];
        for permutation in permutations {
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
