//! Which windows cover a volume (specification 9.1).

use crate::volume::Region;

/// Why a volume cannot be cut into windows.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum WindowError {
    /// The window or the volume has no voxels, or more than can be counted.
    #[error(
        "windows of {window:?} voxels cannot cover a volume of {shape:?}: every axis of both needs at least one voxel"
    )]
    Size {
        /// Voxels per axis of a window.
        window: [usize; 3],
        /// Voxels per axis of the volume.
        shape: [usize; 3],
    },
    /// The image does not have one value a voxel.
    #[error("the image has {found} values, not one for each voxel of a volume of {shape:?}")]
    Values {
        /// Values of the image.
        found: usize,
        /// Voxels per axis of the volume.
        shape: [usize; 3],
    },
    /// The overlap is not a share below 1.
    #[error("the overlap of the windows is {overlap}: it must be at least 0 and below 1")]
    Overlap {
        /// The value given.
        overlap: f64,
    },
}

/// The windows that cover a volume, as the original places them: in even intervals from the first
/// voxel on, the last one pulled back to the end.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowPlan {
    /// Voxels per axis of a window.
    pub window: [usize; 3],
    /// Voxels per axis of the volume.
    pub shape: [usize; 3],
    /// Voxels per axis after short axes were padded with zeros to the window.
    pub padded: [usize; 3],
    /// Where the volume starts in the padded one: half of the padding, rounded down.
    pub before: [usize; 3],
    /// Voxels from one window to the next.
    pub interval: [usize; 3],
    /// Where windows start on each axis of the padded volume, ascending.
    pub starts: [Vec<usize>; 3],
}

impl WindowPlan {
    /// The windows of `window` voxels over a volume of `shape`, of which neighbours share the part
    /// `overlap`.
    ///
    /// # Errors
    /// When an axis has no voxels, or `overlap` lies outside `[0, 1)`.
    pub fn new(shape: [usize; 3], window: [usize; 3], overlap: f64) -> Result<Self, WindowError> {
        let padded: [usize; 3] = std::array::from_fn(|a| shape[a].max(window[a]));
        let countable = padded.iter().try_fold(1usize, |n, &m| n.checked_mul(m));
        if shape.contains(&0) || window.contains(&0) || countable.is_none() {
            return Err(WindowError::Size { window, shape });
        }
        if !(0.0..1.0).contains(&overlap) {
            return Err(WindowError::Overlap { overlap });
        }
        let interval: [usize; 3] = std::array::from_fn(|a| {
            if window[a] == padded[a] {
                window[a]
            } else {
                // Rounded down in floating point, as the original does.
                ((window[a] as f64 * (1.0 - overlap)) as usize).max(1)
            }
        });
        let starts = std::array::from_fn(|a| {
            let last = padded[a] - window[a];
            let mut starts: Vec<usize> = (0..last).step_by(interval[a]).collect();
            starts.push(last);
            starts
        });
        Ok(Self {
            window,
            shape,
            padded,
            before: std::array::from_fn(|a| (padded[a] - shape[a]) / 2),
            interval,
            starts,
        })
    }

    /// Checks that an image has one value a voxel of the volume.
    ///
    /// # Errors
    /// [`WindowError::Values`] where it has not.
    pub fn check_values(&self, image: &[f32]) -> Result<(), WindowError> {
        let (found, shape) = (image.len(), self.shape);
        match found == shape.iter().product::<usize>() {
            true => Ok(()),
            false => Err(WindowError::Values { found, shape }),
        }
    }

    /// How many windows there are.
    pub fn count(&self) -> usize {
        self.starts.iter().map(Vec::len).product()
    }

    /// The part of a window that no other window has nearer to its middle, in voxels of the window. These parts fill the
    /// padded volume without overlap.
    pub fn own_part(&self, window: &Region) -> Region {
        let between = |axis: usize, first: usize, second: usize| {
            let shared = (first + self.window[axis]).saturating_sub(second);
            second + shared / 2
        };
        let bounds: [(usize, usize); 3] = std::array::from_fn(|axis| {
            let (starts, start) = (&self.starts[axis], window.start[axis]);
            let at = starts.partition_point(|s| *s < start);
            let from = match at.checked_sub(1).and_then(|before| starts.get(before)) {
                Some(before) => between(axis, *before, start) - start,
                None => 0,
            };
            let to = match starts.get(at + 1) {
                Some(after) => between(axis, start, *after) - start,
                None => self.window[axis],
            };
            (from, to)
        });
        Region {
            start: bounds.map(|(from, _)| from),
            size: bounds.map(|(from, to)| to - from),
        }
    }

    /// The windows in the padded volume: axis 0 slowest, axis 2 fastest.
    pub fn windows(&self) -> impl Iterator<Item = Region> + '_ {
        let [is, js, ks] = &self.starts;
        is.iter().flat_map(move |&i| {
            js.iter().flat_map(move |&j| {
                ks.iter().map(move |&k| Region {
                    start: [i, j, k],
                    size: self.window,
                })
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_voxel_is_covered_and_no_window_leaves_the_padded_volume() -> Result<(), WindowError> {
        for (shape, overlap) in [
            ([5, 17, 40], 0.0),
            ([16, 33, 64], 0.25),
            ([3, 90, 31], 0.9),
            ([16, 16, 17], 0.99),
        ] {
            let plan = WindowPlan::new(shape, [16; 3], overlap)?;
            assert_eq!(plan.count(), plan.windows().count());
            assert!(plan.windows().all(|window| window.fits(plan.padded)));
            for axis in 0..3 {
                let covered = |n: usize| plan.starts[axis].iter().any(|&s| s <= n && n < s + 16);
                assert!((0..plan.padded[axis]).all(covered), "{shape:?} {overlap}");
                assert!(plan.starts[axis].is_sorted_by(|a, b| a < b));
            }
        }
        Ok(())
    }

    #[test]
    fn own_parts_fill_the_volume_once_and_lie_in_the_middle() -> Result<(), WindowError> {
        for (shape, overlap) in [
            ([5, 17, 40], 0.0),
            ([16, 33, 64], 0.25),
            ([20, 50, 31], 0.5),
        ] {
            let plan = WindowPlan::new(shape, [16; 3], overlap)?;
            let [d, h, w] = plan.padded;
            let mut times = vec![0u8; d * h * w];
            for window in plan.windows() {
                let own = plan.own_part(&window);
                assert!(own.fits(plan.window), "{own:?}");
                let at = |axis: usize| {
                    let first = window.start[axis] + own.start[axis];
                    first..first + own.size[axis]
                };
                for i in at(0) {
                    for j in at(1) {
                        at(2).for_each(|k| times[(i * h + j) * w + k] += 1);
                    }
                }
            }
            assert!(times.iter().all(|n| *n == 1), "{shape:?} {overlap}");
        }
        let plan = WindowPlan::new([64; 3], [16; 3], 0.5)?;
        let own = plan.own_part(&Region {
            start: [0, 16, 48],
            size: [16; 3],
        });
        assert_eq!((own.start, own.size), ([0, 4, 4], [12, 8, 12]));
        Ok(())
    }

    #[test]
    fn intervals_are_rounded_down() -> Result<(), WindowError> {
        // 7.5 of 10 voxels.
        let plan = WindowPlan::new([30; 3], [10; 3], 0.25)?;
        assert_eq!(plan.interval, [7; 3]);
        assert_eq!(plan.starts[0], [0, 7, 14, 20]);
        Ok(())
    }

    #[test]
    fn what_cannot_be_covered_is_refused() {
        let sizes = [
            ([0, 4, 4], [4; 3]),
            ([4; 3], [4, 0, 4]),
            ([usize::MAX; 3], [4; 3]),
        ];
        for (shape, window) in sizes {
            let result = WindowPlan::new(shape, window, 0.25);
            assert_eq!(result, Err(WindowError::Size { window, shape }));
        }
        for overlap in [-0.1, 1.0, f64::NAN] {
            let result = WindowPlan::new([4; 3], [4; 3], overlap);
            assert!(matches!(result, Err(WindowError::Overlap { .. })));
        }
    }
}
