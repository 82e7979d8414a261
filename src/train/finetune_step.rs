//! What a step of fine-tuning computes (specification 6.3).

use crate::dataset::LabelledBatch;
use crate::loss::segmentation_loss;
use crate::nn::Segmenter;
use crate::train::StepOutput;
use crate::train::parts::{Parts, Work, upload};
use burn::Tensor;
use burn::tensor::Device;
use std::ops::Range;

/// Forward and backward of a batch on the tracked device, in parts of `crops_at_once`. The losses are those of
/// [`crate::train::Task::loss_names`]; `scale` is `[1]`.
pub fn finetune_step(
    network: &Segmenter,
    batch: &LabelledBatch,
    crops_at_once: usize,
    device: &Device,
    scale: Option<&Tensor<1>>,
) -> StepOutput {
    finetune_parts(batch, crops_at_once, device, scale).run(network)
}

/// The step in its parts.
pub(super) fn finetune_parts<'a>(
    batch: &'a LabelledBatch,
    crops_at_once: usize,
    device: &'a Device,
    scale: Option<&'a Tensor<1>>,
) -> Parts<'a, impl Work<Network = Segmenter> + 'a> {
    Parts {
        work: Segmentation(batch),
        crops_at_once,
        device,
        scale,
    }
}

/// What a step computes.
struct Segmentation<'a>(&'a LabelledBatch);

impl Work for Segmentation<'_> {
    type Network = Segmenter;

    fn crops(&self) -> usize {
        self.0.patches
    }

    fn patch(&self) -> [usize; 3] {
        self.0.patch
    }

    fn values(&self) -> usize {
        3
    }

    fn inputs(&self, crops: &Range<usize>) -> Vec<f32> {
        self.0.image[self.voxels(crops)].to_vec()
    }

    fn forward(network: &Segmenter, inputs: Tensor<5>) -> Tensor<5> {
        network.forward(inputs)
    }

    fn loss(&self, outputs: Tensor<5>, crops: &Range<usize>, device: &Device) -> Vec<Tensor<1>> {
        let labels = self.0.label[self.voxels(crops)].iter();
        let labels = labels.map(|label| f32::from(*label)).collect();
        let loss = segmentation_loss(outputs, upload(labels, self.0.patch, device));
        vec![loss.total, loss.dice, loss.entropy]
    }
}
