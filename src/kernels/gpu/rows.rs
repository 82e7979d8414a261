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

/// Threads that each bring together some of the others' numbers before all are brought together.
const GROUPS: usize = 16;
/// Numbers a workgroup shares: every thread's, and every group's.
pub(super) const SHARED: usize = UNITS + GROUPS;

/// Sum of every thread's `value`, in an order that is always the same.
#[cube]
pub(super) fn workgroup_sum(shared: &mut Shared<[f32]>, value: f32) -> f32 {
    let unit = UNIT_POS as usize;
    sync_cube();
    shared[unit] = value;
    sync_cube();
    if unit < GROUPS {
        let mut part = 0.0f32;
        #[unroll]
        for i in 0..comptime!(UNITS / GROUPS) {
            part += shared[unit + comptime!(i * GROUPS)];
        }
        shared[UNITS + unit] = part;
    }
    sync_cube();
    let mut sum = 0.0f32;
    #[unroll]
    for group in 0..GROUPS {
        sum += shared[comptime!(UNITS + group)];
    }
    sum
}

/// The largest of every thread's `value`.
#[cube]
pub(super) fn workgroup_max(shared: &mut Shared<[f32]>, value: f32) -> f32 {
    let unit = UNIT_POS as usize;
    sync_cube();
    shared[unit] = value;
    sync_cube();
    if unit < GROUPS {
        let mut part = value;
        #[unroll]
        for i in 1..comptime!(UNITS / GROUPS) {
            part = max(part, shared[unit + comptime!(i * GROUPS)]);
        }
        shared[UNITS + unit] = part;
    }
    sync_cube();
    let mut largest = shared[UNITS];
    #[unroll]
    for group in 1..GROUPS {
        largest = max(largest, shared[comptime!(UNITS + group)]);
    }
    largest
}
