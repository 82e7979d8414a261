//! Pre-norm transformer block (Dosovitskiy et al., 2021).

use crate::nn::{LayerNorm, Mlp, Precision, SelfAttention};
use burn::Tensor;
use burn::module::Module;
use burn::tensor::Device;

/// `x + Attention(LN(x))`, then `x + MLP(LN(x))` (specification 5.2).
#[derive(Module, Debug)]
pub struct TransformerBlock {
    /// Norm before attention.
    pub norm1: LayerNorm,
    /// Self-attention.
    pub attn: SelfAttention,
    /// Norm before the perceptron.
    pub norm2: LayerNorm,
    /// Perceptron.
    pub mlp: Mlp,
}

impl TransformerBlock {
    /// A block of zeros; [`crate::weights`] fills it.
    pub fn zeros(hidden: usize, mlp_dim: usize, heads: usize, device: &Device) -> Self {
        TransformerBlock {
            norm1: LayerNorm::zeros(hidden, device),
            attn: SelfAttention::zeros(hidden, heads, device),
            norm2: LayerNorm::zeros(hidden, device),
            mlp: Mlp::zeros(hidden, mlp_dim, device),
        }
    }

    /// `[batch * tokens, hidden]` to the same.
    pub fn forward(&self, x: Tensor<2>, batch: usize, precision: Precision) -> Tensor<2> {
        let x = x.clone() + (self.attn).forward(self.norm1.forward(x), batch, precision);
        x.clone() + self.mlp.forward(self.norm2.forward(x), precision)
    }
}
