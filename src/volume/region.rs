//! A box of voxels.

/// A box of voxels: `start..start + size` on each axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Region {
    /// First voxel on each axis.
    pub start: [usize; 3],
    /// Number of voxels on each axis.
    pub size: [usize; 3],
}

impl Region {
    /// Number of voxels, `usize::MAX` where there are more.
    pub fn voxels(&self) -> usize {
        let [a, b, c] = self.size;
        a.saturating_mul(b).saturating_mul(c)
    }

    /// Whether the box lies inside a volume of `shape` voxels.
    pub fn fits(&self, shape: [usize; 3]) -> bool {
        (0..3).all(|axis| {
            self.start[axis]
                .checked_add(self.size[axis])
                .is_some_and(|end| end <= shape[axis])
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_fits_up_to_the_last_voxel() {
        let region = |start, size| Region {
            start: [start, 0, 0],
            size: [size, 4, 4],
        };
        assert!(region(1, 3).fits([4, 4, 4]));
        assert!(!region(2, 3).fits([4, 4, 4]));
        assert!(!region(usize::MAX, 3).fits([4, 4, 4]));
    }
}
