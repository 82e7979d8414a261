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

    /// Where its rows start in the data of a volume of `shape` that it lies inside, in C order.
    pub(crate) fn row_starts(self, shape: [usize; 3]) -> impl Iterator<Item = usize> {
        let Region { start, size } = self;
        let rows = move |i: usize| (start[1]..start[1] + size[1]).map(move |j| (i, j));
        (start[0]..start[0] + size[0])
            .flat_map(rows)
            .map(move |(i, j)| (i * shape[1] + j) * shape[2] + start[2])
    }

    /// Its rows in the data of such a volume.
    pub(crate) fn rows<T>(self, data: &[T], shape: [usize; 3]) -> impl Iterator<Item = &[T]> {
        self.row_starts(shape)
            .map(move |start| &data[start..][..self.size[2]])
    }

    /// Copies its voxels from the data of such a volume to `out`, which has one value for each of them.
    pub(crate) fn copy<T: Copy>(self, data: &[T], shape: [usize; 3], out: &mut [T]) {
        let targets = out.chunks_exact_mut(self.size[2].max(1));
        for (target, row) in targets.zip(self.rows(data, shape)) {
            target.copy_from_slice(row);
        }
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

    #[test]
    fn the_voxels_of_a_region_are_copied_in_order() {
        let data: Vec<usize> = (0..60).collect();
        let mut out = [0; 8];
        let region = Region {
            start: [1, 2, 3],
            size: [2, 2, 2],
        };
        region.copy(&data, [3, 4, 5], &mut out);
        assert_eq!(out, [33, 34, 38, 39, 53, 54, 58, 59]);
        let empty = Region {
            size: [2, 2, 0],
            ..region
        };
        empty.copy(&data, [3, 4, 5], &mut []);
    }
}
