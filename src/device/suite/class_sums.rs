//! The sums that Dice and cross-entropy are made of.

use crate::device::DeviceError;
use crate::device::suite::probe::{compare, gradients, host, leaf, noise, places};
use crate::device::suite::{Extent, SuiteResult};
use crate::kernels::class_sums;
use burn::Tensor;
use burn::tensor::{Device, TensorData};

/// Samples, edge of the volume, classes.
const REDUCED: [[usize; 3]; 4] = [[1, 1, 2], [2, 5, 3], [2, 9, 14], [1, 6, 40]];
const FULL: [[usize; 3]; 2] = [[1, 48, 14], [2, 33, 6]];

pub(super) async fn check(
    device: &Device,
    extent: Extent,
    results: &mut Vec<SuiteResult>,
) -> Result<(), DeviceError> {
    for case in extent.cases(REDUCED, FULL) {
        one(device, case, results).await?;
    }
    Ok(())
}

/// Softmax of a voxel, and the logarithm of the sum of powers.
fn softmax(logits: &[f32]) -> (Vec<f64>, f64) {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> = logits
        .iter()
        .map(|x| (f64::from(*x) - f64::from(largest)).exp())
        .collect();
    let sum = powers.iter().sum::<f64>();
    let p = powers.into_iter().map(|power| power / sum).collect();
    (p, sum.ln() + f64::from(largest))
}

async fn one(
    device: &Device,
    [batch, edge, classes]: [usize; 3],
    results: &mut Vec<SuiteResult>,
) -> Result<(), DeviceError> {
    let name = "class sums";
    let voxels = edge.pow(3);
    let numbers = 3 * classes + 1;
    let logits: Vec<f32> = noise(1, batch * voxels * classes)
        .iter()
        .map(|x| 4.0 * x)
        .collect();
    let labels: Vec<f32> = noise(2, batch * voxels)
        .iter()
        .map(|x| {
            ((0.5 * x + 0.5) * classes as f32)
                .floor()
                .min(classes as f32 - 1.0)
        })
        .collect();
    let grad = noise(3, batch * numbers);

    let x = leaf(&logits, [batch, edge, edge, edge, classes], device);
    let data = TensorData::new(labels.clone(), [batch, edge, edge, edge, 1]);
    let sums = class_sums(x.clone(), Tensor::from_data(data, device));
    let y = Tensor::cat(
        vec![sums.overlap, sums.predicted, sums.labelled, sums.entropy],
        1,
    );
    let [of_x] = gradients(y.clone(), &grad, [&x]);

    let mut exact = vec![0.0; batch * numbers];
    let mut slope = vec![0.0; logits.len()];
    for (voxel, label) in labels.iter().enumerate() {
        let sample = voxel / voxels * numbers;
        let label = *label as usize;
        let range = voxel * classes..(voxel + 1) * classes;
        let (p, log_sum) = softmax(&logits[range.clone()]);
        let hit = |class: usize| f64::from(u8::from(class == label));
        let of = |class: usize| {
            f64::from(grad[sample + classes + class]) + hit(class) * f64::from(grad[sample + class])
        };
        let entropy = f64::from(grad[sample + 3 * classes]);
        let mean: f64 = (0..classes).map(|class| p[class] * of(class)).sum();
        for class in 0..classes {
            exact[sample + class] += hit(class) * p[class];
            exact[sample + classes + class] += p[class];
            exact[sample + 2 * classes + class] += hit(class);
            slope[range.start + class] =
                p[class] * (of(class) - mean) + entropy * (p[class] - hit(class));
        }
        exact[sample + 3 * classes] += log_sum - f64::from(logits[range.start + label]);
    }
    let title = |what: &str| format!("{name}, {batch} x {edge}^3, {classes} classes: {what}");
    let found = host(name, y).await?;
    compare(
        title("forward"),
        &found,
        &places(exact.len()),
        |i| exact[i],
        results,
    );
    let found = host(name, of_x).await?;
    compare(
        title("gradient of the logits"),
        &found,
        &places(slope.len()),
        |i| slope[i],
        results,
    );
    Ok(())
}
