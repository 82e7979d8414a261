//! Sampling a volume at the positions of any affine index map, one voxel at a time.
//!
//! This is the definition of the result; `separable` is the fast way to the same numbers.

use super::grid::IndexMap;
use crate::volume::Region;

/// How a value between voxel centres is found. Outside the volume the border value is used. A neighbour of weight 0 does
/// not count: one that is no number leaves what lies beside it alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Interpolation {
    /// Trilinear, for images. Computed in `f64`, rounded to `f32` once.
    Linear,
    /// The closest voxel, half-way positions to the even index, for label maps.
    Nearest,
}

/// Fills `out` (shape `out_shape`, C order) with `input` (shape `shape`, no empty axis) sampled at
/// `map`; positions outside are moved to the border. `each_row` sees every finished row `(i, j)`.
pub(super) fn sample(
    input: &[f32],
    shape: [usize; 3],
    map: &IndexMap,
    mode: Interpolation,
    out_shape: [usize; 3],
    out: &mut [f32],
    mut each_row: impl FnMut(usize, usize, &mut [f32]),
) {
    let view = View::new(input, shape);
    let along: [f64; 3] = std::array::from_fn(|a| map.linear[(a, 2)]);
    for (n, row) in out.chunks_exact_mut(out_shape[2].max(1)).enumerate() {
        let (i, j) = (n / out_shape[1].max(1), n % out_shape[1].max(1));
        let start: [f64; 3] = std::array::from_fn(|a| {
            map.linear[(a, 0)] * i as f64 + map.linear[(a, 1)] * j as f64 + map.offset[a]
        });
        let position = |k: usize| std::array::from_fn(|a| along[a] * k as f64 + start[a]);
        let values = row.iter_mut().enumerate();
        match mode {
            Interpolation::Linear => values.for_each(|(k, v)| *v = view.linear(position(k))),
            Interpolation::Nearest => values.for_each(|(k, v)| *v = view.nearest(position(k))),
        }
        each_row(i, j, row);
    }
}

/// Nearest-voxel sampling: fills `out` (C order) with the part `region` of the output from `input`
/// of `shape` (no empty axis).
pub(super) fn nearest<T: Copy>(
    input: &[T],
    shape: [usize; 3],
    map: &IndexMap,
    region: Region,
    out: &mut [T],
) {
    let view = View::new(input, shape);
    let Region { start, size } = region;
    for (n, row) in out.chunks_exact_mut(size[2].max(1)).enumerate() {
        let i = (start[0] + n / size[1].max(1)) as f64;
        let j = (start[1] + n % size[1].max(1)) as f64;
        for (k, value) in row.iter_mut().enumerate() {
            let k = (start[2] + k) as f64;
            let position = |a| {
                let at = map.linear[(a, 0)] * i + map.linear[(a, 1)] * j + map.offset[a];
                map.linear[(a, 2)] * k + at
            };
            *value = view.nearest(std::array::from_fn(position));
        }
    }
}

struct View<'a, T> {
    data: &'a [T],
    /// The last index of every axis.
    last: [f64; 3],
    /// Distance to the upper neighbour.
    strides: [usize; 3],
}

impl<'a, T: Copy> View<'a, T> {
    fn new(data: &'a [T], shape: [usize; 3]) -> Self {
        Self {
            data,
            last: shape.map(|n| (n - 1) as f64),
            strides: [shape[1] * shape[2], shape[2], 1],
        }
    }

    fn clamped(&self, axis: usize, s: f64) -> f64 {
        let s = if s > 0.0 { s } else { 0.0 };
        if s < self.last[axis] {
            s
        } else {
            self.last[axis]
        }
    }

    /// Lower neighbour and weight of the upper one, 0 at the last voxel.
    #[inline(always)]
    fn neighbours(&self, axis: usize, s: f64) -> (usize, f64) {
        let s = self.clamped(axis, s);
        let low = s as usize;
        (low * self.strides[axis], s - low as f64)
    }

    fn nearest(&self, s: [f64; 3]) -> T {
        let index = |axis: usize| {
            self.clamped(axis, s[axis]).round_ties_even() as usize * self.strides[axis]
        };
        self.data[index(0) + index(1) + index(2)]
    }
}

impl View<'_, f32> {
    /// The blend of the eight corners around a position.
    #[inline(always)]
    fn linear(&self, s: [f64; 3]) -> f32 {
        let (i, fi) = self.neighbours(0, s[0]);
        let (j, fj) = self.neighbours(1, s[1]);
        let (k, fk) = self.neighbours(2, s[2]);
        let [di, dj, dk] = self.strides;
        let corner = |at: usize| f64::from(self.data[at]);
        let along_k = |at: usize| between(fk, at, dk, corner);
        let along_j = |at: usize| between(fj, at, dj, along_k);
        between(fi, i + j + k, di, along_j) as f32
    }
}

/// The values at two places, `step` apart, in proportion. An upper one of weight 0 may lie outside and is not read.
#[inline(always)]
fn between(fraction: f64, low: usize, step: usize, value: impl Fn(usize) -> f64) -> f64 {
    if fraction > 0.0 {
        (1.0 - fraction) * value(low) + fraction * value(low + step)
    } else {
        value(low)
    }
}
