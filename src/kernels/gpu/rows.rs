//! What operations over rows share: one workgroup a row.

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

/// Sum of every thread's `value`, in the order of the threads.
#[cube]
pub(super) fn workgroup_sum(shared: &mut Shared<[f32]>, value: f32) -> f32 {
    sync_cube();
    shared[UNIT_POS as usize] = value;
    sync_cube();
    let mut sum = 0.0f32;
    for unit in 0..UNITS {
        sum += shared[unit];
    }
    sum
}
