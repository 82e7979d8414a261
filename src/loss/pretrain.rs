//! The pre-training loss: reconstruction, weighted by how well the views agree.

use crate::kernels::mean_all;
use crate::loss::contrastive;
use burn::Tensor;

/// The parts of the loss, each `[1]`.
#[derive(Debug, Clone)]
pub struct PretrainLoss {
    /// What is minimised: `l1 * (1 + weight * contrastive)`.
    pub total: Tensor<1>,
    /// Mean absolute error of the first view's reconstruction.
    pub l1: Tensor<1>,
    /// Contrastive loss between the reconstructions of the two views; `None` when its weight is zero.
    pub contrastive: Option<Tensor<1>>,
}

/// `total = r (1 + w c)` of specification 6.1; r is not detached.
///
/// `outputs` is `[2 n, d, h, w, 1]`, first views then second views, or `[n, d, h, w, 1]` when `weight` is 0 and
/// the second view is not needed. `target` is `[n, d, h, w, 1]`, the clean crops.
pub fn pretrain_loss(
    outputs: Tensor<5>,
    target: Tensor<5>,
    weight: f64,
    temperature: f64,
) -> PretrainLoss {
    let samples = target.dims()[0];
    let l1 = mean_all((outputs.clone().narrow(0, 0, samples) - target).abs());
    if weight == 0.0 {
        return PretrainLoss {
            total: l1.clone(),
            l1,
            contrastive: None,
        };
    }
    let c = contrastive(outputs, temperature);
    PretrainLoss {
        total: l1.clone() * (c.clone() * weight + 1.0),
        l1,
        contrastive: Some(c),
    }
}
