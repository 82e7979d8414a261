//! The weight gradient tap by tap.
//!
//! For one row of the kernel it is a matrix product over positions: the run `[kw, channels]` of inputs under the taps,
//! contiguous since channels come last, times the gradient of a block of output channels.

use super::{Chunk, Method};
use crate::kernels::cpu::outer::RowPairs;
use crate::kernels::cpu::shape::{ConvShape, Input};
use macerator::Simd;
use std::ops::Range;

/// Positions whose gradients stay in the first-level cache while all taps use them.
const STRIP: usize = 192;

/// The sums of every tap.
pub(super) struct Direct;

impl Method for Direct {
    const PLANES: usize = 1;

    #[inline(always)]
    fn sums<S: Simd, const V: usize>(chunk: &Chunk<'_>) -> Vec<f32> {
        let Chunk {
            x,
            grad,
            shape,
            ref outs,
            columns,
            ref slabs,
        } = *chunk;
        let [_, height, width] = shape.size;
        let kernel = shape.kernel;
        let run = kernel * x.1;
        let mut sums = vec![0.0; kernel * kernel * run * columns];
        let rows = (STRIP / width).clamp(1, height);
        let mut strip = Strip::new(shape, x.1, rows, columns);
        for plane in slabs.clone() {
            for h in (0..height).step_by(rows) {
                let first = plane * height + h;
                let count = rows.min(height - h);
                strip.take_grad(grad, outs.clone(), first, count);
                for kd in 0..kernel {
                    for kh in 0..kernel {
                        strip.take_inputs(x.0, shape, (kd, kh), first, count);
                        let row = (kd * kernel + kh) * run * columns;
                        strip
                            .pairs()
                            .add::<S, V>(&mut sums[row..][..run * columns], run);
                    }
                }
            }
        }
        sums
    }
}

/// Some rows of gradients and, for one row of the kernel, the inputs under them with zeros at both ends.
struct Strip {
    grad: Vec<f32>,
    inputs: Vec<f32>,
    /// Where the gradients and inputs of the rows that have inputs start.
    pairs: Vec<(usize, usize)>,
    width: usize,
    channels: usize,
    columns: usize,
    reach: usize,
}

impl Strip {
    fn new(shape: ConvShape, channels: usize, rows: usize, columns: usize) -> Strip {
        let width = shape.size[2];
        let reach = shape.kernel / 2;
        Strip {
            grad: vec![0.0; rows * width * columns],
            inputs: vec![0.0; rows * (width + 2 * reach) * channels],
            pairs: Vec::with_capacity(rows),
            width,
            channels,
            columns,
            reach,
        }
    }

    /// Takes the gradients of the output channels `outs` in `count` rows from row `first` on.
    #[inline(always)]
    fn take_grad(&mut self, grad: Input<'_>, outs: Range<usize>, first: usize, count: usize) {
        let (grad, channels) = grad;
        let from = grad[first * self.width * channels..].chunks_exact(channels);
        let to = self.grad.chunks_exact_mut(self.columns);
        for (to, from) in to.zip(from).take(count * self.width) {
            to[..outs.len()].copy_from_slice(&from[outs.clone()]);
        }
    }

    /// Takes the inputs that tap row `(kd, kh)` reads for the same rows.
    #[inline(always)]
    fn take_inputs(
        &mut self,
        x: &[f32],
        shape: ConvShape,
        (kd, kh): (usize, usize),
        first: usize,
        count: usize,
    ) {
        let length = self.width * self.channels;
        let margin = self.reach * self.channels;
        self.pairs.clear();
        for row in 0..count {
            if let Some(source) = shape.source_row(first + row, kd, kh) {
                let start = row * (length + 2 * margin);
                self.inputs[start + margin..][..length]
                    .copy_from_slice(&x[source * length..][..length]);
                self.pairs.push((row * self.width * self.columns, start));
            }
        }
    }

    /// The rows that have inputs.
    #[inline(always)]
    fn pairs(&self) -> RowPairs<'_> {
        RowPairs {
            inputs: &self.inputs,
            channels: self.channels,
            grads: &self.grad,
            starts: &self.pairs,
            width: self.width,
        }
    }
}
