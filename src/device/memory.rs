//! What a training step will need, before it is tried.

use crate::kernels::MOST_SCORES;
use crate::nn::{Architecture, RestorerConfig, SegmenterConfig, ViTAutoEncoder, VitConfig};
use serde::Serialize;

/// Bytes of a number.
const F32: u64 = 4;
/// Copies of the weights: themselves, their gradients and both moments. A moving average is one more.
const COPIES: u64 = 4;

/// Numbers that the backward pass needs of a token and block, in widths of the token: norms, queries to values, the mix,
/// residual sums.
const TOKEN_WIDTHS: u64 = 8;
/// In widths of the perceptron: what goes into GELU.
const MLP_WIDTHS: u64 = 1;
/// Of a pair of tokens and a head, of those whose turn it is: softmax and two gradients.
const PAIR: u64 = 3;
/// Of a voxel: the input, its patches, the reconstruction, its coarse stages and the loss.
const VOXEL: u64 = 8;

/// Of a voxel and channel on a level of a decoder: the upsampled and the skipped channels, the hidden activation and the
/// output of the residual block, and on the finest level its gradient and shortcut, on the others the like of the first
/// three on the way from the tokens.
const LEVEL: u64 = 6;
/// On the finest level: what a processor forms beside its inputs where a GPU writes over them.
const BESIDE: u64 = 2;
/// Of a voxel and class: the logits, their gradient and the labels.
const CLASS: u64 = 3;
/// Weights of a level by the square of its channels: 3x3x3 convolutions, two on the way from the tokens, and after the skip
/// connection one of twice the channels and one more.
const CONVOLUTIONS: u64 = 27 * 5;
/// Weights by a level's channels and the width of a token: a transposed convolution of 2x2x2.
const EXPANSION: u64 = 8;

/// Estimated peak of device memory in one training step, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct MemoryEstimate {
    /// Weights, gradients, both moments, and the moving average if there is one.
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

fn state(weights: u64, averaged: bool) -> u64 {
    weights.saturating_mul(F32 * (COPIES + u64::from(averaged)))
}

/// Measured steps stay within a third of it.
fn auto_encoder(config: &VitConfig, views: u64, averaged: bool) -> MemoryEstimate {
    let number = |value: usize| value as u64;
    let (tokens, hidden) = (number(config.tokens()), number(config.hidden_size));
    let (mlp, heads) = (number(config.mlp_dim), number(config.heads));
    let voxels: u64 = config.image_size.iter().map(|n| number(*n)).product();
    let block = tokens * (TOKEN_WIDTHS * hidden + MLP_WIDTHS * mlp);
    let scores = [views, heads, tokens, tokens]
        .into_iter()
        .fold(1, u64::saturating_mul)
        .min(number(MOST_SCORES));
    let sample = number(config.layers) * block + VOXEL * voxels;
    MemoryEstimate {
        state: state(ViTAutoEncoder::parameters(config), averaged),
        activations: (views.saturating_mul(sample))
            .saturating_add(PAIR * scores)
            .saturating_mul(F32),
        largest_tensor: [
            views * voxels,
            views * tokens * mlp,
            views * tokens * 3 * hidden,
            scores,
            hidden * mlp,
        ]
        .into_iter()
        .max()
        .unwrap_or(0)
            * F32,
    }
}

/// Estimates a fine-tuning step that sends `windows` windows through the network at once.
///
/// Beside the transformer, which a U-Net lacks, it counts what the convolutional half keeps.
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
    // A U-Net's way down is the decoder's like; it has no transformer.
    let (base, ways) = match architecture {
        Architecture::Unetr => (auto_encoder(&config.vit, windows, averaged), 1),
        Architecture::Unet => (MemoryEstimate::default(), 2),
    };
    let voxels: u64 = config.vit.image_size.iter().map(|n| number(*n)).product();
    let (features, classes) = (number(config.feature_size), number(config.classes));
    let levels = config.skips().map_or(0, number);
    let mut decoder = voxels * (BESIDE * features + CLASS * classes);
    let (mut weights, mut at, mut channels) = (0, voxels, features);
    for _ in 0..=levels {
        decoder += ways * at * LEVEL * channels;
        weights += ways * CONVOLUTIONS * channels * channels
            + EXPANSION * channels * number(config.vit.hidden_size);
        at /= 8;
        channels *= 2;
    }
    MemoryEstimate {
        state: base.state + state(weights, averaged),
        activations: (base.activations).saturating_add(windows.saturating_mul(decoder * F32)),
        largest_tensor: (windows * voxels * features.max(classes) * F32).max(base.largest_tensor),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Preset, PretrainConfig, StageConfig};
    use crate::weights::describe;
    use burn::tensor::Device;

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
            "A pre-training step needs about 0.07, 0.4 and 3.3 GiB"
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

    #[test]
    fn scores_of_attention_are_counted_for_those_that_stand_at_once() {
        let sizes = |patch_size| VitConfig {
            image_size: [96; 3],
            patch_size,
            hidden_size: 192,
            mlp_dim: 768,
            layers: 12,
            heads: 6,
        };
        // 24^3 tokens: all their scores would take 4.3 GiB.
        let fine = auto_encoder(&sizes(4), 1, false);
        assert!(fine.largest_tensor <= 64 << 20, "{fine:?}");
        let coarse = [1, 2].map(|views| auto_encoder(&sizes(16), views, false).activations);
        assert_eq!(2 * coarse[0], coarse[1]);
    }

    #[test]
    fn the_weights_of_an_auto_encoder_are_counted_whatever_its_patches() {
        for patch_size in [4, 8, 9, 16, 32] {
            let sizes = VitConfig {
                image_size: [2 * patch_size; 3],
                patch_size,
                hidden_size: 8,
                mlp_dim: 8,
                layers: 2,
                heads: 2,
            };
            let network = ViTAutoEncoder::zeros(&sizes, &Device::flex()).unwrap();
            let numbers: usize = describe(&network)
                .iter()
                .map(|parameter| parameter.shape.iter().product::<usize>())
                .sum();
            let state = auto_encoder(&sizes, 1, false).state;
            assert_eq!(state, 16 * numbers as u64, "{patch_size}");
        }
    }
}
