//! What a training step will need, before it is tried.

use crate::nn::{Architecture, RestorerConfig, SegmenterConfig, VitConfig};
use serde::Serialize;

/// Estimated peak of device memory in one training step, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
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
pub fn estimate_pretraining(config: &RestorerConfig, views: u64, averaged: bool) -> MemoryEstimate {
    match config.unetr() {
        None => auto_encoder(&config.vit, views, averaged),
        Some(sizes) => {
            let architecture = Architecture::Unetr;
            let segmenter = SegmenterConfig {
                architecture,
                sizes,
            };
            estimate_finetuning(&segmenter, views, averaged)
        }
    }
}

/// Counts f32 numbers kept per token and block: two norms, queries to values, scores and softmax, the mix, two
/// residual sums and three widths of the perceptron; and per voxel the input, its patches, the reconstruction, its
/// coarse stages and the loss. Measured steps stay within a third of it.
fn auto_encoder(config: &VitConfig, views: u64, averaged: bool) -> MemoryEstimate {
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

/// Estimates a fine-tuning step that sends `windows` windows through the network at once.
///
/// Beside the transformer, which a U-Net lacks, it counts, per voxel of each level, what the convolutional half keeps:
/// two activations of each residual block's output, the shortcut, the upsampled and the skipped channels, and at full
/// resolution the logits with their gradient.
pub fn estimate_finetuning(
    config: &SegmenterConfig,
    windows: u64,
    averaged: bool,
) -> MemoryEstimate {
    let SegmenterConfig {
        architecture,
        sizes: config,
    } = config;
    let number = |value: usize| value as u64;
    let bytes = 4u64;
    // A U-Net's way down is the decoder's like; it has no transformer.
    let (base, ways) = match architecture {
        Architecture::Unetr => (auto_encoder(&config.vit, 1, averaged), 1),
        Architecture::Unet => (MemoryEstimate::default(), 2),
    };
    let voxels: u64 = config.vit.image_size.iter().map(|n| number(*n)).product();
    let (features, classes) = (number(config.feature_size), number(config.classes));
    let levels = config.skips().map_or(0, number);
    let mut decoder = voxels * (8 * features + 3 * classes);
    let (mut weights, mut at, mut channels) = (0, voxels, features);
    for _ in 0..=levels {
        decoder += ways * at * 6 * channels;
        weights +=
            ways * 27 * 5 * channels * channels + 8 * channels * number(config.vit.hidden_size);
        at /= 8;
        channels *= 2;
    }
    MemoryEstimate {
        state: base.state + weights * bytes * if averaged { 5 } else { 4 },
        activations: windows.saturating_mul(base.activations + decoder * bytes),
        largest_tensor: (windows * voxels * features.max(classes) * bytes).max(base.largest_tensor),
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Preset, PretrainConfig, StageConfig};

    fn config(preset: Preset) -> PretrainConfig {
        preset.settings().unwrap()
    }

    #[test]
    fn the_guide_states_what_a_pre_training_step_of_each_preset_needs() {
        let gib = |preset| config(preset).memory().total() as f64 / f64::from(1 << 30);
        let stated = format!(
            "A pre-training step needs about {:.2}, {:.1} and {:.1} GiB",
            gib(Preset::Quickstart),
            gib(Preset::Small),
            gib(Preset::Tutorial)
        );
        assert_eq!(
            stated,
            "A pre-training step needs about 0.13, 0.6 and 5.8 GiB"
        );
        assert!(include_str!("../../docs/guide.md").contains(&stated));
    }

    #[test]
    fn parts_save_activations_and_a_running_average_costs_a_copy_of_the_weights() {
        let mut config = config(Preset::Tutorial);
        let whole = config.memory();
        // The original's weights, their gradients and two moments, four bytes each.
        let weights = whole.state as f64 / 16.0;
        assert!((weights / 89_128_209.0 - 1.0).abs() < 1e-4, "{weights}");
        config.sampling.accumulation = 2;
        config.optimizer.ema_decay = 0.9;
        let parts = config.memory();
        assert_eq!(2 * parts.activations, whole.activations);
        assert_eq!(4 * parts.state, 5 * whole.state);
    }
}
