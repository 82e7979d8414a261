//! Weight gradient of the convolution.
//!
//! Positions are split into chunks by the shape alone and the chunks are added in order, so the result does not depend on
//! the threads.

mod direct;

use super::lanes::Registers;
use super::panel::{BLOCK, lanes};
use super::shape::{ConvShape, Input};
use super::winograd::{self, Winograd};
use crate::platform::{each_chunk, map_tasks};
use direct::Direct;
use macerator::{AutoArch, Simd, WithSimd};
use std::marker::PhantomData;
use std::ops::Range;

/// Positions of one task at least, so that adding the partial sums of tasks costs little.
const TASK: usize = 1024;

/// Tasks along depth and samples at most.
const CHUNKS: usize = 32;

/// Numbers of a task that adds partial sums.
const SUMS: usize = 1 << 12;

/// Gradient of the loss with respect to the weights of `x`, `[out, channels, kd, kh, kw]`, from that with respect to the
/// output.
pub(in crate::kernels) fn weight_gradient(
    x: Input<'_>,
    grad: Input<'_>,
    shape: ConvShape,
) -> Vec<f32> {
    if shape.positions() == 0 {
        vec![0.0; grad.1 * x.1 * shape.taps()]
    } else if winograd::suits([x.1], grad.1, shape) {
        run::<Winograd>(x, grad, shape)
    } else {
        run::<Direct>(x, grad, shape)
    }
}

/// How the gradients of a chunk are summed.
pub(super) trait Method: Sync {
    /// Planes of a slab, the part along the depth of a sample that is worked on as a whole.
    const PLANES: usize;

    /// Sums over the positions of a chunk, `[kd, kh, kw, channels, V registers]`.
    fn sums<S: Simd, const V: usize>(chunk: &Chunk<'_>) -> Vec<f32>;
}

/// A block of output channels over some slabs.
pub(super) struct Chunk<'a> {
    /// Inputs.
    pub(super) x: Input<'a>,
    /// Gradients with respect to the outputs.
    pub(super) grad: Input<'a>,
    /// Sizes.
    pub(super) shape: ConvShape,
    /// Output channels.
    pub(super) outs: Range<usize>,
    /// Columns of the registers that hold them.
    pub(super) columns: usize,
    /// Slabs, counted over all samples.
    pub(super) slabs: Range<usize>,
}

/// The sums of a chunk by a method.
struct Sums<'a, M>(Chunk<'a>, PhantomData<M>);

impl<M: Method> WithSimd for Sums<'_, M> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn with_simd<S: Simd>(self) -> Vec<f32> {
        if self.0.columns == Registers::<S>::LANES {
            M::sums::<S, 1>(&self.0)
        } else {
            M::sums::<S, BLOCK>(&self.0)
        }
    }
}

fn run<M: Method>(x: Input<'_>, grad: Input<'_>, shape: ConvShape) -> Vec<f32> {
    let [depth, height, width] = shape.size;
    let (channels, out_channels) = (x.1, grad.1);
    let columns = out_channels.div_ceil(lanes()).clamp(1, BLOCK) * lanes();
    let blocks = out_channels.div_ceil(columns);
    let slabs = shape.batch * depth.div_ceil(M::PLANES);
    let least = TASK.div_ceil(M::PLANES * height * width);
    let share = slabs.div_ceil(CHUNKS).max(least);
    let chunks = slabs.div_ceil(share);
    let parts = map_tasks(blocks * chunks, |task| {
        let (first, chunk) = (task / chunks * columns, task % chunks);
        let chunk = Chunk {
            x,
            grad,
            shape,
            outs: first..out_channels.min(first + columns),
            columns,
            slabs: chunk * share..slabs.min((chunk + 1) * share),
        };
        AutoArch::new().dispatch(Sums::<M>(chunk, PhantomData))
    });
    let blocks: Vec<Vec<f64>> = parts.chunks(chunks).map(total).collect();
    let taps = shape.taps();
    let mut out = vec![0.0; out_channels * channels * taps];
    each_chunk(&mut out, channels * taps, |out, weights| {
        let (block, column) = (&blocks[out / columns], out % columns);
        for (channel, weights) in weights.chunks_exact_mut(taps).enumerate() {
            for (tap, weight) in weights.iter_mut().enumerate() {
                *weight = block[(tap * channels + channel) * columns + column] as f32;
            }
        }
    });
    out
}

/// The sums of the chunks of one block.
fn total(parts: &[Vec<f32>]) -> Vec<f64> {
    let mut sums = vec![0.0; parts.first().map_or(0, Vec::len)];
    each_chunk(&mut sums, SUMS, |index, sums| {
        for part in parts {
            for (sum, part) in sums.iter_mut().zip(&part[index * SUMS..]) {
                *sum += f64::from(*part);
            }
        }
    });
    sums
}
