//! Where the voxels of a prepared volume come from.

use super::TransformError;
use super::foreground::cut;
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

impl Geometry {
    /// The values of what the network sees, one a voxel in C order, without the padding: scores are of voxels that were
    /// scanned (specification 4 and 9.2).
    ///
    /// # Errors
    /// [`TransformError::RegionOutside`] where there is not one value for each voxel.
    pub fn without_padding<T: Copy + Default>(&self, data: &[T]) -> Result<Vec<T>, TransformError> {
        let (shape, region) = (self.prepared.shape, self.inside);
        let whole = Region {
            start: [0; 3],
            size: shape,
        };
        if data.len() != whole.voxels() || !region.fits(shape) {
            return Err(TransformError::RegionOutside { region, shape });
        }
        cut(data, shape, region)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn geometry(shape: [usize; 3], inside: Region) -> Geometry {
        let space = |shape| Space {
            shape,
            affine: Affine::identity(),
        };
        let crop = Region {
            start: [0; 3],
            size: inside.size,
        };
        Geometry {
            input: space(inside.size),
            resampled: space(inside.size),
            crop,
            inside,
            prepared: space(shape),
        }
    }

    #[test]
    fn padding_is_left_out_of_the_values_and_other_lengths_are_refused() {
        let inside = Region {
            start: [0, 1, 1],
            size: [2, 1, 2],
        };
        let padded = geometry([2, 3, 4], inside);
        let data: Vec<u8> = (0..24).collect();
        assert_eq!(padded.without_padding(&data).unwrap(), [5, 6, 17, 18]);
        let refused = padded.without_padding(&data[1..]);
        assert!(matches!(refused, Err(TransformError::RegionOutside { .. })));
        let outside = geometry([2, 1, 4], inside);
        assert!(outside.without_padding(&data[..8]).is_err());
    }
}
