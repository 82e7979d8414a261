//! Sums and maxima of a row in strands.

/// Numbers of a row that are taken side by side, so that a loop over them vectorises; sums in so many strands also have a
/// fraction of the rounding error of a serial one.
const STRANDS: usize = 32;

/// Joins `term` of the numbers at each place of rows of one length.
#[inline(always)]
pub(super) fn fold<const N: usize>(
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

/// The sum of `term` over a row.
#[inline(always)]
pub(super) fn sum<const N: usize>(rows: [&[f32]; N], term: impl Fn([f32; N]) -> f32) -> f32 {
    fold(rows, 0.0, term, |a, b| a + b)
}
