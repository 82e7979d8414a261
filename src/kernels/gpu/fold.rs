//! What a workgroup makes of all its threads' numbers, in two levels: a few threads each fold some of the others', then
//! every thread folds theirs.

use cubecl::prelude::*;

/// Threads of the first level.
const GROUPS: usize = 16;

/// Numbers that a workgroup of so many threads shares: every thread's, and every group's.
pub(super) const fn shared(units: usize) -> usize {
    units + GROUPS
}

/// How two numbers become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Fold {
    Sum,
    Max,
}

#[cube]
fn join(a: f32, b: f32, #[comptime] how: Fold) -> f32 {
    if comptime!(how == Fold::Sum) {
        a + b
    } else {
        max(a, b)
    }
}

/// One number of every thread's `value`, in an order that is always the same; `shared` holds [`shared`] numbers, and
/// `units`, a multiple of 16, is the number of threads.
#[cube]
pub(super) fn fold(
    shared: &mut Shared<[f32]>,
    value: f32,
    #[comptime] units: usize,
    #[comptime] how: Fold,
) -> f32 {
    let unit = UNIT_POS as usize;
    sync_cube();
    shared[unit] = value;
    sync_cube();
    if unit < GROUPS {
        let mut part = value;
        #[unroll]
        for i in 1..comptime!(units / GROUPS) {
            part = join(part, shared[unit + comptime!(i * GROUPS)], how);
        }
        shared[units + unit] = part;
    }
    sync_cube();
    let mut all = shared[units];
    #[unroll]
    for group in 1..GROUPS {
        all = join(all, shared[comptime!(units + group)], how);
    }
    all
}
