//! Where the voxels of a prepared volume come from.

use crate::volume::{Affine, Region, Volume};

/// A grid of voxels in the world.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Space {
    /// Voxels per axis.
    pub shape: [usize; 3],
    /// Index to world, millimetres, RAS+.
    pub affine: Affine,
}

impl Space {
    /// The grid of a volume.
    pub fn of(v: &Volume) -> Self {
        Self {
            shape: v.shape(),
            affine: *v.affine(),
        }
    }
}

/// The grids a volume passed on its way to the network, in their order.
///
/// The affines place all of them in one world, so any of them can be mapped to any other; the crop
/// and the padding say which voxels hold something of the input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Geometry {
    /// The file's grid.
    pub input: Space,
    /// After orientation and spacing.
    pub resampled: Space,
    /// The foreground's box in `resampled`.
    pub crop: Region,
    /// The same box in `prepared`: what lies around it is padding.
    pub inside: Region,
    /// What the network sees.
    pub prepared: Space,
}
