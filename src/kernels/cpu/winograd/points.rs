//! The transforms of one tile, for a register of channels or a single one.

use super::{POINTS, TAPS};
use crate::kernels::cpu::lanes::{Lanes, Registers, load, splat, store};
use macerator::Simd;
use std::ops::{Add, Sub};

/// Numbers of neighbouring channels or positions that are worked on at a time.
pub(super) trait Value: Copy + Add<Output = Self> + Sub<Output = Self> {
    /// How many.
    const COUNT: usize;

    /// From a slice of so many.
    fn read(from: &[f32]) -> Self;

    /// To a slice of so many.
    fn write(self, to: &mut [f32]);

    /// Half of it.
    fn half(self) -> Self;
}

impl Value for f32 {
    const COUNT: usize = 1;

    #[inline(always)]
    fn read(from: &[f32]) -> f32 {
        from[0]
    }

    #[inline(always)]
    fn write(self, to: &mut [f32]) {
        to[0] = self;
    }

    #[inline(always)]
    fn half(self) -> f32 {
        0.5 * self
    }
}

/// One register.
pub(super) struct Register<S: Simd>(Lanes<S>);

// Derived, these would ask for `S: Copy`.
impl<S: Simd> Copy for Register<S> {}

impl<S: Simd> Clone for Register<S> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: Simd> Add for Register<S> {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Register(self.0 + other.0)
    }
}

impl<S: Simd> Sub for Register<S> {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Register(self.0 - other.0)
    }
}

impl<S: Simd> Value for Register<S> {
    const COUNT: usize = Registers::<S>::LANES;

    #[inline(always)]
    fn read(from: &[f32]) -> Self {
        Register(load::<S, 1>(from)[0])
    }

    #[inline(always)]
    fn write(self, to: &mut [f32]) {
        store::<S, 1>(to, &[self.0]);
    }

    #[inline(always)]
    fn half(self) -> Self {
        Register(self.0 * splat(0.5))
    }
}

/// The values of N x N rows at `at`.
#[inline(always)]
pub(super) fn read_rows<T: Value, const N: usize>(
    rows: &[[&[f32]; N]; N],
    at: usize,
) -> [[T; N]; N] {
    // The first value only fills the array.
    let mut tile = [[T::read(&rows[0][0][at..][..T::COUNT]); N]; N];
    for (tile, rows) in tile.iter_mut().zip(rows) {
        for (value, row) in tile.iter_mut().zip(rows) {
            *value = T::read(&row[at..][..T::COUNT]);
        }
    }
    tile
}

/// The values at `at` of all transformed rows, which are `point` apart.
#[inline(always)]
pub(super) fn read_points<T: Value>(
    from: &[f32],
    point: usize,
    at: usize,
) -> [[T; POINTS]; POINTS] {
    let mut tile = [[T::read(&from[at..][..T::COUNT]); POINTS]; POINTS];
    for (d, tile) in tile.iter_mut().enumerate() {
        for (h, value) in tile.iter_mut().enumerate() {
            *value = T::read(&from[(d * POINTS + h) * point + at..][..T::COUNT]);
        }
    }
    tile
}

/// Writes the values of N x N rows, which are `row` apart, to `at` in each.
#[inline(always)]
pub(super) fn write_rows<T: Value, const N: usize>(
    to: &mut [f32],
    row: usize,
    at: usize,
    tile: &[[T; N]; N],
) {
    for (d, tile) in tile.iter().enumerate() {
        for (h, value) in tile.iter().enumerate() {
            value.write(&mut to[(d * N + h) * row + at..][..T::COUNT]);
        }
    }
}

/// Four rows of inputs, transformed.
#[inline(always)]
fn input_points<T: Value>([a, b, c, d]: [T; POINTS]) -> [T; POINTS] {
    [a - c, b + c, c - b, b - d]
}

/// Two rows of outputs from four transformed ones.
#[inline(always)]
fn output_rows<T: Value>([a, b, c, d]: [T; POINTS]) -> [T; 2] {
    [a + b + c, b - c - d]
}

/// Two rows of gradients, transformed. The last has the opposite sign, which [`gradient_taps`] takes into account.
#[inline(always)]
fn gradient_points<T: Value>([a, b]: [T; 2]) -> [T; POINTS] {
    [a, a + b, a - b, b]
}

/// The gradients of three taps from four sums of products.
#[inline(always)]
fn gradient_taps<T: Value>([first, plus, minus, last]: [T; POINTS]) -> [T; TAPS] {
    let even = (plus + minus).half();
    [first + even, (plus - minus).half(), even - last]
}

/// Both axes of a tile of inputs.
#[inline(always)]
pub(super) fn input_tile<T: Value>(x: [[T; POINTS]; POINTS]) -> [[T; POINTS]; POINTS] {
    let [a, b, c, d] = x;
    let [a, b, c, d] = [
        input_points(a),
        input_points(b),
        input_points(c),
        input_points(d),
    ];
    let mut out = x;
    for at in 0..POINTS {
        [out[0][at], out[1][at], out[2][at], out[3][at]] =
            input_points([a[at], b[at], c[at], d[at]]);
    }
    out
}

/// Both axes of a tile of products.
#[inline(always)]
pub(super) fn output_tile<T: Value>(m: [[T; POINTS]; POINTS]) -> [[T; 2]; 2] {
    let [a, b, c, d] = m;
    let [a, b, c, d] = [
        output_rows(a),
        output_rows(b),
        output_rows(c),
        output_rows(d),
    ];
    let first = output_rows([a[0], b[0], c[0], d[0]]);
    let second = output_rows([a[1], b[1], c[1], d[1]]);
    [[first[0], second[0]], [first[1], second[1]]]
}

/// Both axes of a tile of gradients.
#[inline(always)]
pub(super) fn gradient_tile<T: Value>([a, b]: [[T; 2]; 2]) -> [[T; POINTS]; POINTS] {
    let (a, b) = (gradient_points(a), gradient_points(b));
    let mut out = [a; POINTS];
    for at in 0..POINTS {
        [out[0][at], out[1][at], out[2][at], out[3][at]] = gradient_points([a[at], b[at]]);
    }
    out
}

/// Both axes of the taps' gradients from the sums of a tile's products.
#[inline(always)]
pub(super) fn gradient_of_taps<T: Value>([a, b, c, d]: [[T; POINTS]; POINTS]) -> [[T; TAPS]; TAPS] {
    let (a, b) = (gradient_taps(a), gradient_taps(b));
    let (c, d) = (gradient_taps(c), gradient_taps(d));
    let mut out = [a; TAPS];
    for at in 0..TAPS {
        [out[0][at], out[1][at], out[2][at]] = gradient_taps([a[at], b[at], c[at], d[at]]);
    }
    out
}
