//! The pre-training network: a vision transformer with a linear head that paints the volume back.

use crate::nn::{ConfigError, PatchExpansion, Precision, VisionTransformer, VitConfig};
use burn::Tensor;
use burn::module::Module;
use burn::tensor::Device;

/// Channels between the two transposed convolutions of the head (specification 5.3).
const HEAD_CHANNELS: usize = 16;

/// ViT auto-encoder (specification 5.3). No activation stands between or after the two transposed
/// convolutions: the head is linear.
#[derive(Module, Debug)]
pub struct ViTAutoEncoder {
    /// The encoder that fine-tuning starts from.
    pub vit: VisionTransformer,
    /// Tokens to coarse voxels with 16 channels.
    pub conv3d_transpose: PatchExpansion,
    /// Coarse voxels to voxels.
    pub conv3d_transpose_1: PatchExpansion,
    grid: [usize; 3],
}

/// Output of the auto-encoder.
#[derive(Debug)]
pub struct Reconstruction {
    /// `[batch, depth, height, width, 1]`.
    pub volume: Tensor<5>,
    /// Output of each block, `[batch * tokens, hidden]`; empty unless asked for.
    pub hidden: Vec<Tensor<2>>,
}

impl ViTAutoEncoder {
    /// A network of zeros; [`crate::weights`] fills it.
    ///
    /// # Errors
    /// [`ConfigError`] for sizes that make no network.
    pub fn zeros(config: &VitConfig, device: &Device) -> Result<Self, ConfigError> {
        let (first, second) = config.head_kernels()?;
        Ok(ViTAutoEncoder {
            vit: VisionTransformer::zeros(config, device)?,
            conv3d_transpose: PatchExpansion::zeros(
                config.hidden_size,
                HEAD_CHANNELS,
                first,
                true,
                device,
            ),
            conv3d_transpose_1: PatchExpansion::zeros(HEAD_CHANNELS, 1, second, true, device),
            grid: config.grid(),
        })
    }

    /// Trainable numbers of a network of these sizes.
    pub fn parameters(config: &VitConfig) -> u64 {
        let head = config.head_kernels().map_or(0, |(first, second)| {
            let cube = |edge: usize| (edge as u64).saturating_pow(3);
            let channels = HEAD_CHANNELS as u64;
            let coarse = (config.hidden_size as u64).saturating_mul(channels);
            let coarse = coarse.saturating_mul(cube(first)) + channels;
            coarse.saturating_add(channels.saturating_mul(cube(second)) + 1)
        });
        config.parameters().saturating_add(head)
    }

    /// The same network with products in another type.
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.vit.precision = precision;
        self
    }

    /// `[batch, depth, height, width, 1]` to a reconstruction of the same shape.
    pub fn forward(&self, x: Tensor<5>, keep_hidden: bool) -> Reconstruction {
        let shape = x.dims();
        let tokens = self.vit.forward(x, keep_hidden);
        let precision = self.vit.precision;
        let coarse = self.conv3d_transpose.blocks(precision.cast(tokens.normed));
        let fine = self.conv3d_transpose_1.blocks(precision.cast(coarse)); // [batch * tokens * k^3 * l^3, 1]
        let (k, l) = (
            self.conv3d_transpose.kernel(),
            self.conv3d_transpose_1.kernel(),
        );
        let [g0, g1, g2] = self.grid;
        // Coarse patches take their places, then the fine ones within: without kernel fusion, as in browsers, burn's GPU
        // backend has no tensors of more than eight axes.
        let volume = fine
            .reshape([shape[0], g0, g1, g2, k, k, k, l * l * l])
            .permute([0, 1, 4, 2, 5, 3, 6, 7])
            .reshape([shape[0], g0 * k, g1 * k, g2 * k, l, l, l])
            .permute([0, 1, 4, 2, 5, 3, 6])
            .reshape(shape);
        Reconstruction {
            volume,
            hidden: tokens.hidden,
        }
    }
}
