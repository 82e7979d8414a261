//! Kernels, transformed along depth and height.

use super::{POINTS, TAPS};

/// Transformed weights of one input channel, `[TILE, TAPS, columns]`, from `weight(column, tap)` for the first `count`
/// columns; the others become zero.
pub(super) fn transform(
    into: &mut [f32],
    columns: usize,
    count: usize,
    weight: impl Fn(usize, usize) -> f32,
) {
    let row = TAPS * columns;
    let plane = TAPS * row;
    let mut taps = vec![0.0; TAPS * plane];
    for (tap, taps) in taps.chunks_exact_mut(columns).enumerate() {
        for (column, value) in taps.iter_mut().take(count).enumerate() {
            *value = weight(column, tap);
        }
    }
    // Along the depth: `[POINTS, kh, kw, columns]`, then along the height.
    let mut planes = vec![0.0; POINTS * plane];
    points(&mut planes, &taps, plane);
    for (into, plane) in into
        .chunks_exact_mut(POINTS * row)
        .zip(planes.chunks_exact(plane))
    {
        points(into, plane, row);
    }
}

/// `[TAPS, length]` taps as `[POINTS, length]` transformed ones.
#[inline(always)]
fn points(into: &mut [f32], taps: &[f32], length: usize) {
    let (a, rest) = taps.split_at(length);
    let (b, c) = rest.split_at(length);
    let (first, rest) = into.split_at_mut(length);
    let (plus, rest) = rest.split_at_mut(length);
    let (minus, last) = rest.split_at_mut(length);
    first.copy_from_slice(a);
    last.copy_from_slice(c);
    for at in 0..length {
        let outer = a[at] + c[at];
        plus[at] = 0.5 * (outer + b[at]);
        minus[at] = 0.5 * (outer - b[at]);
    }
}
