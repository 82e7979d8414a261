//! Vision transformer over the patches of a volume.

use crate::nn::{ConfigError, LayerNorm, PatchEmbedding, Precision, TransformerBlock, VitConfig};
use burn::Tensor;
use burn::module::Module;
use burn::tensor::Device;

/// What the transformer hands on.
#[derive(Debug)]
pub struct Tokens {
    /// Normed output of the last block, `[batch * tokens, hidden]`.
    pub normed: Tensor<2>,
    /// Output of each block before the final norm, `[batch * tokens, hidden]`; empty unless asked for.
    pub hidden: Vec<Tensor<2>>,
}

/// Patch embedding, blocks and a final norm (specification 5.1, 5.2).
#[derive(Module, Debug)]
pub struct VisionTransformer {
    /// Patches to tokens.
    pub patch_embedding: PatchEmbedding,
    /// Transformer blocks.
    pub blocks: Vec<TransformerBlock>,
    /// Norm after the last block.
    pub norm: LayerNorm,
    /// The type of products.
    #[module(skip)]
    pub precision: Precision,
}

impl VisionTransformer {
    /// A transformer of zeros; [`crate::weights`] fills it.
    ///
    /// # Errors
    /// [`ConfigError`] for sizes that make no network.
    pub fn zeros(config: &VitConfig, device: &Device) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(VisionTransformer {
            patch_embedding: PatchEmbedding::zeros(config, device),
            blocks: (0..config.layers)
                .map(|_| {
                    TransformerBlock::zeros(
                        config.hidden_size,
                        config.mlp_dim,
                        config.heads,
                        device,
                    )
                })
                .collect(),
            norm: LayerNorm::zeros(config.hidden_size, device),
            precision: Precision::F32,
        })
    }

    /// `[batch, depth, height, width, 1]` to tokens. `keep_hidden` also returns what UNETR and the tests look
    /// at: the output of every block.
    pub fn forward(&self, x: Tensor<5>, keep_hidden: bool) -> Tokens {
        let batch = x.dims()[0];
        let mut x = self.patch_embedding.forward(self.precision.cast(x));
        let mut hidden = Vec::new();
        for block in &self.blocks {
            x = block.forward(x, batch, self.precision);
            if keep_hidden {
                hidden.push(x.clone());
            }
        }
        Tokens {
            normed: self.norm.forward(x),
            hidden,
        }
    }
}
