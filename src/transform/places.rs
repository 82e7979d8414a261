//! Where the voxels of the input lie in the prepared volume.

use std::ops::Range;

use super::grid::IndexMap;
use super::{Geometry, TransformError};

/// A place this close to a voxel, in voxels, is on it: flips and permutations are then exact.
const ON_VOXEL: f64 = 1e-6;

/// From voxels of the input to places in the prepared volume.
#[derive(Debug, Clone)]
pub(super) struct Places {
    map: IndexMap,
    /// First and last voxel of the foreground's box on each axis.
    first: [f64; 3],
    last: [f64; 3],
    /// How far before the first and behind the last a place may lie and still belong to the box.
    reach: [[f64; 2]; 3],
}

impl Places {
    pub(super) fn new(geometry: &Geometry) -> Result<Self, TransformError> {
        let Geometry {
            input,
            prepared,
            inside,
            resampled,
            crop,
        } = geometry;
        for shape in [input.shape, prepared.shape, inside.size] {
            if shape.contains(&0) {
                return Err(TransformError::Empty { shape });
            }
        }
        if !inside.fits(prepared.shape) {
            return Err(TransformError::RegionOutside {
                region: *inside,
                shape: prepared.shape,
            });
        }
        let map = IndexMap::between(&prepared.affine, &input.affine)?;
        let reach = std::array::from_fn(|a| {
            let overhang = overhang(&map, a).max(0.5);
            let rims = [
                crop.start[a] == 0,
                crop.start[a].saturating_add(crop.size[a]) >= resampled.shape[a],
            ];
            rims.map(|rim| if rim { overhang } else { 0.5 } + ON_VOXEL)
        });
        Ok(Self {
            map,
            reach,
            first: inside.start.map(|s| s as f64),
            last: std::array::from_fn(|a| (inside.start[a] + inside.size[a] - 1) as f64),
        })
    }

    /// The place of voxel `(i, j, k)`, moved into the box; `None` for background.
    #[inline(always)]
    pub(super) fn of(&self, i: usize, j: usize, k: usize) -> Option<[f64; 3]> {
        let m = &self.map.linear;
        let (i, j, k) = (i as f64, j as f64, k as f64);
        let mut place = [0.0; 3];
        for a in 0..3 {
            let s = m[(a, 0)] * i + m[(a, 1)] * j + m[(a, 2)] * k + self.map.offset[a];
            let whole = s.round_ties_even();
            let s = if (s - whole).abs() < ON_VOXEL {
                whole
            } else {
                s
            };
            let [before, behind] = self.reach[a];
            if !(s >= self.first[a] - before && s <= self.last[a] + behind) {
                return None;
            }
            place[a] = s.clamp(self.first[a], self.last[a]);
        }
        Some(place)
    }

    /// A range of the `n` voxels `k` of row `(i, j)` that holds every one whose place lies in `[low, high]` on axis 0,
    /// and a few more: whoever reads them asks [`Self::of`].
    pub(super) fn span(&self, i: usize, j: usize, n: usize, low: f64, high: f64) -> Range<usize> {
        let m = &self.map.linear;
        let start = m[(0, 0)] * i as f64 + m[(0, 1)] * j as f64 + self.map.offset[0];
        let along = m[(0, 2)];
        // Places outside the box are moved into it.
        let [before, behind] = self.reach[0].map(|reach| reach + 0.5);
        let (low, high) = (low - before, high + behind);
        let end = start + along * n.saturating_sub(1) as f64;
        if start.max(end) < low || start.min(end) > high {
            return 0..0;
        }
        let (a, b) = ((low - start) / along, (high - start) / along);
        if !(a.is_finite() && b.is_finite()) {
            return 0..n;
        }
        // Casts saturate: what lies before the row is its beginning.
        let first = (a.min(b).floor() as usize).min(n);
        first
            ..((a.max(b).ceil() as usize).saturating_add(1))
                .min(n)
                .max(first)
    }
}

/// How far a voxel of the input may lie outside of the resampled volume along its axis `a`, in voxels of that.
///
/// Its size is rounded to whole voxels, and where it does not begin where the input does, both are laid with the middle of
/// their voxels' ranges, `n / 2`, upon each other: a row of the input that is `r` voxels high then begins
/// `(r - 1 - rest) / 2` before it, the rest being at most a half (specification 2.3).
fn overhang(map: &IndexMap, a: usize) -> f64 {
    let row = [0, 1, 2].map(|column| map.linear[(a, column)].abs());
    let largest = row.iter().copied().fold(0.0, f64::max);
    let others = row.iter().sum::<f64>() - largest;
    ((largest - 1.0).abs() + others) / 2.0 + 0.25
}

/// Lower neighbour of a place on each axis, and the weight of the upper one.
#[inline(always)]
pub(super) fn neighbours(place: [f64; 3]) -> ([usize; 3], [f64; 3]) {
    let low = place.map(|s| s as usize);
    (low, std::array::from_fn(|a| place[a] - low[a] as f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::Space;
    use crate::volume::{Affine, Region};

    const INPUT: [usize; 3] = [10, 6, 12];

    /// An input turned about its second axis and shifted, and a box that leaves the rim of the prepared volume out or ends
    /// with it.
    fn geometry(angle: f64, rim: bool) -> Geometry {
        let (sin, cos) = angle.sin_cos();
        let mut affine = Affine::identity();
        for (at, value) in [
            ((0, 0), cos),
            ((0, 2), -sin),
            ((2, 0), sin),
            ((2, 2), cos),
            ((1, 1), 1.1),
            ((0, 3), 1.3),
            ((1, 3), -0.4),
            ((2, 3), 0.7),
        ] {
            affine[at] = value;
        }
        let prepared = Space {
            shape: [9, 8, 7],
            affine: Affine::identity(),
        };
        let inside = match rim {
            true => Region {
                start: [0; 3],
                size: prepared.shape,
            },
            false => Region {
                start: [1, 2, 1],
                size: [6, 5, 4],
            },
        };
        Geometry {
            input: Space {
                shape: INPUT,
                affine,
            },
            resampled: prepared,
            crop: inside,
            inside,
            prepared,
        }
    }

    #[test]
    fn a_span_holds_every_voxel_whose_place_lies_in_its_range() {
        let [n0, n1, n2] = INPUT;
        let mut left_out = 0;
        let angles = [0.0, 0.3, -0.7, 1.0, 1.5, 3.0];
        for (angle, rim) in angles
            .iter()
            .flat_map(|angle| [(*angle, false), (*angle, true)])
        {
            let places = Places::new(&geometry(angle, rim)).unwrap();
            let mut held = 0;
            for (start, end) in
                (0u8..9).flat_map(|start| (start + 1..=9).map(move |end| (start, end)))
            {
                let (low, high) = (f64::from(start) - 1.0, f64::from(end) - 1.0);
                for (i, j) in (0..n0).flat_map(|i| (0..n1).map(move |j| (i, j))) {
                    let span = places.span(i, j, n2, low, high);
                    left_out += n2 - span.len();
                    for k in 0..n2 {
                        let place = places.of(i, j, k);
                        if place.is_some_and(|place| (low..=high).contains(&place[0])) {
                            assert!(span.contains(&k), "{angle}: {i} {j} {k} of {low} to {high}");
                            held += 1;
                        }
                    }
                }
            }
            assert!(held > 0, "{angle}");
        }
        assert!(left_out > 0, "a span that holds all is no range");
    }
}
