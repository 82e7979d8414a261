//! One training step: batch to losses and gradients.

use crate::config::PretrainConfig;
use crate::dataset::TrainingBatch;
use crate::loss::pretrain_loss;
use crate::nn::ViTAutoEncoder;
use crate::optim::{GradientMap, accumulate};
use burn::Tensor;
use burn::tensor::{Device, TensorData};

/// Losses and gradients of a batch, still on the device.
#[derive(Debug)]
pub struct StepOutput {
    /// Total, L1 and contrastive loss (zero without its weight), `[3]`, outside the autodiff graph.
    pub losses: Tensor<1>,
    /// Gradients by parameter name.
    pub gradients: GradientMap,
}

/// Host crops `[count, d, h, w]` as a channels-last tensor `[count, d, h, w, 1]`.
pub fn upload(values: Vec<f32>, patch: [usize; 3], device: &Device) -> Tensor<5> {
    let [d, h, w] = patch;
    let count = values.len() / (d * h * w).max(1);
    Tensor::from_data(TensorData::new(values, [count, d, h, w, 1]), device)
}

/// Forward and backward of a batch, in `accumulation` parts whose gradients are averaged by their size.
///
/// Both views of a part pass the network as one batch: samples do not see each other, so this equals the
/// original's two passes.
pub fn forward_backward(
    network: &ViTAutoEncoder,
    batch: &TrainingBatch,
    config: &PretrainConfig,
    device: &Device,
) -> StepOutput {
    let voxels = batch.patch.iter().product::<usize>();
    let parts = config.sampling.accumulation.clamp(1, batch.patches.max(1));
    let part = batch.patches.div_ceil(parts).max(1);
    let weight = config.loss.contrastive_weight;
    let mut gradients = GradientMap::new();
    let mut losses: Option<Tensor<1>> = None;
    for start in (0..batch.patches).step_by(part) {
        let count = part.min(batch.patches - start);
        let range = start * voxels..(start + count) * voxels;
        let mut inputs = batch.view1[range.clone()].to_vec();
        if weight != 0.0 {
            inputs.extend_from_slice(&batch.view2[range.clone()]);
        }
        let inputs = upload(inputs, batch.patch, device);
        let target = upload(batch.target[range].to_vec(), batch.patch, device);
        let outputs = network.forward(inputs, false).volume;
        let loss = pretrain_loss(outputs, target, weight, config.loss.temperature);
        let share = count as f64 / batch.patches as f64;
        let mut graph = (loss.total.clone() * share).backward();
        accumulate(network, &mut graph, &mut gradients);
        let contrastive = loss.contrastive.unwrap_or_else(|| loss.l1.zeros_like());
        let values = Tensor::cat(vec![loss.total, loss.l1, contrastive], 0).inner() * share;
        losses = Some(match losses {
            Some(sum) => sum + values,
            None => values,
        });
    }
    StepOutput {
        losses: losses.unwrap_or_else(|| Tensor::zeros([3], &device.clone().inner())),
        gradients,
    }
}
