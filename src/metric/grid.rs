//! Two label maps on one grid, and where each label lies in them.

use super::MetricError;
use crate::volume::Region;

/// A prediction and its reference on the same grid.
#[derive(Debug, Clone, Copy)]
pub struct LabelPair<'a> {
    prediction: &'a [u8],
    reference: &'a [u8],
    shape: [usize; 3],
    spacing: [f64; 3],
    voxel_ml: f64,
}

impl<'a> LabelPair<'a> {
    /// Two label maps of `shape`, C order, with `spacing` in mm between voxels, along axes at right angles unless
    /// [`LabelPair::with_voxel_ml`] says otherwise.
    ///
    /// # Errors
    /// [`MetricError::Shape`] unless both have one label per voxel, [`MetricError::Spacing`] unless all distances
    /// are finite and above 0.
    pub fn new(
        prediction: &'a [u8],
        reference: &'a [u8],
        shape: [usize; 3],
        spacing: [f64; 3],
    ) -> Result<Self, MetricError> {
        let voxels = (shape[0].checked_mul(shape[1])).and_then(|n| n.checked_mul(shape[2]));
        if voxels != Some(prediction.len()) || voxels != Some(reference.len()) {
            return Err(MetricError::Shape {
                shape,
                prediction: prediction.len(),
                reference: reference.len(),
            });
        }
        check_spacing(spacing)?;
        Ok(Self {
            prediction,
            reference,
            shape,
            spacing,
            voxel_ml: spacing.iter().product::<f64>() / 1000.0,
        })
    }

    /// The same maps with voxels of `voxel_ml` mL. Along axes that are not at right angles, as those of a tilted gantry,
    /// they are smaller than their spacing says; see [`Volume::voxel_ml`](crate::volume::Volume::voxel_ml).
    #[must_use]
    pub fn with_voxel_ml(self, voxel_ml: f64) -> Self {
        Self { voxel_ml, ..self }
    }

    /// The labels that are judged, C order.
    pub fn prediction(&self) -> &'a [u8] {
        self.prediction
    }

    /// The labels that are right, C order.
    pub fn reference(&self) -> &'a [u8] {
        self.reference
    }

    /// Voxels per axis.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// Distance between neighbouring voxels per axis, mm.
    pub fn spacing(&self) -> [f64; 3] {
        self.spacing
    }

    /// Volume of a voxel, mL.
    pub fn voxel_ml(&self) -> f64 {
        self.voxel_ml
    }

    /// For each of the 256 labels the smallest box that holds it in both maps.
    pub(super) fn boxes(&self) -> Vec<Option<Region>> {
        let mut bounds = vec![None; 256];
        for map in [self.prediction, self.reference] {
            let rows = map.chunks_exact(self.shape[2].max(1)).enumerate();
            for (row, labels) in rows {
                let (i, j) = (row / self.shape[1].max(1), row % self.shape[1].max(1));
                let mut k = 0;
                for run in labels.chunk_by(|a, b| a == b) {
                    let seen = ([i, j, k], [i, j, k + run.len() - 1]);
                    k += run.len();
                    if let Some(bound) = run.first().and_then(|l| bounds.get_mut(usize::from(*l))) {
                        *bound = Some(union(*bound, seen));
                    }
                }
            }
        }
        let region = |(first, last): Corners| Region {
            start: first,
            size: std::array::from_fn(|axis| last[axis] - first[axis] + 1),
        };
        bounds.into_iter().map(|b| b.map(region)).collect()
    }
}

/// First and last voxel of a box.
type Corners = ([usize; 3], [usize; 3]);

fn union(a: Option<Corners>, b: Corners) -> Corners {
    let Some(a) = a else { return b };
    (
        std::array::from_fn(|axis| a.0[axis].min(b.0[axis])),
        std::array::from_fn(|axis| a.1[axis].max(b.1[axis])),
    )
}

/// # Errors
/// [`MetricError::Spacing`] unless all distances are finite and above 0.
fn check_spacing(spacing: [f64; 3]) -> Result<(), MetricError> {
    if spacing.iter().all(|mm| mm.is_finite() && *mm > 0.0) {
        Ok(())
    } else {
        Err(MetricError::Spacing { spacing })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_of_another_grid_are_refused() {
        let (a, b) = ([0; 24], [0; 23]);
        let pair = |p, r, shape, mm| LabelPair::new(p, r, shape, [1.0, 1.0, mm]).err();
        assert_eq!(pair(&a, &a, [2, 3, 4], 1.0), None);
        let refused = pair(&a, &b, [2, 3, 4], 1.0);
        assert!(matches!(refused, Some(MetricError::Shape { .. })));
        let refused = pair(&a, &a, [usize::MAX, 2, 4], 1.0);
        assert!(matches!(refused, Some(MetricError::Shape { .. })));
        for mm in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let refused = pair(&a, &a, [2, 3, 4], mm);
            assert!(matches!(refused, Some(MetricError::Spacing { .. })), "{mm}");
        }
    }

    #[test]
    fn a_box_holds_a_label_of_both_maps() {
        let (mut a, mut b) = ([0; 60], [0; 60]);
        a[23] = 7; // 1, 0, 3
        b[59] = 7; // 2, 3, 4
        let pair = LabelPair::new(&a, &b, [3, 4, 5], [1.0; 3]).unwrap();
        let expected = Region {
            start: [1, 0, 3],
            size: [2, 4, 2],
        };
        assert_eq!(pair.boxes()[7], Some(expected));
        assert_eq!(pair.boxes()[1], None);
    }

    #[test]
    fn a_grid_without_voxels_has_no_boxes() {
        let pair = LabelPair::new(&[], &[], [3, 0, 0], [1.0; 3]).unwrap();
        assert!(pair.boxes().iter().all(Option::is_none));
    }
}
