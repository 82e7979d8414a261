//! The fine-tuning loss: Dice plus cross-entropy.

use crate::kernels::class_sums;
use burn::Tensor;

/// Added to numerator and denominator of the Dice term, so that an absent class is defined.
const SMOOTH: f64 = 1e-5;

/// The parts of the loss, each `[1]`.
#[derive(Debug, Clone)]
pub struct SegmentationLoss {
    /// What is minimised: `dice + entropy`.
    pub total: Tensor<1>,
    /// Mean over samples and classes, background included, of one minus the soft Dice coefficient.
    pub dice: Tensor<1>,
    /// Mean over voxels of minus the logarithm of the label's probability.
    pub entropy: Tensor<1>,
}

/// Dice plus cross-entropy of specification 6.3 (Milletari et al., 2016, with softmax and background).
///
/// `logits` is `[batch, depth, height, width, classes]`, `labels` `[batch, depth, height, width, 1]` with whole
/// numbers from 0 to `classes - 1`.
pub fn segmentation_loss(logits: Tensor<5>, labels: Tensor<5>) -> SegmentationLoss {
    let voxels = labels.dims().iter().product::<usize>();
    let sums = class_sums(logits, labels);
    let numerator = sums.overlap * 2.0 + SMOOTH;
    let denominator = sums.predicted + sums.labelled + SMOOTH;
    let dice = (numerator / denominator).mean().neg() + 1.0;
    let entropy = sums.entropy.sum() / voxels as f64;
    SegmentationLoss {
        total: dice.clone() + entropy.clone(),
        dice,
        entropy,
    }
}
