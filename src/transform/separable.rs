//! Fast sampling where every input coordinate depends on one output coordinate only.
//!
//! Linear interpolation is then three one-dimensional ones. Whole rows are blended, which
//! vectorises, and at most two planes of intermediate values exist at a time. Intermediate values
//! are `f64`, so that the result is the one of the eight-corner formula after rounding to `f32`.

use std::ops::Range;

use super::TransformError;
use super::grid::{IndexMap, too_large, zeros_as_read};
use crate::volume::Region;

/// Where one output coordinate reads: `(1 - fraction) * low + fraction * high`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Tap {
    low: usize,
    high: usize,
    fraction: f64,
}

impl Tap {
    fn touches(&self, range: &Range<usize>) -> bool {
        range.contains(&self.low) || (self.fraction > 0.0 && range.contains(&self.high))
    }
}

/// The taps of every output coordinate on the three axes, for an input of `shape` (no empty axis).
pub(super) fn taps(map: &IndexMap, shape: [usize; 3], out_shape: [usize; 3]) -> [Vec<Tap>; 3] {
    std::array::from_fn(|axis| {
        let (scale, offset) = (map.linear[(axis, axis)], map.offset[axis]);
        let last = shape[axis] - 1;
        (0..out_shape[axis])
            .map(|o| {
                let s = (scale * o as f64 + offset).clamp(0.0, last as f64);
                let low = s as usize;
                Tap {
                    low,
                    high: (low + 1).min(last),
                    fraction: s - low as f64,
                }
            })
            .collect()
    })
}

/// The output coordinates between the first and the last one that read inside `range`.
pub(super) fn reading(taps: &[Tap], range: &Range<usize>) -> Range<usize> {
    let first = taps.iter().position(|tap| tap.touches(range));
    let last = taps.iter().rposition(|tap| tap.touches(range));
    match (first, last) {
        (Some(first), Some(last)) => first..last + 1,
        _ => 0..0,
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
    let [is, js, ks]: [Vec<usize>; 3] = std::array::from_fn(|axis| {
        let (scale, offset) = (map.linear[(axis, axis)], map.offset[axis]);
        let last = (shape[axis] - 1) as f64;
        (region.start[axis]..region.start[axis] + region.size[axis])
            .map(|o| {
                (scale * o as f64 + offset)
                    .clamp(0.0, last)
                    .round_ties_even() as usize
            })
            .collect()
    });
    let positions = is
        .iter()
        .flat_map(|&i| js.iter().map(move |&j| i * shape[1] + j));
    for (row, position) in out.chunks_exact_mut(ks.len().max(1)).zip(positions) {
        let source = &input[position * shape[2]..][..shape[2]];
        for (value, &k) in row.iter_mut().zip(&ks) {
            *value = source[k];
        }
    }
}

/// Linear sampling: fills `out` (C order, as long as the taps say) from `input` of `shape` (no
/// empty axis). `each_row` sees every finished row `(i, j)`, counted from the first tap.
///
/// # Errors
/// [`TransformError::TooLarge`] without room for the planes between: those of a volume of one plane
/// take more than the result.
pub(super) fn linear(
    input: &[f32],
    shape: [usize; 3],
    taps: [&[Tap]; 3],
    out: &mut [f32],
    mut each_row: impl FnMut(usize, usize, &mut [f32]),
) -> Result<(), TransformError> {
    let [is, js, ks] = taps;
    if is.is_empty() || js.is_empty() || ks.is_empty() {
        return Ok(());
    }
    let gather_first = gather_first(shape, taps);
    let width = if gather_first { ks.len() } else { shape[2] };
    let no_room = || too_large(taps.map(<[Tap]>::len));
    let mut rows = Pair::new(1, width).ok_or_else(no_room)?;
    let mut planes = Pair::new(js.len(), width).ok_or_else(no_room)?;
    let mut blended: Vec<f64> = zeros_as_read([1, 1, width]).ok_or_else(no_room)?;

    for ((i, tap), out_plane) in is
        .iter()
        .enumerate()
        .zip(out.chunks_exact_mut(js.len() * ks.len()))
    {
        let (a, b) = planes.load(tap, |index, plane| {
            let source = &input[index * shape[1] * shape[2]..][..shape[1] * shape[2]];
            let source_row = |index: usize| &source[index * shape[2]..][..shape[2]];
            rows.clear();
            for (tap, out_row) in js.iter().zip(plane.chunks_exact_mut(width)) {
                if gather_first {
                    let (a, b) = rows.load(tap, |index, row| gather(source_row(index), ks, row));
                    blend(a, b, tap.fraction, out_row);
                } else {
                    blend(
                        source_row(tap.low),
                        source_row(tap.high),
                        tap.fraction,
                        out_row,
                    );
                }
            }
        });
        for (j, out_row) in out_plane.chunks_exact_mut(ks.len()).enumerate() {
            let (a, b) = (&a[j * width..][..width], &b[j * width..][..width]);
            if gather_first {
                blend(a, b, tap.fraction, out_row);
            } else {
                blend(a, b, tap.fraction, &mut blended);
                gather(&blended, ks, out_row);
            }
            each_row(i, j, out_row);
        }
    }
    Ok(())
}

/// Whether the last axis is interpolated first. A gather costs about four times a blend, so it
/// is done where there are fewer rows and where it does not make them longer.
fn gather_first(shape: [usize; 3], [is, js, ks]: [&[Tap]; 3]) -> bool {
    let used = |axis: usize, taps: &[Tap]| shape[axis].min(2 * taps.len()) as f64;
    let planes = used(0, is);
    let (out_planes, out_rows, out_width) = (is.len() as f64, js.len() as f64, ks.len() as f64);
    let blended_rows = planes * out_rows + out_planes * out_rows;
    let first = 4.0 * planes * used(1, js) * out_width + blended_rows * out_width;
    let last = 4.0 * out_planes * out_rows * out_width + blended_rows * shape[2] as f64;
    first <= last
}

/// Two buffers for the lower and the upper neighbour of a position, kept while they are in use.
/// Neighbours differ by one, so even and odd positions never compete for a buffer.
struct Pair {
    held: [Option<usize>; 2],
    buffers: [Vec<f64>; 2],
}

impl Pair {
    /// Of so many rows each, if there is room.
    fn new(rows: usize, width: usize) -> Option<Self> {
        let buffer = || zeros_as_read([1, rows, width]);
        Some(Self {
            held: [None; 2],
            buffers: [buffer()?, buffer()?],
        })
    }

    fn clear(&mut self) {
        self.held = [None; 2];
    }

    /// The buffers of `tap.low` and `tap.high`, filled if they are not held already. The upper
    /// one is not filled, and means nothing, where its weight is zero.
    fn load(&mut self, tap: &Tap, mut fill: impl FnMut(usize, &mut [f64])) -> (&[f64], &[f64]) {
        let needed = if tap.fraction > 0.0 {
            tap.high
        } else {
            tap.low
        };
        for index in [tap.low, needed] {
            let slot = index % 2;
            if self.held[slot] != Some(index) {
                fill(index, &mut self.buffers[slot]);
                self.held[slot] = Some(index);
            }
        }
        (&self.buffers[tap.low % 2], &self.buffers[needed % 2])
    }
}

/// A number a row can be read from and written to.
trait Sample: Copy {
    fn wide(self) -> f64;
    fn of(value: f64) -> Self;
}

impl Sample for f32 {
    fn wide(self) -> f64 {
        f64::from(self)
    }
    fn of(value: f64) -> Self {
        value as f32
    }
}

impl Sample for f64 {
    fn wide(self) -> f64 {
        self
    }
    fn of(value: f64) -> Self {
        value
    }
}

fn blend<A: Sample, B: Sample>(a: &[A], b: &[A], fraction: f64, out: &mut [B]) {
    if fraction > 0.0 {
        for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
            *out = B::of((1.0 - fraction) * a.wide() + fraction * b.wide());
        }
    } else {
        for (out, a) in out.iter_mut().zip(a) {
            *out = B::of(a.wide());
        }
    }
}

/// As in [`blend`], a neighbour of weight 0 does not count, not even one that is no number.
fn gather<A: Sample, B: Sample>(row: &[A], taps: &[Tap], out: &mut [B]) {
    for (out, tap) in out.iter_mut().zip(taps) {
        let (a, b) = (row[tap.low].wide(), row[tap.high].wide());
        let between = (1.0 - tap.fraction) * a + tap.fraction * b;
        *out = B::of(if tap.fraction > 0.0 { between } else { a });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_for_which_there_is_no_room_are_not_asked_for() {
        assert!(Pair::new(3, 5).is_some());
        for (rows, width) in [(usize::MAX, 2), (1, usize::MAX / 8)] {
            assert!(Pair::new(rows, width).is_none(), "{rows} {width}");
        }
    }
}
