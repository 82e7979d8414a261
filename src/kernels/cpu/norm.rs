//! Instance norm over space, `[batch, space.., channels]`, with residual and leaky ReLU in the same pass.
//!
//! Mean and deviation are of one sample and channel; the variance is biased. Sums are taken over chunks of positions
//! in f32 and merged in order in f64, so they do not depend on the threads.

use super::fill::fill;
use super::moments::sum_channels;
use super::norm_shape::{CHUNK, NormShape};
use crate::kernels::host::vectorised;
use crate::platform::map_tasks;

/// `leaky_relu((x - mean) / deviation + residual)`; `slope` 1 leaves the activation out.
pub(in crate::kernels) fn apply(
    x: &[f32],
    stats: &[f32],
    residual: Option<&[f32]>,
    slope: f32,
    shape: NormShape,
) -> Vec<f32> {
    let table = |sample| shape.stats(stats, sample).map(<[f32]>::to_vec);
    match residual {
        None => by_channel(shape, [x], table, |[x], [mean, scale]| {
            leaky((x - mean) * scale, slope)
        }),
        Some(residual) => by_channel(
            shape,
            [x, residual],
            table,
            |[x, residual], [mean, scale]| leaky((x - mean) * scale + residual, slope),
        ),
    }
}

#[inline(always)]
pub(super) fn leaky(x: f32, slope: f32) -> f32 {
    // A factor instead of a branch, so that loops vectorise.
    x * if x > 0.0 { 1.0 } else { slope }
}

#[inline(always)]
pub(super) fn leaky_gradient(y: f32, grad: f32, slope: f32) -> f32 {
    grad * if y > 0.0 { 1.0 } else { slope }
}

/// The normalised value from the output: the activation undone, the residual taken away.
#[inline(always)]
pub(super) fn normal(y: f32, residual: f32, steepness: f32) -> f32 {
    y * if y > 0.0 { 1.0 } else { steepness } - residual
}

/// Gradient of the loss with respect to `x` of [`apply`] from its output `y` and the residual: the normalised values
/// come back from these, so that `x` need not be kept.
pub(in crate::kernels) fn backward(
    y: &[f32],
    stats: &[f32],
    residual: Option<&[f32]>,
    grad: &[f32],
    slope: f32,
    shape: NormShape,
) -> Vec<f32> {
    let steepness = slope.recip();
    match residual {
        None => backward_of([y, grad], stats, slope, shape, |[y, _]| {
            normal(y, 0.0, steepness)
        }),
        Some(residual) => backward_of([y, grad, residual], stats, slope, shape, |[y, _, r]| {
            normal(y, r, steepness)
        }),
    }
}

/// The gradient where the output and its gradient are the first two tensors, and `normal` gives the normalised value.
#[inline(always)]
fn backward_of<const N: usize>(
    tensors: [&[f32]; N],
    stats: &[f32],
    slope: f32,
    shape: NormShape,
    normal: impl Fn([f32; N]) -> f32 + Sync + Copy,
) -> Vec<f32> {
    let (channels, chunks) = (shape.channels, shape.chunks());
    let sums = map_tasks(shape.batch * chunks, |task| {
        let parts = tensors.map(|x| shape.part(x, task / chunks, task % chunks));
        vectorised(
            #[inline(always)]
            || {
                let mut sums = [vec![0.0; channels], vec![0.0; channels]];
                let [first, second] = &mut sums;
                sum_channels(parts, channels, [first, second], |_, values| {
                    let grad = leaky_gradient(values[0], values[1], slope);
                    [grad, grad * normal(values)]
                });
                sums
            },
        )
    });
    // By channel: the reciprocal deviation, then the factors of one and of the normalised value.
    let table = |sample: usize| {
        let [_, scale] = shape.stats(stats, sample);
        let factor = |which: usize| {
            let factors = scale.iter().enumerate().map(|(channel, scale)| {
                let sums = sums[sample * chunks..][..chunks].iter();
                let sum: f64 = sums.map(|sums| f64::from(sums[which][channel])).sum();
                (f64::from(*scale) * sum / shape.positions as f64) as f32
            });
            factors.collect()
        };
        [scale.to_vec(), factor(0), factor(1)]
    };
    by_channel(
        shape,
        tensors,
        table,
        |values, [scale, constant, linear]| {
            let grad = leaky_gradient(values[0], values[1], slope);
            scale * grad - constant - normal(values) * linear
        },
    )
}

/// Gradient of the loss before a leaky ReLU from its output and the gradient behind it.
pub(in crate::kernels) fn leaky_backward(y: &[f32], grad: &[f32], slope: f32) -> Vec<f32> {
    let [out] = fill(1, y.len(), CHUNK, |_, start, [out]| {
        let (y, grad) = (&y[start..][..out.len()], &grad[start..][..out.len()]);
        vectorised(
            #[inline(always)]
            || {
                for ((out, y), grad) in out.iter_mut().zip(y).zip(grad) {
                    *out = leaky_gradient(*y, *grad, slope);
                }
            },
        );
    });
    out
}

/// `work(values, constants of the channel)` at every number; `table(sample)` gives the constants by channel.
fn by_channel<const N: usize, const T: usize>(
    shape: NormShape,
    x: [&[f32]; N],
    table: impl Fn(usize) -> [Vec<f32>; T],
    work: impl Fn([f32; N], [f32; T]) -> f32 + Sync,
) -> Vec<f32> {
    let [out] = all_by_channel(shape, x, table, |values, constants| {
        [work(values, constants)]
    });
    out
}

/// As [`by_channel`], of several numbers at each place.
pub(super) fn all_by_channel<const N: usize, const T: usize, const M: usize>(
    shape: NormShape,
    x: [&[f32]; N],
    table: impl Fn(usize) -> [Vec<f32>; T],
    work: impl Fn([f32; N], [f32; T]) -> [f32; M] + Sync,
) -> [Vec<f32>; M] {
    let channels = shape.channels.max(1);
    // The constants of a few positions in a row make loops long enough to vectorise well.
    let repeat = 256usize.div_ceil(channels);
    let stretch = repeat * channels;
    let tables: Vec<[Vec<f32>; T]> = (0..shape.batch)
        .map(|sample| table(sample).map(|constants| constants.repeat(repeat)))
        .collect();
    let sample_length = shape.positions * shape.channels;
    let length = shape.chunk().next_multiple_of(repeat) * channels;
    fill(
        shape.batch,
        sample_length,
        length,
        |sample, start, mut out| {
            let table = &tables[sample];
            let count = out.first().map_or(0, |out| out.len());
            let x = x.map(|x| &shape.sample(x, sample)[start..][..count]);
            vectorised(
                #[inline(always)]
                || {
                    for first in (0..count).step_by(stretch) {
                        let last = count.min(first + stretch);
                        let x = x.map(|x| &x[first..last]);
                        let mut out = out.each_mut().map(|out| &mut out[first..last]);
                        let table = table.each_ref().map(|table| &table[..last - first]);
                        for at in 0..last - first {
                            let values = work(x.map(|x| x[at]), table.map(|table| table[at]));
                            for (out, value) in out.iter_mut().zip(values) {
                                out[at] = value;
                            }
                        }
                    }
                },
            );
        },
    )
}
