//! A step in parts, to save memory.

use crate::config::crops_of_part;
use crate::optim::{GradientMap, accumulate};
use crate::train::StepOutput;
use crate::train::scale::scaled;
use crate::weights::Named;
use burn::Tensor;
use burn::tensor::{Device, TensorData};
use std::ops::Range;

/// How a step's crops are sent through the network.
pub(super) struct Parts<'a> {
    /// Crops of the step.
    pub crops: usize,
    /// Parts they are sent in; 0 counts as 1.
    pub accumulation: usize,
    /// Values that each part's loss has, the total first.
    pub values: usize,
    /// The tracked device.
    pub device: &'a Device,
    /// Factor of the loss in half precision, `[1]`.
    pub scale: Option<&'a Tensor<1>>,
}

impl Parts<'_> {
    /// Forward and backward, part by part. `loss` gives the values of some of the crops, each `[1]` and on the tracked
    /// device, the total first; losses and gradients are averaged, each part by its share of the crops.
    pub(super) fn run<N: Named>(
        &self,
        network: &N,
        loss: impl Fn(Range<usize>) -> Vec<Tensor<1>>,
    ) -> StepOutput {
        let part = crops_of_part(self.crops, self.accumulation);
        let mut gradients = GradientMap::new();
        let mut losses: Option<Tensor<1>> = None;
        for start in (0..self.crops).step_by(part) {
            let count = part.min(self.crops - start);
            let share = count as f64 / self.crops as f64;
            let values = loss(start..start + count);
            if let Some(total) = values.first() {
                let mut graph = scaled(total.clone() * share, self.scale).backward();
                accumulate(network, &mut graph, &mut gradients);
            }
            let values = Tensor::cat(values, 0).inner() * share;
            losses = Some(match losses {
                Some(sum) => sum + values,
                None => values,
            });
        }
        StepOutput {
            losses: losses
                .unwrap_or_else(|| Tensor::zeros([self.values], &self.device.clone().inner())),
            gradients,
        }
    }
}

/// Host crops `[count, d, h, w]` as a channels-last tensor `[count, d, h, w, 1]`.
pub fn upload(values: Vec<f32>, patch: [usize; 3], device: &Device) -> Tensor<5> {
    let [d, h, w] = patch;
    let count = values.len() / (d * h * w).max(1);
    Tensor::from_data(TensorData::new(values, [count, d, h, w, 1]), device)
}
