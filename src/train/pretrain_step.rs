//! What a step of pre-training computes (specification 6).

use crate::config::PretrainConfig;
use crate::dataset::TrainingBatch;
use crate::loss::pretrain_loss;
use crate::nn::Restorer;
use crate::train::StepOutput;
use crate::train::parts::{Parts, Work, upload};
use burn::Tensor;
use burn::tensor::Device;
use std::ops::Range;

/// Forward and backward of a batch on the tracked device, in parts of [`PretrainConfig::crops_at_once`]. The losses are
/// those of [`crate::train::Task::loss_names`]; `scale` is `[1]`.
///
/// Both views of a part pass the network as one batch: samples do not see each other, so this equals the
/// original's two passes.
pub fn pretrain_step(
    network: &Restorer,
    batch: &TrainingBatch,
    config: &PretrainConfig,
    device: &Device,
    scale: Option<&Tensor<1>>,
) -> StepOutput {
    pretrain_parts(batch, config, device, scale).run(network)
}

/// The step in its parts.
pub(super) fn pretrain_parts<'a>(
    batch: &'a TrainingBatch,
    config: &'a PretrainConfig,
    device: &'a Device,
    scale: Option<&'a Tensor<1>>,
) -> Parts<'a, impl Work<Network = Restorer> + 'a> {
    Parts {
        work: Restoring { batch, config },
        crops_at_once: config.crops_at_once(),
        device,
        scale,
    }
}

/// What a step computes.
struct Restoring<'a> {
    batch: &'a TrainingBatch,
    config: &'a PretrainConfig,
}

impl Restoring<'_> {
    fn contrasts(&self) -> bool {
        self.config.loss.contrastive_weight != 0.0
    }
}

impl Work for Restoring<'_> {
    type Network = Restorer;

    fn crops(&self) -> usize {
        self.batch.patches
    }

    fn patch(&self) -> [usize; 3] {
        self.batch.patch
    }

    fn values(&self) -> usize {
        if self.contrasts() { 3 } else { 2 }
    }

    fn samples_of_crop(&self) -> usize {
        if self.contrasts() { 2 } else { 1 }
    }

    fn inputs(&self, crops: &Range<usize>) -> Vec<f32> {
        let mut inputs = self.batch.view1[self.voxels(crops)].to_vec();
        if self.contrasts() {
            inputs.extend_from_slice(&self.batch.view2[self.voxels(crops)]);
        }
        inputs
    }

    fn forward(network: &Restorer, inputs: Tensor<5>) -> Tensor<5> {
        network.forward(inputs)
    }

    fn loss(&self, outputs: Tensor<5>, crops: &Range<usize>, device: &Device) -> Vec<Tensor<1>> {
        let target = self.batch.target[self.voxels(crops)].to_vec();
        let target = upload(target, self.batch.patch, device);
        let settings = &self.config.loss;
        let loss = pretrain_loss(
            outputs,
            target,
            settings.contrastive_weight,
            settings.temperature,
        );
        [loss.total, loss.l1]
            .into_iter()
            .chain(loss.contrastive)
            .collect()
    }
}
