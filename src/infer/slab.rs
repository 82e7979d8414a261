//! The part of a volume that windows are being put together in.

use crate::infer::{InferError, SlidingWindow, WindowPlan};
use crate::platform::each_chunk;
use crate::volume::Region;

/// Smallest Gaussian weight, relative to the largest: a voxel at the very corner of a window still counts.
const SMALLEST: f32 = 1e-3;

/// Logit of the background where windows were passed over; that of every class is 0: odds of twenty to one against each.
/// In a voxel that another window saw, a structure stands where that one is surer of it than so, and doubt gives way to
/// air.
pub(super) const UNSEEN: f32 = 3.0;

/// Sums of logits and of weights over as many planes as a window is deep.
pub(super) struct Slab {
    /// Logits `[window[0], padded[1], padded[2], classes]`, then the sum of weights as one class more, and where windows
    /// may be passed over the largest of their weights as another.
    sums: Vec<f32>,
    classes: usize,
    /// Numbers of a plane.
    plane: usize,
    /// Numbers of a voxel.
    voxel: usize,
    /// Padded voxels of a row.
    width: usize,
    /// Plane of the padded volume at the front of the buffer.
    front: usize,
    weights: [Vec<f32>; 3],
}

impl Slab {
    pub(super) fn new(
        settings: &SlidingWindow,
        plan: &WindowPlan,
        classes: usize,
    ) -> Result<Self, InferError> {
        let voxel = classes + 1 + usize::from(settings.skip_air);
        let [_, p1, p2] = plan.padded;
        let size = [plan.window[0], p1, p2, voxel]
            .into_iter()
            .try_fold(1usize, usize::checked_mul)
            .ok_or(InferError::Memory)?;
        let mut sums = Vec::new();
        sums.try_reserve_exact(size)
            .map_err(|_| InferError::Memory)?;
        sums.resize(size, 0.0);
        Ok(Slab {
            sums,
            classes,
            plane: p1 * p2 * voxel,
            voxel,
            width: p2,
            front: 0,
            weights: [0, 1, 2].map(|axis| settings.weights(axis)),
        })
    }

    /// Adds a window's logits, `[region.size, classes]`.
    pub(super) fn add(&mut self, logits: &[f32], region: &Region) {
        let classes = self.classes;
        self.weigh(region, |at, sums, weight| {
            let logits = &logits[at * classes..][..classes];
            for (sum, logit) in sums.iter_mut().zip(logits) {
                *sum += weight * logit;
            }
            sums[classes] += weight;
        });
    }

    /// Notes a window that nobody looked at. Several of them count as the nearest alone: where there is tissue, that weighs
    /// no more than the window whose middle it lies in.
    pub(super) fn pass_over(&mut self, region: &Region) {
        let unseen = self.classes + 1;
        self.weigh(region, |_, sums, weight| {
            if let Some(largest) = sums.get_mut(unseen) {
                *largest = largest.max(weight);
            }
        });
    }

    /// Hands each voxel of a window to `put(voxel of the window, sums, weight)`.
    fn weigh(&mut self, region: &Region, put: impl Fn(usize, &mut [f32], f32) + Sync) {
        let [_, w1, w2] = region.size;
        let (offset, front) = (region.start[0] - self.front, self.front);
        let (voxel, width) = (self.voxel, self.width);
        let weights = &self.weights;
        debug_assert!(region.start[0] >= front);
        each_chunk(&mut self.sums, self.plane, |plane, sums: &mut [f32]| {
            let Some(depth) = plane.checked_sub(offset).filter(|d| *d < region.size[0]) else {
                return;
            };
            for row in 0..w1 {
                let outer = weights[0][depth] * weights[1][row];
                let to = ((region.start[1] + row) * width + region.start[2]) * voxel;
                let from = (depth * w1 + row) * w2;
                let sums = sums[to..to + w2 * voxel].chunks_exact_mut(voxel);
                for ((at, sums), inner) in (from..).zip(sums).zip(&weights[2]) {
                    put(at, sums, (outer * inner).max(SMALLEST));
                }
            }
        });
    }

    /// Hands the planes before `front` on, without the padding, and makes room at the back: no later window touches them.
    pub(super) fn advance_to(
        &mut self,
        front: usize,
        plan: &WindowPlan,
        sink: &mut dyn FnMut(&[f32]) -> Result<(), InferError>,
    ) -> Result<(), InferError> {
        let planes = front.saturating_sub(self.front);
        if planes == 0 {
            return Ok(());
        }
        let classes = self.classes;
        let [n0, n1, n2] = plan.shape;
        let [b0, b1, b2] = plan.before;
        let mut out = vec![0.0; n1 * n2 * classes];
        for plane in 0..planes {
            let at = self.front + plane;
            if at < b0 || at >= b0 + n0 {
                continue;
            }
            let sums = &self.sums[plane * self.plane..(plane + 1) * self.plane];
            each_chunk(&mut out, n2 * classes, |row, out: &mut [f32]| {
                let from = ((b1 + row) * self.width + b2) * self.voxel;
                let sums = sums[from..from + n2 * self.voxel].chunks_exact(self.voxel);
                for (out, sums) in out.chunks_exact_mut(classes).zip(sums) {
                    mean(sums, out);
                }
            });
            sink(&out)?;
        }
        let gone = (planes * self.plane).min(self.sums.len());
        let kept = self.sums.len() - gone;
        self.sums.copy_within(gone.., 0);
        self.sums[kept..].fill(0.0);
        self.front += planes;
        Ok(())
    }
}

/// The logits of a voxel, as many as `out` holds, from its sums.
#[inline]
fn mean(sums: &[f32], out: &mut [f32]) {
    let (of_classes, of_weights) = sums.split_at(out.len());
    let (seen, air) = match *of_weights {
        [seen, air] => (seen, air),
        [seen, ..] => (seen, 0.0),
        [] => return,
    };
    let scale = (seen + air).recip();
    for (out, sum) in out.iter_mut().zip(of_classes) {
        *out = sum * scale;
    }
    if air > 0.0
        && let ([background, ..], [sum, ..]) = (out, of_classes)
    {
        *background = (sum + UNSEEN * air) * scale;
    }
}
