//! Sums of partial sums, in a fixed order.

use crate::kernels::gpu::launch::{count, empty_f32, vector};
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

/// Threads of a workgroup.
const UNITS: u32 = 64;
/// Partial sums one thread adds.
const GROUP: usize = 32;

/// Adds up to `group` neighbouring runs of `[batch, runs, vectors]`: `[batch, groups, vectors]`.
#[cube(launch)]
fn add_runs_kernel<N: Size>(
    partial: &[Vector<f32, N>],
    sums: &mut [Vector<f32, N>],
    vectors: usize,
    runs: usize,
    group: usize,
    groups: usize,
    threads: usize,
) {
    if ABSOLUTE_POS >= threads {
        terminate!();
    }
    let vector = ABSOLUTE_POS % vectors;
    let rest = ABSOLUTE_POS / vectors;
    let first = rest % groups * group;
    let batch = rest / groups;
    let mut sum = Vector::<f32, N>::new(0.0);
    for run in first..min(first + group, runs) {
        sum += partial[(batch * runs + run) * vectors + vector];
    }
    sums[ABSOLUTE_POS] = sum;
}

/// Sum over `runs` of `[batch, runs, numbers]` in f32: `[batch, numbers]`.
pub(super) fn add_runs(
    partial: CubeTensor,
    batch: usize,
    runs: usize,
    numbers: usize,
) -> CubeTensor {
    let (mut partial, mut runs) = (partial, runs);
    let client = partial.client.clone();
    let lanes = vector(numbers);
    while runs > 1 {
        let groups = runs.div_ceil(GROUP);
        let sums = empty_f32(&partial, [batch, groups, numbers]);
        let threads = batch * groups * numbers / lanes;
        add_runs_kernel::launch(
            &client,
            count(threads, UNITS),
            CubeDim::new_1d(UNITS),
            lanes,
            partial.into_buffer_arg(),
            sums.clone().into_buffer_arg(),
            numbers / lanes,
            runs,
            GROUP,
            groups,
            threads,
        );
        partial = sums;
        runs = groups;
    }
    partial
}
