//! Forward and data gradient of the convolution: a direct matrix product without im2col, or [`winograd`] where that is
//! faster.
//!
//! Channels come last, so the inputs of one position under the taps of one kernel row, `[kw, channels]`, are one
//! contiguous run, and the runs of neighbouring positions overlap with a stride of `channels`. A tile of positions
//! times the weights of a block of output channels stays in registers over all kernel rows and inputs.

use super::fill::fill;
use super::lanes::{Registers, store};
use super::panel::{Columns, Panels};
use super::shape::{ConvShape, Input};
use super::tile::{Tile, add_rows, zero};
use super::winograd;
use crate::platform::threads;
use macerator::{AutoArch, Simd, WithSimd};

/// Positions of one task, about: enough that the weights of a block are read from the second-level cache.
const TASK: usize = 512;

/// Convolution of `inputs`, which act as their concatenation along the channels, with weights
/// `[out, in, kd, kh, kw]`: `[batch, depth, height, width, out]`.
pub(in crate::kernels) fn forward(
    inputs: &[Input<'_>],
    weight: &[f32],
    out_channels: usize,
    shape: ConvShape,
) -> Vec<f32> {
    let total: usize = inputs.iter().map(|(_, channels)| channels).sum();
    let taps = shape.taps();
    run(inputs, out_channels, shape, |out, channel, tap| {
        weight[(out * total + channel) * taps + tap]
    })
}

/// Gradient of the loss with respect to input channels `first..first + channels`, from that with respect to the
/// output, `[batch, depth, height, width, out]`. It is the convolution with the kernel mirrored and its channel axes
/// exchanged.
pub(in crate::kernels) fn data_gradient(
    grad: Input<'_>,
    weight: &[f32],
    first: usize,
    channels: usize,
    shape: ConvShape,
) -> Vec<f32> {
    let taps = shape.taps();
    let total = weight.len() / (grad.1 * taps).max(1);
    run(&[grad], channels, shape, |out, channel, tap| {
        weight[(channel * total + first + out) * taps + taps - 1 - tap]
    })
}

fn run(
    inputs: &[Input<'_>],
    out_channels: usize,
    shape: ConvShape,
    weight: impl Fn(usize, usize, usize) -> f32 + Sync,
) -> Vec<f32> {
    let channels = inputs.iter().map(|(_, channels)| *channels);
    if winograd::suits(channels, out_channels, shape) {
        return winograd::forward(inputs, out_channels, shape, weight);
    }
    direct(inputs, out_channels, shape, weight)
}

/// The convolution tap by tap.
fn direct(
    inputs: &[Input<'_>],
    out_channels: usize,
    shape: ConvShape,
    weight: impl Fn(usize, usize, usize) -> f32 + Sync,
) -> Vec<f32> {
    let width = shape.size[2];
    let taps = shape.taps();
    let panels = Panels::pack(
        inputs,
        out_channels,
        taps,
        |outs, channel, columns, into| {
            for (tap, into) in into.chunks_exact_mut(columns).enumerate() {
                for (into, out) in into.iter_mut().zip(outs.clone()) {
                    *into = weight(out, channel, tap);
                }
            }
        },
    );
    let share = shape.rows().div_ceil(8 * threads());
    let rows = TASK.div_ceil(width.max(1)).min(share).max(1);
    let row = width * out_channels;
    let total = shape.positions() * out_channels;
    let [out] = fill(1, total, rows * row, |_, start, [out]| {
        AutoArch::new().dispatch(Rows {
            inputs,
            panels: &panels,
            shape,
            first: start / row,
            out,
            out_channels,
        });
    });
    out
}

/// One task: output rows from `first` on.
struct Rows<'a> {
    inputs: &'a [Input<'a>],
    panels: &'a Panels,
    shape: ConvShape,
    first: usize,
    out: &'a mut [f32],
    out_channels: usize,
}

impl WithSimd for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self) {
        for columns in self.panels.columns() {
            match (columns.registers, Registers::<S>::TALL) {
                (2, true) => self.block::<S, 12, 2>(columns),
                (_, true) => self.block::<S, 12, 1>(columns),
                (2, false) => self.block::<S, 6, 2>(columns),
                _ => self.block::<S, 6, 1>(columns),
            }
        }
    }
}

impl Rows<'_> {
    /// All rows of one block of output channels, in tiles of `P` positions.
    #[inline(always)]
    fn block<S: Simd, const P: usize, const V: usize>(&mut self, columns: Columns<'_>) {
        let width = self.shape.size[2];
        let channels = self.out_channels;
        let lanes = V * Registers::<S>::LANES;
        let zeros = vec![0.0; self.inputs.iter().map(|(_, c)| *c).max().unwrap_or(0)];
        let mut sums = vec![0.0; P * lanes];
        let mut runs = Vec::new();
        for (index, out) in self.out.chunks_mut(width * channels).enumerate() {
            let row = self.first + index;
            kernel_rows(
                &mut runs,
                self.inputs,
                columns.panel,
                lanes,
                self.shape,
                row,
            );
            for (tile, out) in out.chunks_mut(P * channels).enumerate() {
                let tile = position_tile::<S, P, V>(&runs, self.shape, tile * P, &zeros);
                for (sums, tile) in sums.chunks_exact_mut(lanes).zip(&tile) {
                    store::<S, V>(sums, tile);
                }
                for (out, sums) in out.chunks_mut(channels).zip(sums.chunks_exact(lanes)) {
                    out[columns.first..][..columns.count].copy_from_slice(&sums[..columns.count]);
                }
            }
        }
    }
}

/// What one row of the kernel reads for an output row: a row of an input and the weights of its taps.
struct KernelRow<'a> {
    x: &'a [f32],
    channels: usize,
    panel: &'a [f32],
}

/// Lists the rows of the kernel that lie inside for an output row.
#[inline(always)]
fn kernel_rows<'a>(
    into: &mut Vec<KernelRow<'a>>,
    inputs: &[Input<'a>],
    mut panel: &'a [f32],
    lanes: usize,
    shape: ConvShape,
    row: usize,
) {
    into.clear();
    // An input without channels adds nothing.
    for &(x, channels) in inputs.iter().filter(|(_, channels)| *channels > 0) {
        let length = shape.size[2] * channels;
        for kd in 0..shape.kernel {
            for kh in 0..shape.kernel {
                let (taps, rest) = panel.split_at(shape.kernel * channels * lanes);
                panel = rest;
                if let Some(source) = shape.source_row(row, kd, kh) {
                    let x = &x[source * length..][..length];
                    into.push(KernelRow {
                        x,
                        channels,
                        panel: taps,
                    });
                }
            }
        }
    }
}

/// The sums of `P` positions of one row from `start` on.
#[inline(always)]
fn position_tile<S: Simd, const P: usize, const V: usize>(
    runs: &[KernelRow<'_>],
    shape: ConvShape,
    start: usize,
    zeros: &[f32],
) -> Tile<S, P, V> {
    let (reach, width) = (shape.kernel / 2, shape.size[2]);
    let mut tile = zero::<S, P, V>();
    if start >= reach && start + P + reach <= width {
        for &KernelRow { x, channels, panel } in runs {
            let run = shape.kernel * channels;
            let x = &x[(start - reach) * channels..];
            let mut rows = [zeros; P];
            for (p, row) in rows.iter_mut().enumerate() {
                *row = &x[p * channels..][..run];
            }
            tile = add_rows(tile, rows, panel);
        }
    } else {
        // Where a tile touches the end of the row, each tap has its own rows, some of them zeros.
        for &KernelRow { x, channels, panel } in runs {
            let lanes = V * Registers::<S>::LANES;
            for (tap, panel) in panel.chunks_exact(channels * lanes).enumerate() {
                let mut rows = [&zeros[..channels]; P];
                for (p, row) in rows.iter_mut().enumerate() {
                    let at = (start + p + tap).wrapping_sub(reach);
                    if at < width {
                        *row = &x[at * channels..][..channels];
                    }
                }
                tile = add_rows(tile, rows, panel);
            }
        }
    }
    tile
}
