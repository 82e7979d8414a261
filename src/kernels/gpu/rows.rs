//! What operations over rows share: one workgroup a row.

use crate::kernels::gpu::fold::{Fold, fold, shared};
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

/// Threads of a workgroup.
pub(super) const UNITS: usize = 128;

/// Rows and their length, the last axis.
pub(super) fn extent(x: &CubeTensor) -> (usize, usize) {
    let shape = x.meta.shape();
    let width = shape[shape.num_dims() - 1];
    (shape.num_elements() / width.max(1), width)
}

/// The threads of a row.
pub(super) fn units() -> CubeDim {
    CubeDim::new_1d(UNITS as u32)
}

/// Numbers a workgroup of a row shares.
pub(super) const SHARED: usize = shared(UNITS);

/// Sum of every thread's `value`, in an order that is always the same.
#[cube]
pub(super) fn row_sum(shared: &mut Shared<[f32]>, value: f32) -> f32 {
    fold(shared, value, UNITS, Fold::Sum)
}

/// The largest of every thread's `value`.
#[cube]
pub(super) fn row_max(shared: &mut Shared<[f32]>, value: f32) -> f32 {
    fold(shared, value, UNITS, Fold::Max)
}
