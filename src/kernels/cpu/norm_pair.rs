//! Two normalised tensors added, then a leaky ReLU, in one pass: the end of a residual unit whose shortcut has a norm of
//! its own.

use super::moments::sum_channels;
use super::norm::{all_by_channel, leaky, leaky_gradient, normal};
use super::norm_shape::NormShape;
use crate::kernels::host::vectorised;
use crate::platform::map_tasks;

/// `leaky_relu(norm(x) + norm(shortcut))`; the statistics are those of x, then of the shortcut.
pub(in crate::kernels) fn add(
    x: [&[f32]; 2],
    stats: [&[f32]; 2],
    slope: f32,
    shape: NormShape,
) -> Vec<f32> {
    let table = |sample| {
        let [[mean, scale], [shortcut_mean, shortcut_scale]] =
            stats.map(|stats| shape.stats(stats, sample));
        [mean, scale, shortcut_mean, shortcut_scale].map(<[f32]>::to_vec)
    };
    let [out] = all_by_channel(shape, x, table, |[x, shortcut], [m, s, sm, ss]| {
        [leaky((x - m) * s + (shortcut - sm) * ss, slope)]
    });
    out
}

/// Gradients of `x` and the shortcut of [`add`] from the output `y`, the shortcut and the output's gradient.
pub(in crate::kernels) fn add_backward(
    [y, shortcut]: [&[f32]; 2],
    stats: [&[f32]; 2],
    grad: &[f32],
    slope: f32,
    shape: NormShape,
) -> [Vec<f32>; 2] {
    let (channels, chunks) = (shape.channels, shape.chunks());
    let steepness = slope.recip();
    let tensors = [y, grad, shortcut];
    let sums = map_tasks(shape.batch * chunks, |task| {
        let (sample, chunk) = (task / chunks, task % chunks);
        let values = tensors.map(|x| shape.part(x, sample, chunk));
        let [mean, scale] = shape.stats(stats[1], sample);
        vectorised(
            #[inline(always)]
            || {
                let mut sums = [
                    vec![0.0; channels],
                    vec![0.0; channels],
                    vec![0.0; channels],
                ];
                let [first, second, third] = &mut sums;
                let term = |channel: usize, [y, grad, shortcut]: [f32; 3]| {
                    let grad = leaky_gradient(y, grad, slope);
                    let other = (shortcut - mean[channel]) * scale[channel];
                    [grad, grad * normal(y, other, steepness), grad * other]
                };
                sum_channels(values, channels, [first, second, third], term);
                sums
            },
        )
    });
    // By channel: the shortcut's mean; both reciprocal deviations; the means of the gradient and of its products.
    let table = |sample: usize| {
        let [_, scale] = shape.stats(stats[0], sample);
        let [shortcut_mean, shortcut_scale] = shape.stats(stats[1], sample);
        let mean = |which: usize| -> Vec<f32> {
            let sums = &sums[sample * chunks..][..chunks];
            let of = |channel: usize| -> f64 {
                let all = sums.iter().map(|sums| f64::from(sums[which][channel]));
                all.sum::<f64>() / shape.positions as f64
            };
            (0..channels).map(|channel| of(channel) as f32).collect()
        };
        [
            shortcut_mean.to_vec(),
            scale.to_vec(),
            shortcut_scale.to_vec(),
            mean(0),
            mean(1),
            mean(2),
        ]
    };
    all_by_channel(
        shape,
        tensors,
        table,
        |[y, grad, shortcut],
         [
            shortcut_mean,
            scale,
            shortcut_scale,
            mean,
            product,
            other_product,
        ]| {
            let grad = leaky_gradient(y, grad, slope) - mean;
            let other = (shortcut - shortcut_mean) * shortcut_scale;
            [
                scale * (grad - normal(y, other, steepness) * product),
                shortcut_scale * (grad - other * other_product),
            ]
        },
    )
}
