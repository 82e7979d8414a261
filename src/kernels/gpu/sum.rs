//! Sums of partial sums, in a fixed order.

use crate::kernels::gpu::launch::{count, empty_f32, vector};
use crate::kernels::gpu::rows::extent;
use burn_cubecl::kernel::into_contiguous;
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

/// Rows one thread adds, of few rows and of many: short runs make many threads, which hide the latency of memory.
const FEW_ROWS: usize = 16;
const MANY_ROWS: usize = 64;
/// Where many begin.
const MANY: usize = 1 << 14;

#[cube(launch)]
fn column_sums_kernel<N: Size>(
    x: &[Vector<f32, N>],
    sums: &mut [Vector<f32, N>],
    vectors: usize,
    rows: usize,
    run: usize,
    threads: usize,
) {
    if ABSOLUTE_POS >= threads {
        terminate!();
    }
    let vector = ABSOLUTE_POS % vectors;
    let first = ABSOLUTE_POS / vectors * run;
    let mut sum = Vector::<f32, N>::new(0.0);
    for row in first..min(first + run, rows) {
        sum += x[row * vectors + vector];
    }
    sums[ABSOLUTE_POS] = sum;
}

/// Sums of the columns of `[rows, width]`, f32: `[width]`.
pub(crate) fn column_sums(x: CubeTensor) -> CubeTensor {
    let x = into_contiguous(x);
    let (rows, width) = extent(&x);
    let run = if rows < MANY { FEW_ROWS } else { MANY_ROWS };
    let runs = rows.div_ceil(run).max(1);
    let lanes = vector(width);
    let sums = empty_f32(&x, [runs, width]);
    let threads = runs * width / lanes;
    column_sums_kernel::launch(
        &x.client.clone(),
        count(threads, UNITS),
        CubeDim::new_1d(UNITS),
        lanes,
        x.into_buffer_arg(),
        sums.clone().into_buffer_arg(),
        width / lanes,
        rows,
        run,
        threads,
    );
    burn_cubecl::ops::reshape(add_runs(sums, 1, runs, width), [width].into())
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
