//! The register tile: `P` rows of left values times a panel of `V` registers of columns.

use super::lanes::{Lanes, Registers, load, multiply_add, splat};
use macerator::Simd;

/// Sums of a tile, `P` rows of `V` registers.
pub(super) type Tile<S, const P: usize, const V: usize> = [[Lanes<S>; V]; P];

/// A tile of zeros.
#[inline(always)]
pub(super) fn zero<S: Simd, const P: usize, const V: usize>() -> Tile<S, P, V> {
    [[splat(0.0); V]; P]
}

/// `tile` plus `rows` (P rows of equal length K) times `panel` (`[K, V registers]`).
#[inline(always)]
pub(super) fn add_rows<S: Simd, const P: usize, const V: usize>(
    mut tile: Tile<S, P, V>,
    mut rows: [&[f32]; P],
    panel: &[f32],
) -> Tile<S, P, V> {
    let depth = rows[0].len();
    for row in &mut rows {
        *row = &row[..depth];
    }
    for (k, columns) in (0..depth).zip(panel.chunks_exact(V * Registers::<S>::LANES)) {
        let columns = load::<S, V>(columns);
        for (sums, row) in tile.iter_mut().zip(&rows) {
            add_scaled::<S, V>(sums, row[k], columns);
        }
    }
    tile
}

/// `tile` plus, for each position, the outer product of `P` values and a row of columns. The values of a position are
/// `stride` after those of the one before; `columns` is `[positions, V registers]`.
#[inline(always)]
pub(super) fn add_positions<S: Simd, const P: usize, const V: usize>(
    mut tile: Tile<S, P, V>,
    values: &[f32],
    stride: usize,
    columns: &[f32],
) -> Tile<S, P, V> {
    let mut at = 0;
    for columns in columns.chunks_exact(V * Registers::<S>::LANES) {
        let columns = load::<S, V>(columns);
        for (sums, value) in tile.iter_mut().zip(&values[at..][..P]) {
            add_scaled::<S, V>(sums, *value, columns);
        }
        at += stride;
    }
    tile
}

/// Adds `value * columns`.
#[inline(always)]
fn add_scaled<S: Simd, const V: usize>(
    sums: &mut [Lanes<S>; V],
    value: f32,
    columns: [Lanes<S>; V],
) {
    let value = splat::<S>(value);
    for (sum, column) in sums.iter_mut().zip(columns) {
        *sum = multiply_add(value, column, *sum);
    }
}
