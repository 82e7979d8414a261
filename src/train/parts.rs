//! A step in parts, to save memory.

use crate::optim::{GradientMap, accumulate};
use crate::train::StepOutput;
use crate::train::scale::scaled;
use crate::weights::Named;
use burn::Tensor;
use burn::tensor::{Device, Gradients, TensorData};
use std::ops::Range;

/// What a stage's step computes: what passes the network, and what is made of what comes out.
pub(super) trait Work {
    /// What is trained.
    type Network: Named;

    /// Crops of the step.
    fn crops(&self) -> usize;

    /// Size of a crop.
    fn patch(&self) -> [usize; 3];

    /// Values that the loss of a part has, the total first.
    fn values(&self) -> usize;

    /// Where some of the crops stand among the voxels of all.
    fn voxels(&self, crops: &Range<usize>) -> Range<usize> {
        let voxels = self.patch().iter().product::<usize>();
        crops.start * voxels..crops.end * voxels
    }

    /// Samples that a crop sends through the network.
    fn samples_of_crop(&self) -> usize {
        1
    }

    /// What some of the crops send through the network, `[samples, d, h, w]`. Samples do not see each other in it.
    fn inputs(&self, crops: &Range<usize>) -> Vec<f32>;

    /// The network: `[samples, d, h, w, 1]` to `[samples, d, h, w, channels]`.
    fn forward(network: &Self::Network, inputs: Tensor<5>) -> Tensor<5>;

    /// The values of the loss, each `[1]`, from what the network made of [`Self::inputs`]. `device` is the tracked one.
    fn loss(&self, outputs: Tensor<5>, crops: &Range<usize>, device: &Device) -> Vec<Tensor<1>>;
}

/// How a step's crops are sent through the network: losses and gradients are averaged over the parts, each by its share
/// of the crops.
pub(super) struct Parts<'a, W> {
    /// What is computed.
    pub work: W,
    /// Crops of a part; 0 counts as 1. It is that of a full step also in an epoch's last, shorter one, so that
    /// crops there have as many to be contrasted with.
    pub crops_at_once: usize,
    /// The tracked device.
    pub device: &'a Device,
    /// Factor of the loss in half precision, `[1]`.
    pub scale: Option<&'a Tensor<1>>,
}

impl<W: Work> Parts<'_, W> {
    /// Forward and backward, part by part.
    pub(super) fn run(&self, network: &W::Network) -> StepOutput {
        let mut sum = Sum::default();
        for crops in self.crops() {
            let inputs = upload(self.work.inputs(&crops), self.work.patch(), self.device);
            let outputs = W::forward(network, inputs);
            if let Some(mut graph) = self.backward(outputs, &crops, &mut sum) {
                accumulate(network, &mut graph, &mut sum.gradients);
            }
        }
        self.output(sum)
    }

    /// Samples that pass the network together.
    pub(super) fn samples_at_once(&self) -> usize {
        self.crops_at_once.min(self.work.crops()) * self.work.samples_of_crop()
    }

    /// The crops of each part.
    pub(super) fn crops(&self) -> impl Iterator<Item = Range<usize>> {
        let all = self.work.crops();
        let part = self.crops_at_once.max(1);
        (0..all)
            .step_by(part)
            .map(move |start| start..all.min(start + part))
    }

    /// Adds the losses of a part and goes back from them to what made `outputs`.
    pub(super) fn backward(
        &self,
        outputs: Tensor<5>,
        crops: &Range<usize>,
        sum: &mut Sum,
    ) -> Option<Gradients> {
        let share = crops.len() as f64 / self.work.crops() as f64;
        let values = self.work.loss(outputs, crops, self.device);
        let total = values.first()?.clone();
        let losses = Tensor::cat(values, 0).inner() * share;
        sum.losses = Some(match sum.losses.take() {
            Some(sum) => sum + losses,
            None => losses,
        });
        Some(scaled(total * share, self.scale).backward())
    }

    /// What all parts came to.
    pub(super) fn output(&self, sum: Sum) -> StepOutput {
        let none = || Tensor::zeros([self.work.values()], &self.device.clone().inner());
        StepOutput {
            losses: sum.losses.unwrap_or_else(none),
            gradients: sum.gradients,
        }
    }
}

/// Losses and gradients of the parts so far.
#[derive(Default)]
pub(super) struct Sum {
    losses: Option<Tensor<1>>,
    /// By parameter name.
    pub(super) gradients: GradientMap,
}

/// Host crops `[count, d, h, w]` as a channels-last tensor `[count, d, h, w, 1]`.
pub fn upload(values: Vec<f32>, patch: [usize; 3], device: &Device) -> Tensor<5> {
    let count = values.len() / patch.iter().product::<usize>().max(1);
    upload_samples(values, count, patch, device)
}

/// Host values as a channels-last tensor `[count, d, h, w, channels]`.
pub(super) fn upload_samples(
    values: Vec<f32>,
    count: usize,
    patch: [usize; 3],
    device: &Device,
) -> Tensor<5> {
    let [d, h, w] = patch;
    let channels = values.len() / (count * d * h * w).max(1);
    Tensor::from_data(TensorData::new(values, [count, d, h, w, channels]), device)
}
