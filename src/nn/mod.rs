//! The networks, in the order of the papers: linear pieces, attention, transformer block, vision transformer,
//! auto-encoder, residual block, UNETR, and a U-Net to compare with; the choices of each stage. One idea a file;
//! activations are channels-last.
//!
//! Field names are the original's parameter names, so that a path through a network is the name of a tensor in
//! the original's files (`blocks.0.attn.qkv.weight`). See [`crate::weights`] for the layouts on disk.

mod attention;
mod autoencoder;
mod blank;
mod block;
mod convolution;
mod linear;
mod mlp;
mod norm;
mod patch_embedding;
mod precision;
mod residual_block;
mod restorer;
mod segmenter;
mod unet;
mod unetr;
mod upsample;
mod vit;
mod vit_config;

pub use attention::SelfAttention;
pub use autoencoder::{Reconstruction, ViTAutoEncoder};
pub use block::TransformerBlock;
pub use convolution::Convolution;
pub use linear::Linear;
pub use mlp::Mlp;
pub use norm::LayerNorm;
pub use patch_embedding::{PatchEmbedding, PatchProjection};
pub use precision::Precision;
pub(crate) use precision::single;
pub use residual_block::ResidualBlock;
pub use restorer::{Restoration, Restorer, RestorerConfig};
pub use segmenter::{Architecture, Segmenter, SegmenterConfig};
pub use unet::{DownStage, Unet};
pub use unetr::{TokenEncoder, Unetr, UnetrConfig, UpBlock, UpStage};
pub use upsample::PatchExpansion;
pub use vit::{Tokens, VisionTransformer};
pub use vit_config::{ConfigError, VitConfig};
