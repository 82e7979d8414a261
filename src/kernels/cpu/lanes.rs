//! Vector registers of the running machine: loads, stores and multiply-add on slices, and slices aligned for them.

use bytemuck::{Pod, Zeroable, bytes_of, cast_slice, cast_slice_mut, pod_read_unaligned};
use macerator::{Scalar, Simd, Vector};
use std::ops::{Deref, DerefMut};

/// A register of f32 lanes.
pub(super) type Lanes<S> = Vector<S, f32>;

/// What the register set of `S` fixes at compile time.
pub(super) struct Registers<S>(S);

impl<S: Simd> Registers<S> {
    /// f32 lanes of one register.
    pub(super) const LANES: usize = size_of::<S::Register>() / size_of::<f32>();

    /// Whether there is real vector hardware; without it a fused multiply-add would be a call.
    const VECTOR: bool = Self::LANES >= 4;

    /// AVX-512 has 32 registers, so tiles may be twice as tall as on AVX2.
    pub(super) const TALL: bool = Self::LANES >= 16;
}

/// `V` registers from the start of `from`, which holds exactly their lanes.
#[inline(always)]
pub(super) fn load<S: Simd, const V: usize>(from: &[f32]) -> [Lanes<S>; V] {
    let bytes: &[u8] = cast_slice(from);
    let width = size_of::<S::Register>();
    // A loop and not `from_fn`, which the compiler may leave as a call.
    let mut values = [splat(0.0); V];
    for (v, value) in values.iter_mut().enumerate() {
        *value = pod_read_unaligned(&bytes[v * width..][..width]);
    }
    values
}

/// Writes `V` registers to `to`, which takes exactly their lanes.
#[inline(always)]
pub(super) fn store<S: Simd, const V: usize>(to: &mut [f32], values: &[Lanes<S>; V]) {
    let width = size_of::<S::Register>();
    let bytes: &mut [u8] = cast_slice_mut(to);
    for (v, value) in values.iter().enumerate() {
        bytes[v * width..][..width].copy_from_slice(bytes_of(value));
    }
}

/// One number in every lane.
#[inline(always)]
pub(super) fn splat<S: Simd>(value: f32) -> Lanes<S> {
    <f32 as Scalar>::splat(value)
}

/// `a * b + c`, rounded once where the hardware can.
#[inline(always)]
pub(super) fn multiply_add<S: Simd>(a: Lanes<S>, b: Lanes<S>, c: Lanes<S>) -> Lanes<S> {
    if Registers::<S>::VECTOR {
        a.mul_add(b, c)
    } else {
        a * b + c
    }
}

/// Numbers that begin where a cache line does, so that a register at a multiple of its size lies in one line.
pub(super) struct Aligned {
    lines: Vec<Line>,
    length: usize,
}

#[repr(C, align(64))]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Line([f32; 16]);

impl Aligned {
    /// So many zeros.
    pub(super) fn zeros(length: usize) -> Aligned {
        Aligned {
            lines: vec![Line([0.0; 16]); length.div_ceil(16)],
            length,
        }
    }
}

impl Deref for Aligned {
    type Target = [f32];

    #[inline(always)]
    fn deref(&self) -> &[f32] {
        &cast_slice(&self.lines)[..self.length]
    }
}

impl DerefMut for Aligned {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut cast_slice_mut(&mut self.lines)[..self.length]
    }
}
