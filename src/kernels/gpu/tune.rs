//! Every way to cut the convolution that a GPU allows, each ready to be timed.

use crate::kernels::gpu::conv3d;
use crate::kernels::gpu::launch::{Machine, empty_like, vector};
use crate::kernels::gpu::tiling::Tiling;
use crate::kernels::gpu::weight_gradient;
use crate::kernels::gpu::weight_gradient_kernel::GradientTiling;
use crate::kernels::gpu::weights::{Direction, pack_weights};
use burn_cubecl::tensor::CubeTensor;
use std::collections::BTreeMap;

/// Threads and bytes of shared memory that every WebGPU adapter grants a workgroup.
const THREADS: usize = 256;
const SHARED_BYTES: usize = 16 << 10;
/// Sums a thread can keep in registers.
const SUMS: usize = 64;

/// One way to do the work.
pub(crate) struct Candidate {
    /// How it is cut.
    pub(crate) name: String,
    /// Whether it is what is used.
    pub(crate) chosen: bool,
    /// Does the work once.
    pub(crate) run: Box<dyn Fn()>,
}

/// Ways to convolve `x` `[batch, depth, height, width, in]` with `weight` `[out, in, k, k, k]`.
pub(crate) fn convolution_candidates(x: &CubeTensor, weight: &CubeTensor) -> Vec<Candidate> {
    let [batch, depth, height, width, inputs] = x.meta.shape().dims();
    let [outputs, _, kernel, _, _] = weight.meta.shape().dims();
    let usual = Tiling::of(Machine::of(x), kernel, [depth, height, width], outputs);
    let mut tilings = vec![usual];
    for tiling in tilings_of(kernel) {
        let lanes = if tiling.staged { vector(inputs) } else { 1 };
        let threads = tiling.units();
        if tiling != usual
            && (64..=THREADS).contains(&threads)
            && tiling.shared_bytes(lanes) <= SHARED_BYTES
            && tiling.rows * tiling.columns * tiling.outs <= SUMS
            && tiling.channels() <= outputs.next_multiple_of(4)
        {
            tilings.push(tiling);
        }
    }
    // Hundreds of candidates share what they write and read.
    let output = empty_like(x, [batch, depth, height, width, outputs]);
    let mut packed = BTreeMap::new();
    let candidate = |tiling: Tiling| {
        let channels = tiling.channels();
        let pack = || pack_weights(weight, 0, inputs, channels, Direction::Forward);
        let packed: CubeTensor = packed.entry(channels).or_insert_with(pack).clone();
        let (input, output) = (x.clone(), output.clone());
        Candidate {
            name: format!(
                "thread {}x{}x{}, workgroup {}x{}x{}x{}{}",
                tiling.rows,
                tiling.columns,
                tiling.outs,
                tiling.units_x,
                tiling.units_y,
                tiling.units_z,
                tiling.units_o,
                if tiling.staged { "" } else { ", not staged" }
            ),
            chosen: tiling == usual,
            run: Box::new(move || conv3d::run(&input, packed.clone(), &output, tiling)),
        }
    };
    tilings.into_iter().map(candidate).collect()
}

fn tilings_of(kernel: usize) -> Vec<Tiling> {
    let mut all = Vec::new();
    for (rows, columns, outs) in [
        (1, 1, 4),
        (2, 1, 4),
        (4, 1, 4),
        (8, 1, 4),
        (2, 1, 8),
        (4, 1, 8),
        (8, 1, 8),
        (2, 1, 16),
        (4, 1, 16),
        (2, 4, 4),
        (2, 2, 8),
        (2, 4, 8),
        (4, 4, 4),
        (1, 4, 8),
        (1, 4, 4),
        (1, 4, 16),
    ] {
        let staged = columns == 1;
        for (units_x, units_y, units_z) in [
            (8, 1, 4),
            (8, 2, 2),
            (8, 2, 4),
            (8, 4, 1),
            (16, 1, 4),
            (16, 2, 2),
            (16, 4, 1),
            (16, 1, 8),
            (32, 1, 2),
            (32, 1, 4),
            (32, 2, 1),
            (12, 1, 4),
            (12, 2, 4),
            (12, 1, 12),
            (4, 2, 4),
            (4, 1, 8),
        ] {
            for units_o in [1, 2, 4] {
                all.push(Tiling {
                    kernel,
                    rows,
                    columns,
                    outs,
                    units_x,
                    units_y,
                    units_z,
                    units_o,
                    staged,
                    accumulate: false,
                });
            }
        }
    }
    all
}

/// Ways to form the weight gradient for `x` and the output's gradient `grad`.
pub(crate) fn weight_gradient_candidates(
    x: &CubeTensor,
    grad: &CubeTensor,
    kernel: usize,
) -> Vec<Candidate> {
    let width = x.meta.shape()[3];
    let outputs = grad.meta.shape()[4];
    let machine = Machine::of(x);
    let usual = GradientTiling::of(machine, kernel, width, outputs);
    let mut tilings = vec![usual];
    for tap_rows in [1, 3] {
        for outs in [4, 8, 16] {
            for columns in [2, 4, 8] {
                let tiling = GradientTiling {
                    kernel,
                    tap_rows,
                    outs,
                    columns,
                    exact: width.is_multiple_of(columns),
                };
                if tiling != usual && outs <= outputs.next_multiple_of(4) && tap_rows * outs <= 24 {
                    tilings.push(tiling);
                }
            }
        }
    }
    let candidate = |tiling: GradientTiling| {
        let (x, grad) = (x.clone(), grad.clone());
        Candidate {
            name: format!(
                "rows of taps {}, outs {}, columns {}",
                tiling.tap_rows, tiling.outs, tiling.columns
            ),
            chosen: tiling == usual,
            run: Box::new(move || {
                weight_gradient::run(&x, &grad, tiling, machine.is_processor());
            }),
        }
    };
    tilings.into_iter().map(candidate).collect()
}
