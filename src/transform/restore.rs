//! From the prepared grid back onto the voxels of the input.
//!
//! Every voxel of the input reads at its own place in the prepared volume. One whose place lies
//! outside the foreground's box, by more than half a voxel, was never shown to the network and is
//! background; but where the box ends with the scan, nothing lies outside, and voxels that reach over
//! the end read there.

use super::grid::zeros_as_read;
use super::places::{Places, neighbours};
use super::{Geometry, TransformError};
use crate::platform;

impl Geometry {
    /// Values of the prepared volume, for example a class's probabilities, interpolated onto the
    /// voxels of the input; `outside` outside the foreground's box.
    ///
    /// # Errors
    /// [`TransformError::ValueCount`], and when a grid has no voxels or cannot be inverted.
    pub fn restore_values(&self, values: &[f32], outside: f32) -> Result<Vec<f32>, TransformError> {
        let places = Places::new(self)?;
        check_count(values.len(), self.prepared.shape, 1)?;
        let [_, n1, n2] = self.prepared.shape;
        let read = |place| {
            let ([i, j, k], f) = neighbours(place);
            let at = (i * n1 + j) * n2 + k;
            let steps = [n1 * n2, n2, 1];
            // A neighbour of weight 0 may lie outside.
            let step: [usize; 3] = std::array::from_fn(|a| if f[a] > 0.0 { steps[a] } else { 0 });
            let value = |at: usize| f64::from(values[at]);
            let along_k = |at: usize| (1.0 - f[2]) * value(at) + f[2] * value(at + step[2]);
            let along_j = |at: usize| (1.0 - f[1]) * along_k(at) + f[1] * along_k(at + step[1]);
            ((1.0 - f[0]) * along_j(at) + f[0] * along_j(at + step[0])) as f32
        };
        let [_, m1, m2] = self.input.shape;
        let mut out = on_input(self.input.shape)?;
        platform::each_chunk(&mut out, m1 * m2, |i, plane: &mut [f32]| {
            for (n, value) in plane.iter_mut().enumerate() {
                *value = places.of(i, n / m2, n % m2).map_or(outside, read);
            }
        });
        Ok(out)
    }
}

/// Zeros on the voxels of the input.
fn on_input<T: Clone + Default>(shape: [usize; 3]) -> Result<Vec<T>, TransformError> {
    zeros_as_read(shape).ok_or(TransformError::InputTooLarge { shape })
}

fn check_count(found: usize, shape: [usize; 3], classes: usize) -> Result<(), TransformError> {
    let count = shape.iter().try_fold(classes, |n, &m| n.checked_mul(m));
    let expected = count.unwrap_or(usize::MAX);
    if found == expected {
        Ok(())
    } else {
        Err(TransformError::ValueCount {
            found,
            expected,
            shape,
        })
    }
}

/// Scores of all classes on the prepared grid, interpolated onto the voxels of the input, and the
/// best class of every one.
///
/// The scores come plane by plane and are not kept, but for one plane: memory does not depend on
/// classes times volume. They may be probabilities or logits; what is interpolated is what is given.
#[derive(Debug, Clone)]
pub struct LabelRestorer {
    geometry: Geometry,
    places: Places,
    classes: usize,
    labels: Vec<u8>,
    /// The next plane of the prepared volume.
    next: usize,
    /// The plane before it.
    carry: Vec<f32>,
}

impl LabelRestorer {
    /// A restorer for a prediction of `classes` classes on the prepared grid of `geometry`.
    ///
    /// # Errors
    /// When a grid has no voxels or cannot be inverted, or the labels do not fit into memory.
    pub fn new(geometry: &Geometry, classes: usize) -> Result<Self, TransformError> {
        Ok(Self {
            geometry: *geometry,
            places: Places::new(geometry)?,
            classes,
            labels: on_input(geometry.input.shape)?,
            next: 0,
            carry: Vec::new(),
        })
    }

    /// Takes the next planes of the prepared volume along its axis 0: `[planes, n1, n2, classes]`,
    /// classes fastest, any number of planes.
    ///
    /// # Errors
    /// [`TransformError::ValueCount`] for part of a plane, or more planes than there are.
    pub fn push(&mut self, scores: &[f32]) -> Result<(), TransformError> {
        let [n0, n1, n2] = self.geometry.prepared.shape;
        let size = n1.saturating_mul(n2).saturating_mul(self.classes);
        let planes = scores.len() / size.max(1);
        let (start, end) = (self.next, self.next + planes);
        check_count(scores.len(), [planes, n1, n2], self.classes)?;
        if end > n0 {
            return Err(TransformError::ValueCount {
                found: end.saturating_mul(size),
                expected: n0.saturating_mul(size),
                shape: self.geometry.prepared.shape,
            });
        }
        if planes == 0 {
            return Ok(());
        }
        let window = Window {
            carry: &self.carry,
            scores,
            start,
            end,
            row: n2 * self.classes,
            size,
            classes: self.classes,
        };
        let (places, [_, m1, m2]) = (&self.places, self.geometry.input.shape);
        let (low, high) = window.reach();
        platform::each_chunk(&mut self.labels, m1 * m2, |i, plane: &mut [u8]| {
            let mut blend = vec![0.0; window.classes];
            for (j, row) in plane.chunks_exact_mut(m2).enumerate() {
                for k in places.span(i, j, m2, low, high) {
                    if let Some(place) = places.of(i, j, k)
                        && window.can_read(place)
                    {
                        row[k] = window.best(place, &mut blend);
                    }
                }
            }
        });
        let (_, last) = scores.split_at(scores.len() - size);
        self.carry.clear();
        self.carry.extend_from_slice(last);
        self.next = end;
        Ok(())
    }

    /// The labels on the voxels of the input, in C order.
    ///
    /// # Errors
    /// [`TransformError::ValueCount`] when planes are missing.
    pub fn finish(self) -> Result<Vec<u8>, TransformError> {
        let [n0, n1, n2] = self.geometry.prepared.shape;
        let found = [self.next, n1, n2].iter().product::<usize>();
        check_count(found, [n0, n1, n2], 1)?;
        Ok(self.labels)
    }
}

/// The planes at hand: those just pushed and the one before.
struct Window<'a> {
    carry: &'a [f32],
    scores: &'a [f32],
    /// The first plane just pushed, and the one after the last.
    start: usize,
    end: usize,
    /// Values of a row.
    row: usize,
    /// Values of a plane.
    size: usize,
    classes: usize,
}

impl Window<'_> {
    /// Whether a place is read now: its upper neighbour on axis 0 was just pushed, so that each place is read once, and
    /// the lower one is at hand.
    fn can_read(&self, place: [f64; 3]) -> bool {
        (self.start..self.end).contains(&(place[0].ceil() as usize))
    }

    /// Between which numbers the places lie on axis 0 that [can be read](Self::can_read).
    fn reach(&self) -> (f64, f64) {
        (self.start as f64 - 1.0, self.end as f64 - 1.0)
    }

    fn plane(&self, index: usize) -> &[f32] {
        match index.checked_sub(self.start) {
            Some(n) => &self.scores[n * self.size..][..self.size],
            None => self.carry,
        }
    }

    /// The best class at a place.
    fn best(&self, place: [f64; 3], blend: &mut [f32]) -> u8 {
        let (low, f) = neighbours(place);
        blend.fill(0.0);
        for corner in 0..8 {
            let up: [usize; 3] = std::array::from_fn(|a| corner >> a & 1);
            let weight: f64 = (0..3)
                .map(|a| if up[a] == 1 { f[a] } else { 1.0 - f[a] })
                .product();
            if weight > 0.0 {
                let plane = self.plane(low[0] + up[0]);
                let at = (low[1] + up[1]) * self.row + (low[2] + up[2]) * self.classes;
                for (sum, score) in blend.iter_mut().zip(&plane[at..][..self.classes]) {
                    *sum += weight as f32 * score;
                }
            }
        }
        best_class(blend)
    }
}

/// The class of the highest of a voxel's scores, the first one of equals.
#[inline]
pub(crate) fn best_class(scores: &[f32]) -> u8 {
    let mut best = 0;
    for (class, score) in scores.iter().enumerate() {
        if *score > scores[best] {
            best = class;
        }
    }
    u8::try_from(best).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests;
