//! The voxel grid of one case.

use super::draw::Draw;
use super::patient::Patient;
use super::point::Point;
use super::spec::{MIN_EXTENT, PhantomSpec};

/// Voxel counts and sizes along left-right, back-front, foot-head. The middle of the grid is the
/// scanner's origin.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    pub(super) shape: [usize; 3],
    pub(super) spacing: [f64; 3],
}

impl Grid {
    /// The grid for a patient: the field of view follows the width of the body, as it does in
    /// practice.
    pub(super) fn draw(spec: &PhantomSpec, patient: &Patient, draw: &mut Draw) -> Self {
        let mut grid = Self {
            shape: spec.shape,
            spacing: spec.spacing,
        };
        let extent = grid.extent();
        let [width, depth, _] = patient.extent();
        let reach = spec.grid_variation as f32;
        let wish = (width * draw.between(1.02, 1.16) / extent[0]).max((depth + 25.0) / extent[1]);
        let smallest = (MIN_EXTENT[0] as f32 / extent[0]).max(MIN_EXTENT[1] as f32 / extent[1]);
        let plane = f64::from(wish.clamp(1.0 - reach, 1.0 + reach).max(smallest.min(1.0)));
        let slice = f64::from(draw.between(1.0 - reach, 1.0 + reach));
        if spec.grid_variation > 0.0 {
            grid.spacing[0] *= plane;
            grid.spacing[1] *= plane;
            grid.spacing[2] *= slice;
            grid.shape[2] = spec.slices(slice);
        }
        grid
    }

    pub(super) fn voxels(&self) -> usize {
        self.shape.iter().product()
    }

    /// Field of view, mm.
    pub(super) fn extent(&self) -> [f32; 3] {
        std::array::from_fn(|a| (self.shape[a] as f64 * self.spacing[a]) as f32)
    }

    /// Position of a voxel (or of a lattice point between voxels) in the scanner, mm.
    pub(super) fn position(&self, index: [usize; 3]) -> Point {
        Point::from(std::array::from_fn::<f32, 3, _>(|a| {
            ((index[a] as f64 - (self.shape[a] as f64 - 1.0) / 2.0) * self.spacing[a]) as f32
        }))
    }
}
