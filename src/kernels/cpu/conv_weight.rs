//! Weight gradient of the convolution.
//!
//! For one row of the kernel it is a matrix product over positions: the run `[kw, channels]` of inputs under the taps,
//! contiguous since channels come last, times the gradient of a block of output channels. Positions are split into
//! chunks by the shape alone and the chunks are added in order, so the result does not depend on the threads.

use super::lanes::{Registers, load, store};
use super::panel::{BLOCK, lanes};
use super::shape::{ConvShape, Input};
use super::tile::{add_positions, zero};
use crate::platform::map_tasks;
use macerator::{AutoArch, Simd, WithSimd};

/// Positions whose gradients stay in the first-level cache while all taps use them.
const STRIP: usize = 192;

/// Positions of one task at least, so that adding the partial sums of tasks costs little.
const TASK: usize = 1024;

/// Tasks along depth and samples at most.
const CHUNKS: usize = 32;

/// Gradient of the loss with respect to the weights of `x`, `[out, channels, kd, kh, kw]`, from that with respect to the
/// output.
pub(in crate::kernels) fn weight_gradient(
    x: Input<'_>,
    grad: Input<'_>,
    shape: ConvShape,
) -> Vec<f32> {
    let [depth, height, width] = shape.size;
    let (channels, out_channels) = (x.1, grad.1);
    let columns = BLOCK * lanes();
    let blocks = out_channels.div_ceil(columns);
    let planes = shape.batch * depth;
    let share = planes
        .div_ceil(CHUNKS)
        .max(TASK.div_ceil((height * width).max(1)));
    let chunks = planes.div_ceil(share);
    let partial = map_tasks(blocks * chunks, |task| {
        let (block, chunk) = (task / chunks, task % chunks);
        AutoArch::new().dispatch(Chunk {
            x,
            grad,
            shape,
            first: block * columns,
            planes: (chunk * share, planes.min((chunk + 1) * share)),
        })
    });
    let taps = shape.taps();
    let mut out = vec![0.0; out_channels * channels * taps];
    for (block, partial) in partial.chunks(chunks.max(1)).enumerate() {
        for tap in 0..taps {
            for channel in 0..channels {
                let at = (tap * channels + channel) * columns;
                for column in 0..columns.min(out_channels - block * columns) {
                    let sum: f64 = partial
                        .iter()
                        .map(|part| f64::from(part[at + column]))
                        .sum();
                    let row = (block * columns + column) * channels + channel;
                    out[row * taps + tap] = sum as f32;
                }
            }
        }
    }
    out
}

/// One task: a block of output channels over some planes along the depth of all samples.
struct Chunk<'a> {
    x: Input<'a>,
    grad: Input<'a>,
    shape: ConvShape,
    first: usize,
    planes: (usize, usize),
}

impl WithSimd for Chunk<'_> {
    type Output = Vec<f32>;

    /// `[kd, kh, kw, channel, column]`.
    #[inline(always)]
    fn with_simd<S: Simd>(self) -> Vec<f32> {
        let ConvShape {
            size: [_, height, width],
            kernel,
            ..
        } = self.shape;
        let columns = BLOCK * Registers::<S>::LANES;
        let run = kernel * self.x.1;
        let mut sums = vec![0.0; kernel * kernel * run * columns];
        let rows = (STRIP / width.max(1)).clamp(1, height.max(1));
        let mut strip = Strip::new(self.shape, self.x.1, rows, columns);
        for plane in self.planes.0..self.planes.1 {
            for h in (0..height).step_by(rows) {
                let first = plane * height + h;
                let count = rows.min(height - h);
                strip.take_grad(self.grad, self.first, first, count);
                for kd in 0..kernel {
                    for kh in 0..kernel {
                        strip.take_inputs(self.x.0, self.shape, (kd, kh), first, count);
                        let sums = &mut sums[(kd * kernel + kh) * run * columns..][..run * columns];
                        if Registers::<S>::TALL {
                            strip.add::<S, 12>(sums, run);
                        } else {
                            strip.add::<S, 6>(sums, run);
                        }
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

    /// Takes the gradients of output channels from `channel` on in `count` rows from row `first` on.
    #[inline(always)]
    fn take_grad(&mut self, grad: Input<'_>, channel: usize, first: usize, count: usize) {
        let (grad, channels) = grad;
        let filled = self.columns.min(channels - channel);
        let from = grad[first * self.width * channels..].chunks_exact(channels);
        let to = self.grad.chunks_exact_mut(self.columns);
        for (to, from) in to.zip(from).take(count * self.width) {
            to[..filled].copy_from_slice(&from[channel..][..filled]);
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

    /// Adds the products of all rows to `sums`, `[run, columns]`.
    #[inline(always)]
    fn add<S: Simd, const M: usize>(&self, sums: &mut [f32], run: usize) {
        let mut at = 0;
        while run - at >= M {
            self.add_tile::<S, M>(sums, at);
            at += M;
        }
        while run - at >= 6 {
            self.add_tile::<S, 6>(sums, at);
            at += 6;
        }
        while run - at >= 3 {
            self.add_tile::<S, 3>(sums, at);
            at += 3;
        }
        while run - at >= 1 {
            self.add_tile::<S, 1>(sums, at);
            at += 1;
        }
    }

    /// The same for `M` inputs of the run, from `at` on.
    #[inline(always)]
    fn add_tile<S: Simd, const M: usize>(&self, sums: &mut [f32], at: usize) {
        let mut tile = zero::<S, M, BLOCK>();
        for &(grad, inputs) in &self.pairs {
            let grad = &self.grad[grad..][..self.width * self.columns];
            tile = add_positions::<S, M, BLOCK>(
                tile,
                &self.inputs[inputs + at..],
                self.channels,
                grad,
            );
        }
        // The strip is added up before it meets the sum of earlier ones, which keeps rounding errors small.
        let sums = &mut sums[at * self.columns..][..M * self.columns];
        for (sums, values) in sums.chunks_exact_mut(self.columns).zip(tile) {
            let before = load::<S, BLOCK>(sums);
            store::<S, BLOCK>(sums, &std::array::from_fn(|v| before[v] + values[v]));
        }
    }
}
