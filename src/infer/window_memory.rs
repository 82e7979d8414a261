//! The memory that a window takes on its way through a network, and whether the processor can give it.

use crate::infer::InferError;
use crate::kernels::is_cpu;
use crate::nn::{Architecture, SegmenterConfig};
use burn::tensor::Device;

/// Bytes of a number.
const F32: f64 = 4.0;
/// Tensors of the finest level that a forward pass holds at once, and what comes of freeing them late: the tutorial's
/// UNETR was measured to take 0.6 GB for a window beside its weights.
const FINEST: f64 = 10.0;
/// Of a voxel and class: the logits and their copy for whoever asked.
const CLASS: f64 = 2.0;
/// Numbers of a token, in its widths, that a block of the transformer holds; what it gives is kept beside them.
const TOKEN_WIDTHS: f64 = 8.0;
/// In widths of the perceptron: what goes into GELU and comes out.
const MLP_WIDTHS: f64 = 2.0;

/// Bytes that a program can address, in a browser 4 GiB.
const ADDRESSABLE: u128 = usize::MAX as u128 + 1;

/// About how many bytes a window takes on its way through a network of these sizes, without weights.
pub fn window_bytes(config: &SegmenterConfig) -> u64 {
    let sizes = &config.sizes;
    // In floats, for products of what a file says need not fit into any integer.
    let number = |value: usize| value as f64;
    let voxels: f64 = sizes.vit.image_size.iter().map(|n| number(*n)).product();
    let decoder = voxels * (FINEST * number(sizes.feature_size) + CLASS * number(sizes.classes));
    let transformer = match config.architecture {
        Architecture::Unet => 0.0,
        Architecture::Unetr => {
            let tokens = voxels / number(sizes.vit.patch_size).powi(3).max(1.0);
            let widths = TOKEN_WIDTHS + number(sizes.vit.layers);
            let of_token = widths * number(sizes.vit.hidden_size);
            tokens * (of_token + MLP_WIDTHS * number(sizes.vit.mlp_dim))
        }
    };
    // One comes after the other.
    (F32 * decoder.max(transformer)) as u64
}

/// Whether the device can hold a window on its way through a network of these sizes, where that is known: a processor
/// that runs out of addresses ends the program. `held` bytes are taken already, as by the weights.
///
/// # Errors
/// [`InferError::WindowTooLarge`] where it cannot.
pub fn check_window(
    config: &SegmenterConfig,
    device: &Device,
    held: u64,
) -> Result<(), InferError> {
    match is_cpu(device) {
        true => within(ADDRESSABLE, config, held),
        false => Ok(()),
    }
}

fn within(room: u128, config: &SegmenterConfig, held: u64) -> Result<(), InferError> {
    let need = window_bytes(config).saturating_add(held);
    match u128::from(need) <= room {
        true => Ok(()),
        false => Err(InferError::WindowTooLarge {
            window: config.sizes.vit.image_size,
            need,
            room,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::UnetrConfig;

    const BROWSER: u128 = 1 << 32;

    /// The tutorial's network on windows of this edge.
    fn of_edge(edge: usize, architecture: Architecture) -> SegmenterConfig {
        let mut sizes = UnetrConfig::TUTORIAL;
        sizes.vit.image_size = [edge; 3];
        SegmenterConfig {
            architecture,
            sizes,
        }
    }

    #[test]
    fn a_window_that_a_browser_cannot_hold_is_refused_with_what_it_needs() {
        for architecture in [Architecture::Unetr, Architecture::Unet] {
            within(BROWSER, &of_edge(96, architecture), 800 << 20).unwrap();
            let large = of_edge(192, architecture);
            let told = within(BROWSER, &large, 0).unwrap_err().to_string();
            for part in ["[192, 192, 192]", "5.0 GiB", "4.0 GiB", "native program"] {
                assert!(told.contains(part), "{part}: {told}");
            }
            // What else is there counts.
            within(BROWSER, &of_edge(160, architecture), 0).unwrap();
            assert!(within(BROWSER, &of_edge(160, architecture), 2 << 30).is_err());
        }
    }

    #[test]
    fn a_program_of_64_bits_refuses_no_window_beforehand() {
        let large = of_edge(1024, Architecture::Unetr);
        assert!(check_window(&large, &Device::flex(), 1 << 40).is_ok());
    }

    #[test]
    fn fine_patches_and_many_classes_are_counted() {
        let bytes = |change: fn(&mut UnetrConfig)| {
            let mut config = of_edge(96, Architecture::Unetr);
            change(&mut config.sizes);
            window_bytes(&config)
        };
        let whole = bytes(|_| {});
        assert!((600_000_000..700_000_000).contains(&whole), "{whole}");
        assert!(bytes(|sizes| sizes.classes = 256) > 2 * whole);
        assert!(bytes(|sizes| sizes.vit.patch_size = 4) > whole);
        // Of no network at all.
        assert_eq!(
            bytes(|sizes| sizes.vit.image_size = [usize::MAX; 3]),
            u64::MAX
        );
    }
}
