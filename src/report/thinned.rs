//! A picture of fewer voxels, where all of them would make too large a one.

use super::display::Display;
use crate::train::Picture;
use crate::volume::Affine;

/// Every so many-th voxel of each row and column of a picture's axial slices; all slices stay.
pub(super) fn thinned(picture: &Picture, step: usize) -> Picture {
    match picture {
        Picture::Reconstruction {
            shape,
            affine,
            original,
            view1,
            view2,
            reconstruction,
        } => {
            let grid = Thinning::new(*shape, affine, step);
            Picture::Reconstruction {
                shape: grid.shape(),
                affine: grid.affine(affine),
                original: grid.kept(original),
                view1: grid.kept(view1),
                view2: grid.kept(view2),
                reconstruction: grid.kept(reconstruction),
            }
        }
        Picture::Segmentation {
            name,
            shape,
            affine,
            image,
            labels,
            prediction,
        } => {
            let grid = Thinning::new(*shape, affine, step);
            Picture::Segmentation {
                name: name.clone(),
                shape: grid.shape(),
                affine: grid.affine(affine),
                image: grid.kept(image),
                labels: grid.kept(labels),
                prediction: grid.kept(prediction),
            }
        }
    }
}

/// Which voxels of a volume are kept.
struct Thinning {
    from: [usize; 3],
    /// From one kept voxel to the next along each axis.
    steps: [usize; 3],
}

impl Thinning {
    fn new(from: [usize; 3], affine: &Affine, step: usize) -> Self {
        let across = Display::axial(affine, 1).axis;
        let steps = [0, 1, 2].map(|axis| if axis == across { 1 } else { step.max(1) });
        Thinning { from, steps }
    }

    fn shape(&self) -> [usize; 3] {
        let [n0, n1, n2] = self.from;
        let [step0, step1, step2] = self.steps;
        [n0.div_ceil(step0), n1.div_ceil(step1), n2.div_ceil(step2)]
    }

    /// Of the kept voxels, which are further apart.
    fn affine(&self, affine: &Affine) -> Affine {
        let mut thin = *affine;
        for (axis, step) in self.steps.into_iter().enumerate() {
            thin.column_mut(axis).scale_mut(step as f64);
        }
        thin
    }

    /// The kept ones of some values; none of what is not there.
    fn kept<T: Copy>(&self, values: &[T]) -> Vec<T> {
        let [n0, n1, n2] = self.from;
        let [step0, step1, step2] = self.steps;
        let mut kept = Vec::new();
        for x in (0..n0).step_by(step0) {
            for y in (0..n1).step_by(step1) {
                let row = (0..n2).step_by(step2);
                kept.extend(row.filter_map(|z| values.get((x * n1 + y) * n2 + z)));
            }
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_lose_rows_and_columns_and_none_is_lost() {
        // The second stored axis runs from foot to head.
        let affine = Affine::new(
            2.0, 0.0, 0.0, 5.0, 0.0, 0.0, 3.0, 6.0, 0.0, 4.0, 0.0, 7.0, 0.0, 0.0, 0.0, 1.0,
        );
        let shape = [3, 2, 4];
        let picture = Picture::Segmentation {
            name: "scan".to_owned(),
            shape,
            affine,
            image: (0..24_u8).map(f32::from).collect(),
            labels: Vec::new(),
            prediction: (0..24).collect(),
        };
        let Picture::Segmentation {
            name,
            shape,
            affine,
            image,
            labels,
            prediction,
        } = thinned(&picture, 2)
        else {
            panic!("another kind of picture");
        };
        assert_eq!((name.as_str(), shape), ("scan", [2, 2, 2]));
        assert_eq!(prediction, [0, 2, 4, 6, 16, 18, 20, 22]);
        assert_eq!(image.len(), 8);
        assert!(labels.is_empty());
        let spacing = Display::axial(&affine, 1).spacing;
        assert_eq!(spacing, [4.0, 4.0, 6.0]);
        assert_eq!(affine[(0, 3)], 5.0);
    }
}
