//! Softmax of a row and its gradient, in place.

use crate::kernels::math::exp;

/// Numbers of a row that are taken side by side, so that a loop over them vectorises; sums in so many strands also have a
/// fraction of the rounding error of a serial one.
const STRANDS: usize = 32;

/// Softmax in place.
#[inline(always)]
pub(in crate::kernels) fn softmax(row: &mut [f32]) {
    // A NaN is no maximum here, but its power brings it back.
    let largest = fold(
        [row],
        f32::NEG_INFINITY,
        |[x]| x,
        |a, b| if b > a { b } else { a },
    );
    for x in row.iter_mut() {
        *x = exp(*x - largest);
    }
    let scale = fold([row], 0.0, |[x]| x, |a, b| a + b).recip();
    for x in row {
        *x *= scale;
    }
}

/// `y (g - sum(g y))` in place of `g`, where `y` is a row that [`softmax`] gave.
#[inline(always)]
pub(in crate::kernels) fn softmax_gradient(grad: &mut [f32], y: &[f32]) {
    let sum = fold([grad, y], 0.0, |[grad, y]| y * grad, |a, b| a + b);
    for (grad, y) in grad.iter_mut().zip(y) {
        *grad = y * (*grad - sum);
    }
}

/// Joins `term` of the numbers at each place of rows of one length.
#[inline(always)]
fn fold<const N: usize>(
    rows: [&[f32]; N],
    start: f32,
    term: impl Fn([f32; N]) -> f32,
    join: impl Fn(f32, f32) -> f32,
) -> f32 {
    let mut strands = [start; STRANDS];
    let length = rows[0].len();
    let whole = length - length % STRANDS;
    for first in (0..whole).step_by(STRANDS) {
        let rows = rows.map(|row| &row[first..first + STRANDS]);
        for (at, strand) in strands.iter_mut().enumerate() {
            *strand = join(*strand, term(rows.map(|row| row[at])));
        }
    }
    for (at, strand) in (whole..length).zip(&mut strands) {
        *strand = join(*strand, term(rows.map(|row| row[at])));
    }
    let mut width = STRANDS;
    while width > 1 {
        width /= 2;
        for at in 0..width {
            strands[at] = join(strands[at], strands[at + width]);
        }
    }
    strands[0]
}
