//! Whether a label map belongs to its image and holds labels.

use nalgebra::Vector4;

use super::error::LabelError;
use super::grid::{column_norms, linear_part};
use crate::volume::{Affine, Volume};

/// How far apart, in voxels of the image, the corners of image and label map may lie. Headers that
/// went through other programs differ by rounding; a tenth of a voxel harms no training.
const MOST_APART: f64 = 0.1;
/// How far a stored value may be from a whole number: scaled storage rounds.
const WHOLE: f32 = 1e-3;

/// The labels of `label`, after checking that it lies on the grid of `image` and that every voxel
/// holds a whole number from 0 to `classes - 1`; at most 256 classes.
///
/// The grids are the same if their shapes are equal and no corners lie further apart than a tenth of
/// a voxel. What is left of a difference is ignored: voxels correspond by index.
///
/// # Errors
/// What is wrong, and where.
pub fn check_labels(image: &Volume, label: &Volume, classes: usize) -> Result<Vec<u8>, LabelError> {
    let shape = label.shape();
    check_grids((image.shape(), image.affine()), (shape, label.affine()))?;
    let mut labels = Vec::with_capacity(label.data().len());
    for (at, &value) in label.data().iter().enumerate() {
        // Saturating: what is out of range is caught by the comparisons.
        let whole = value.round_ties_even() as u8;
        let is_whole = (value - f32::from(whole)).abs() <= WHOLE;
        if !is_whole || usize::from(whole) >= classes {
            return Err(no_label(value, at, shape, classes));
        }
        labels.push(whole);
    }
    Ok(labels)
}

/// That a label map lies on the grid of an image, as [`check_labels`] does, by the shape and the affine of each.
///
/// # Errors
/// What is different, and how far apart it lies.
pub fn check_grids(
    image: ([usize; 3], &Affine),
    label: ([usize; 3], &Affine),
) -> Result<(), LabelError> {
    let ((image, a), (label, b)) = (image, label);
    if label != image {
        return Err(LabelError::Shape { label, image });
    }
    check_place(image, a, b)
}

fn no_label(value: f32, at: usize, shape: [usize; 3], classes: usize) -> LabelError {
    let [_, n1, n2] = shape;
    let voxel = [at / (n1 * n2), at / n2 % n1, at % n2];
    if (value - value.round_ties_even()).abs() <= WHOLE {
        LabelError::OutOfRange {
            value: value.round_ties_even(),
            voxel,
            classes,
        }
    } else {
        LabelError::NotWhole { value, voxel }
    }
}

/// That a label map of affine `b` lies where its image of the same shape and of affine `a` does.
fn check_place(shape: [usize; 3], a: &Affine, b: &Affine) -> Result<(), LabelError> {
    let distance = corner_distance(a, b, shape);
    let spacing = |m: &Affine| column_norms(&linear_part(m));
    let [x, y, z] = spacing(a);
    if distance <= MOST_APART * x.min(y).min(z) {
        return Ok(());
    }
    let apart = |p: [f64; 3], q: [f64; 3]| (0..3).any(|i| (p[i] - q[i]).abs() > 1e-3);
    let what = if apart(spacing(a), spacing(b)) {
        "voxel size"
    } else if (linear_part(a) - linear_part(b)).amax() > 1e-3 * x.max(y).max(z) {
        "orientation"
    } else {
        "origin"
    };
    Err(LabelError::Place { what, distance })
}

/// The largest distance between corresponding corners of two grids of `shape`, mm; infinite where an
/// affine is not finite.
fn corner_distance(a: &Affine, b: &Affine, shape: [usize; 3]) -> f64 {
    let last = shape.map(|n| n.saturating_sub(1) as f64);
    let distance = |corner: usize| {
        let end = |axis: usize| {
            if corner >> axis & 1 == 1 {
                last[axis]
            } else {
                0.0
            }
        };
        let index = Vector4::new(end(0), end(1), end(2), 1.0);
        let distance = (a * index - b * index).norm();
        if distance.is_finite() {
            distance
        } else {
            f64::INFINITY
        }
    };
    (0..8).map(distance).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::VolumeError;

    fn volume(data: [f32; 4], affine: Affine) -> Result<Volume, VolumeError> {
        Volume::new([2, 2, 1], data.to_vec(), affine)
    }

    #[test]
    fn labels_on_the_grid_of_the_image_are_taken() -> Result<(), Box<dyn std::error::Error>> {
        let image = volume([0.5; 4], Affine::identity())?;
        let mut near = Affine::identity();
        near[(0, 3)] = 0.01;
        let label = volume([0.0, 2.000_1, 1.0, -0.0], near)?;
        assert_eq!(check_labels(&image, &label, 3)?, [0, 2, 1, 0]);
        Ok(())
    }

    #[test]
    fn a_label_map_on_another_grid_is_refused_with_the_difference() -> Result<(), VolumeError> {
        let image = volume([0.5; 4], Affine::identity())?;
        let other = Volume::new([2, 1, 2], vec![0.0; 4], Affine::identity())?;
        let result = check_labels(&image, &other, 2);
        assert!(
            matches!(result, Err(LabelError::Shape { .. })),
            "{result:?}"
        );
        let mut affines = [Affine::identity(); 3];
        affines[0][(2, 2)] = 1.5;
        affines[1][(0, 0)] = -1.0;
        affines[2][(1, 3)] = 3.0;
        for (affine, expected) in affines
            .into_iter()
            .zip(["voxel size", "orientation", "origin"])
        {
            // One voxel cannot tell how long it is: the difference must move a corner.
            let image = Volume::new([2, 2, 2], vec![0.5; 8], Affine::identity())?;
            let label = Volume::new([2, 2, 2], vec![0.0; 8], affine)?;
            match check_labels(&image, &label, 2) {
                Err(LabelError::Place { what, .. }) => assert_eq!(what, expected),
                other => panic!("{other:?}"),
            }
        }
        Ok(())
    }

    #[test]
    fn grids_are_compared_without_voxels() {
        let (here, shape) = (Affine::identity(), [200, 200, 100]);
        let mut turned = here;
        turned[(0, 0)] = 1.0 + 1e-4;
        assert_eq!(check_grids((shape, &here), (shape, &turned)), Ok(()));
        turned[(0, 0)] = 1.01;
        let place = check_grids((shape, &here), (shape, &turned));
        assert!(matches!(place, Err(LabelError::Place { .. })), "{place:?}");
        let (image, label) = (shape, [100, 200, 200]);
        let found = check_grids((image, &here), (label, &here));
        assert_eq!(found, Err(LabelError::Shape { label, image }));
    }

    #[test]
    fn how_far_labels_may_lie_off_is_a_share_of_the_shortest_edge_of_a_voxel() {
        let (mut here, shape) = (Affine::identity(), [20, 20, 10]);
        here[(2, 2)] = 5.0;
        let moved = |by: f64| {
            let mut there = here;
            there[(0, 3)] = by;
            check_grids((shape, &here), (shape, &there))
        };
        assert_eq!(moved(0.09), Ok(()));
        let place = moved(0.2);
        assert!(
            matches!(place, Err(LabelError::Place { what: "origin", .. })),
            "{place:?}"
        );
    }

    #[test]
    fn what_is_no_label_is_refused_with_its_voxel() -> Result<(), VolumeError> {
        let image = volume([0.5; 4], Affine::identity())?;
        let check = |value: f32| {
            let label = volume([0.0, 1.0, value, 1.0], Affine::identity())?;
            Ok::<_, VolumeError>(check_labels(&image, &label, 14))
        };
        let voxel = [1, 0, 0];
        for value in [0.5, -0.3, 13.9] {
            assert_eq!(check(value)?, Err(LabelError::NotWhole { value, voxel }));
        }
        for value in [14.0, -1.0, 256.0, 1e9] {
            let classes = 14;
            let expected = LabelError::OutOfRange {
                value,
                voxel,
                classes,
            };
            assert_eq!(check(value)?, Err(expected));
        }
        assert!(check(f32::NAN)?.is_err() && check(f32::INFINITY)?.is_err());
        Ok(())
    }
}
