//! What a training step will need, before it is tried.

use crate::nn::VitConfig;
use serde::Serialize;

/// Estimated peak of device memory in one training step, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MemoryEstimate {
    /// Weights, gradients and both moments.
    pub state: u64,
    /// Inputs and what the forward pass keeps for the backward pass.
    pub activations: u64,
    /// The largest single tensor, to be held against an adapter's binding limit.
    pub largest_tensor: u64,
}

impl MemoryEstimate {
    /// State and activations.
    pub fn total(&self) -> u64 {
        self.state.saturating_add(self.activations)
    }
}

/// Estimates a pre-training step that sends `views` crops through the network at once.
///
/// Counts f32 numbers kept per token and block: two norms, queries to values, scores and softmax, the mix, two
/// residual sums and three widths of the perceptron; and per voxel the input, its patches, the reconstruction, its
/// coarse stages and the loss. Measured steps stay within a third of it.
pub fn estimate_pretraining(config: &VitConfig, views: u64, averaged: bool) -> MemoryEstimate {
    let number = |value: usize| value as u64;
    let (tokens, hidden) = (number(config.tokens()), number(config.hidden_size));
    let (mlp, heads) = (number(config.mlp_dim), number(config.heads));
    let voxels: u64 = config.image_size.iter().map(|n| number(*n)).product();
    let bytes = 4u64;
    let weights = number(config.parameters()).saturating_add(hidden * 1024);
    let block = tokens * (12 * hidden + 3 * mlp) + 3 * heads * tokens * tokens;
    let sample = number(config.layers) * block + 8 * voxels;
    MemoryEstimate {
        state: weights * bytes * if averaged { 5 } else { 4 },
        activations: views.saturating_mul(sample).saturating_mul(bytes),
        largest_tensor: [
            views * voxels,
            views * tokens * mlp,
            views * tokens * 3 * hidden,
            views * heads * tokens * tokens,
            hidden * mlp,
        ]
        .into_iter()
        .max()
        .unwrap_or(0)
            * bytes,
    }
}
