//! Instance norm over space, `[batch, space.., channels]`, with residual and leaky ReLU in the same pass.
//!
//! Mean and deviation are of one sample and channel; the variance is biased. Sums are taken over chunks of positions
//! in f32 and merged in order in f64, so they do not depend on the threads.

use super::moments::sum_channels;
use crate::platform::{fill_chunks, map_tasks};
use macerator::AutoArch;

/// Numbers of one chunk: they stay in the second-level cache.
const CHUNK: usize = 1 << 14;

/// Sizes of the tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernels) struct NormShape {
    /// Samples.
    pub(in crate::kernels) batch: usize,
    /// Positions of one sample.
    pub(in crate::kernels) positions: usize,
    /// Channels.
    pub(in crate::kernels) channels: usize,
}

impl NormShape {
    /// Positions of one chunk.
    pub(super) fn chunk(&self) -> usize {
        (CHUNK / self.channels.max(1)).clamp(16, 1024)
    }

    /// Chunks of one sample.
    pub(super) fn chunks(&self) -> usize {
        self.positions.div_ceil(self.chunk())
    }

    /// The numbers of one sample.
    fn sample<'a>(&self, x: &'a [f32], sample: usize) -> &'a [f32] {
        let length = self.positions * self.channels;
        &x[sample * length..][..length]
    }

    /// The part of `x` that a chunk of a sample covers.
    pub(super) fn part<'a>(&self, x: &'a [f32], sample: usize, chunk: usize) -> &'a [f32] {
        let length = self.chunk() * self.channels;
        let x = self.sample(x, sample);
        &x[chunk * length..x.len().min((chunk + 1) * length)]
    }
}

/// `leaky_relu((x - mean) / deviation + residual)`; `slope` 1 leaves the activation out.
pub(in crate::kernels) fn apply(
    x: &[f32],
    stats: &[f32],
    residual: Option<&[f32]>,
    slope: f32,
    shape: NormShape,
) -> Vec<f32> {
    let table = |sample| {
        let stats = &stats[sample * 2 * shape.channels..];
        let (mean, scale) = stats.split_at(shape.channels);
        [mean.to_vec(), scale[..shape.channels].to_vec()]
    };
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
fn leaky(x: f32, slope: f32) -> f32 {
    // A factor instead of a branch, so that loops vectorise.
    x * if x > 0.0 { 1.0 } else { slope }
}

#[inline(always)]
fn leaky_gradient(y: f32, grad: f32, slope: f32) -> f32 {
    grad * if y > 0.0 { 1.0 } else { slope }
}

/// Gradient of the loss with respect to `x` of [`apply`] without residual: `y` is its output, whose sign is that of the
/// argument of the activation.
pub(in crate::kernels) fn backward(
    x: &[f32],
    stats: &[f32],
    y: &[f32],
    grad: &[f32],
    slope: f32,
    shape: NormShape,
) -> Vec<f32> {
    let (channels, chunks) = (shape.channels, shape.chunks());
    let sums = map_tasks(shape.batch * chunks, |task| {
        let (sample, chunk) = (task / chunks, task % chunks);
        let parts = [x, y, grad].map(|x| shape.part(x, sample, chunk));
        let (mean, scale) = stats[sample * 2 * channels..].split_at(channels);
        AutoArch::new().dispatch(
            #[inline(always)]
            || {
                let mut sums = [vec![0.0; channels], vec![0.0; channels]];
                let [first, second] = &mut sums;
                sum_channels(parts, channels, [first, second], |channel, [x, y, grad]| {
                    let grad = leaky_gradient(y, grad, slope);
                    [grad, grad * ((x - mean[channel]) * scale[channel])]
                });
                sums
            },
        )
    });
    // By channel: mean of x, then the factors of the gradient, of one and of x - mean.
    let table = |sample: usize| {
        let (mean, scale) = stats[sample * 2 * channels..].split_at(channels);
        let average = |which: usize, channel: usize| {
            let sums = sums[sample * chunks..][..chunks].iter();
            sums.map(|sums| f64::from(sums[which][channel]))
                .sum::<f64>()
                / shape.positions as f64
        };
        let scale = &scale[..channels];
        let scales = scale.iter().enumerate();
        let constant = scales
            .clone()
            .map(|(c, scale)| (f64::from(*scale) * average(0, c)) as f32);
        let linear = scales.map(|(c, scale)| (f64::from(*scale).powi(2) * average(1, c)) as f32);
        [
            mean.to_vec(),
            scale.to_vec(),
            constant.collect(),
            linear.collect(),
        ]
    };
    by_channel(
        shape,
        [x, y, grad],
        table,
        |[x, y, grad], [mean, scale, constant, linear]| {
            scale * leaky_gradient(y, grad, slope) - constant - (x - mean) * linear
        },
    )
}

/// Gradient of the loss before a leaky ReLU from its output and the gradient behind it.
pub(in crate::kernels) fn leaky_backward(y: &[f32], grad: &[f32], slope: f32) -> Vec<f32> {
    let mut out = vec![0.0; y.len()];
    fill_chunks(&mut out, CHUNK, |index, out| {
        let start = index * CHUNK;
        let (y, grad) = (&y[start..][..out.len()], &grad[start..][..out.len()]);
        for ((out, y), grad) in out.iter_mut().zip(y).zip(grad) {
            *out = leaky_gradient(*y, *grad, slope);
        }
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
    let channels = shape.channels.max(1);
    let mut out = vec![0.0; shape.batch * shape.positions * shape.channels];
    // The constants of a few positions in a row make loops long enough to vectorise well.
    let repeat = 256usize.div_ceil(channels);
    let length = (shape.chunk().next_multiple_of(repeat)) * channels;
    let samples = out.chunks_mut((shape.positions * channels).max(1));
    for (sample, out) in samples.enumerate() {
        let x = x.map(|x| shape.sample(x, sample));
        let table = table(sample).map(|constants| constants.repeat(repeat));
        fill_chunks(out, length, |index, out| {
            let x = x.map(|x| &x[index * length..][..out.len()]);
            AutoArch::new().dispatch(
                #[inline(always)]
                || {
                    let stretch = repeat * channels;
                    for (index, out) in out.chunks_mut(stretch).enumerate() {
                        let x = x.map(|x| &x[index * stretch..][..out.len()]);
                        let table = table.each_ref().map(|table| &table[..out.len()]);
                        for (at, out) in out.iter_mut().enumerate() {
                            *out = work(x.map(|x| x[at]), table.map(|table| table[at]));
                        }
                    }
                },
            );
        });
    }
    out
}
