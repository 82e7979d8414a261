//! Kernel = stride: patch expansion (transposed convolution) and patch embedding.

use crate::device::DeviceError;
use crate::device::suite::probe::{compare, gradients, held, host, leaf, noise, places};
use crate::device::suite::{Extent, SuiteResult};
use crate::nn::{PatchExpansion, Precision};
use burn::module::Param;
use burn::tensor::Device;

/// Batch, space, input channels, output channels, kernel.
type Case = (usize, [usize; 3], usize, usize, usize);

const REDUCED: [Case; 5] = [
    (1, [1, 1, 1], 3, 2, 2),
    (2, [3, 2, 5], 7, 4, 2),
    (1, [2, 3, 2], 16, 1, 4),
    (1, [6, 6, 6], 48, 32, 2),
    (1, [12, 12, 12], 32, 16, 2),
];

const FULL: [Case; 4] = [
    (1, [6, 6, 6], 768, 128, 2),
    (1, [24, 24, 24], 64, 32, 2),
    (1, [48, 48, 48], 32, 16, 2),
    (1, [24, 24, 24], 16, 1, 4),
];

pub(super) async fn check(
    device: &Device,
    extent: Extent,
    precision: Precision,
    results: &mut Vec<SuiteResult>,
) -> Result<(), DeviceError> {
    for case in extent.cases(REDUCED, FULL) {
        expansion(device, precision, case, results).await?;
    }
    Ok(())
}

async fn expansion(
    device: &Device,
    precision: Precision,
    (batch, size, input, out, kernel): Case,
    results: &mut Vec<SuiteResult>,
) -> Result<(), DeviceError> {
    let name = "patch expansion";
    let [d, h, w] = size;
    let positions = batch * d * h * w;
    let block = kernel.pow(3);
    let random = |seed, count| held(noise(seed, count), precision);
    let x = random(1, positions * input);
    let weight = random(2, input * out * block);
    let grad = random(3, positions * block * out);
    let a = leaf(&x, [batch, d, h, w, input], device);
    let layer = PatchExpansion {
        weight: Param::from_tensor(leaf(&weight, [input, out, kernel, kernel, kernel], device)),
        bias: None,
    };
    let y = layer.forward(precision.cast(a.clone()));
    let [ga, gw] = gradients(y.clone(), &grad, [&a, &layer.weight.val()]);

    // A place of the output is a voxel of an input voxel's block.
    let split = |voxel: usize| {
        let (kw, kh, kd) = (kernel * w, kernel * h, kernel * d);
        let at = [voxel / (kh * kw) % kd, voxel / kw % kh, voxel % kw];
        let sample = voxel / (kd * kh * kw);
        let from = ((sample * d + at[0] / kernel) * h + at[1] / kernel) * w + at[2] / kernel;
        let tap = (at[0] % kernel * kernel + at[1] % kernel) * kernel + at[2] % kernel;
        (from, tap)
    };
    let join = |position: usize, tap: usize| {
        let at = [position / (h * w) % d, position / w % h, position % w];
        let tap = [tap / (kernel * kernel), tap / kernel % kernel, tap % kernel];
        let to = [0, 1, 2].map(|axis| at[axis] * kernel + tap[axis]);
        let sample = position / (d * h * w);
        ((sample * kernel * d + to[0]) * kernel * h + to[1]) * kernel * w + to[2]
    };
    let of = |what: &str| {
        format!("patch expansion {kernel}, {batch} x {size:?}, {input} to {out}: {what}")
    };
    let found = host(name, y.inner()).await?;
    let exact = |place: usize| {
        let (from, tap) = split(place / out);
        (0..input)
            .map(|c| {
                f64::from(x[from * input + c])
                    * f64::from(weight[(c * out + place % out) * block + tap])
            })
            .sum()
    };
    compare(of("output"), &found, &places(found.len()), exact, results);
    let found = host(name, ga).await?;
    let exact = |place: usize| {
        let (position, c) = (place / input, place % input);
        let mut sum = 0.0;
        for tap in 0..block {
            for o in 0..out {
                sum += f64::from(grad[join(position, tap) * out + o])
                    * f64::from(weight[(c * out + o) * block + tap]);
            }
        }
        sum
    };
    compare(
        of("gradient of the input"),
        &found,
        &places(found.len()),
        exact,
        results,
    );
    let found = host(name, gw).await?;
    let exact = |place: usize| {
        let (tap, o, c) = (place % block, place / block % out, place / block / out);
        (0..positions)
            .map(|p| f64::from(grad[join(p, tap) * out + o]) * f64::from(x[p * input + c]))
            .sum()
    };
    let stride = (found.len() / 256).max(1) | 1;
    let some: Vec<usize> = (0..found.len()).step_by(stride).collect();
    compare(of("gradient of the weight"), &found, &some, exact, results);
    Ok(())
}
