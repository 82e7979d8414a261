//! Sampling a volume at the positions of any affine index map, one voxel at a time.
//!
//! This is the definition of the result; `separable` is the fast way to the same numbers.

use super::grid::IndexMap;
use super::spacing::Interpolation;

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
    let view = View {
        data: input,
        last: shape.map(|n| n - 1),
        strides: [shape[1] * shape[2], shape[2], 1],
    };
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

struct View<'a> {
    data: &'a [f32],
    last: [usize; 3],
    strides: [usize; 3],
}

impl View<'_> {
    fn clamped(&self, position: [f64; 3]) -> [f64; 3] {
        std::array::from_fn(|a| position[a].clamp(0.0, self.last[a] as f64))
    }

    /// The blend of the eight corners around a position.
    fn linear(&self, position: [f64; 3]) -> f32 {
        let s = self.clamped(position);
        let low = s.map(|x| x as usize);
        let f: [f64; 3] = std::array::from_fn(|a| s[a] - low[a] as f64);
        // At the far border there is no upper neighbour; its weight is zero.
        let [di, dj, dk]: [usize; 3] =
            std::array::from_fn(|a| if low[a] < self.last[a] { self.strides[a] } else { 0 });
        let base = self.index(low);
        let along_k = |at: usize| {
            let (a, b) = (f64::from(self.data[at]), f64::from(self.data[at + dk]));
            (1.0 - f[2]) * a + f[2] * b
        };
        let along_j = |at: usize| (1.0 - f[1]) * along_k(at) + f[1] * along_k(at + dj);
        ((1.0 - f[0]) * along_j(base) + f[0] * along_j(base + di)) as f32
    }

    fn nearest(&self, position: [f64; 3]) -> f32 {
        let index = self.clamped(position).map(|x| x.round_ties_even() as usize);
        self.data[self.index(index)]
    }

    fn index(&self, [i, j, k]: [usize; 3]) -> usize {
        i * self.strides[0] + j * self.strides[1] + k
    }
}
