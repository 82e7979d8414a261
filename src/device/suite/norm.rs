//! Instance normalisation with and without residual and activation.

use crate::device::DeviceError;
use crate::device::suite::probe::{compare, gradients, held, host, leaf, noise, places};
use crate::device::suite::{Extent, SuiteResult};
use crate::kernels::instance_norm;
use crate::nn::Precision;
use burn::Tensor;
use burn::tensor::Device;

/// Batch, space, channels, whether there is a residual, slope.
type Case = (usize, [usize; 3], usize, bool, f32);

const REDUCED: [Case; 7] = [
    (1, [2, 3, 2], 1, false, 1.0),
    (2, [3, 5, 7], 3, true, 0.01),
    (3, [4, 4, 4], 16, false, 0.01),
    (1, [6, 6, 6], 160, true, 1.0),
    (2, [8, 9, 10], 33, true, 0.01),
    (1, [16, 16, 16], 16, false, 0.01),
    (1, [32, 32, 32], 16, true, 0.01),
];

const FULL: [Case; 5] = [
    (1, [96, 96, 96], 16, true, 0.01),
    (2, [48, 48, 48], 32, false, 0.01),
    (1, [24, 24, 24], 64, false, 1.0),
    (2, [12, 12, 12], 128, true, 0.01),
    (1, [31, 33, 37], 17, true, 0.01),
];

pub(super) async fn check(
    device: &Device,
    extent: Extent,
    precision: Precision,
    results: &mut Vec<SuiteResult>,
) -> Result<(), DeviceError> {
    for case in extent.cases(REDUCED, FULL) {
        one(device, precision, case, results).await?;
    }
    Ok(())
}

/// Mean, reciprocal deviation, and the means of the gradient and of its product with the normalised value.
#[derive(Clone, Copy, Default)]
struct Channel {
    mean: f64,
    scale: f64,
    grad: f64,
    product: f64,
}

async fn one(
    device: &Device,
    precision: Precision,
    (batch, size, channels, with_residual, slope): Case,
    results: &mut Vec<SuiteResult>,
) -> Result<(), DeviceError> {
    let name = "instance norm";
    let voxels = size.iter().product::<usize>();
    let shape = [batch, size[0], size[1], size[2], channels];
    let count = batch * voxels * channels;
    // Channels differ in mean and deviation.
    let x: Vec<f32> = noise(1, count)
        .iter()
        .enumerate()
        .map(|(i, v)| v * (1.0 + (i % channels) as f32 * 0.1) + (i % channels % 5) as f32)
        .collect();
    let x = held(x, precision);
    let residual = held(noise(2, count), precision);
    let grad = held(noise(3, count), precision);
    let a = leaf(&x, shape, device);
    let r = leaf(&residual, shape, device);
    let cast = |x: &Tensor<5>| precision.cast(x.clone());
    let y = instance_norm(cast(&a), with_residual.then(|| cast(&r)), slope);
    let found = if with_residual {
        gradients(y.clone(), &grad, [&a, &r]).to_vec()
    } else {
        gradients(y.clone(), &grad, [&a]).to_vec()
    };

    let place = |sample: usize, voxel: usize, channel: usize| {
        (sample * voxels + voxel) * channels + channel
    };
    let mut stats = vec![Channel::default(); batch * channels];
    let normed = |stats: &Channel, i: usize| (f64::from(x[i]) - stats.mean) * stats.scale;
    let before = |stats: &Channel, i: usize| {
        normed(stats, i)
            + if with_residual {
                f64::from(residual[i])
            } else {
                0.0
            }
    };
    let slope = f64::from(slope);
    let slanted = |stats: &Channel, i: usize| {
        f64::from(grad[i]) * if before(stats, i) > 0.0 { 1.0 } else { slope }
    };
    for (index, channel) in stats.iter_mut().enumerate() {
        let at = |voxel| place(index / channels, voxel, index % channels);
        let mean = |f: &dyn Fn(usize) -> f64| {
            (0..voxels).map(|voxel| f(at(voxel))).sum::<f64>() / voxels as f64
        };
        channel.mean = mean(&|i| f64::from(x[i]));
        let variance = mean(&|i| (f64::from(x[i]) - channel.mean).powi(2));
        channel.scale = (variance + 1e-5).sqrt().recip();
        let known = *channel;
        channel.grad = mean(&|i| slanted(&known, i));
        channel.product = mean(&|i| slanted(&known, i) * normed(&known, i));
    }
    let of_place = |i: usize| &stats[i / (voxels * channels) * channels + i % channels];

    let of = |what: &str| {
        format!("instance norm, {shape:?}, residual {with_residual}, slope {slope:.2}: {what}")
    };
    let y = host(name, y.inner()).await?;
    let exact = |i: usize| {
        let z = before(of_place(i), i);
        if z > 0.0 { z } else { z * slope }
    };
    compare(of("output"), &y, &places(count), exact, results);
    for (index, gradient) in found.into_iter().enumerate() {
        let values = host(name, gradient).await?;
        if index == 0 {
            let exact = |i: usize| {
                let s = of_place(i);
                s.scale * (slanted(s, i) - s.grad - normed(s, i) * s.product)
            };
            compare(of("gradient"), &values, &places(count), exact, results);
        } else {
            let exact = |i: usize| slanted(of_place(i), i);
            compare(
                of("gradient of the residual"),
                &values,
                &places(count),
                exact,
                results,
            );
        }
    }
    Ok(())
}
