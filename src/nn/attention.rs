//! Multi-head self-attention (Vaswani et al., 2017).

use crate::kernels::attention;
use crate::nn::{Linear, Precision};
use burn::Tensor;
use burn::module::Module;
use burn::tensor::Device;

/// Self-attention with one bias-free projection to queries, keys and values (specification 5.2). The
/// `3 * hidden` outputs of `qkv` are queries, keys, values in this order, each with the heads side by side.
#[derive(Module, Debug)]
pub struct SelfAttention {
    /// hidden to `3 * hidden`, no bias.
    pub qkv: Linear,
    /// hidden to hidden.
    pub out_proj: Linear,
    heads: usize,
}

impl SelfAttention {
    /// A layer of zeros; [`crate::weights`] fills it. `heads` divides `hidden`.
    pub fn zeros(hidden: usize, heads: usize, device: &Device) -> Self {
        SelfAttention {
            qkv: Linear::zeros(hidden, 3 * hidden, false, device),
            out_proj: Linear::zeros(hidden, hidden, true, device),
            heads,
        }
    }

    /// `[batch * tokens, hidden]` to the same; tokens of different samples do not see each other.
    pub fn forward(&self, x: Tensor<2>, batch: usize, precision: Precision) -> Tensor<2> {
        let [rows, hidden] = x.dims();
        let (tokens, width) = (rows / batch, hidden / self.heads);
        let qkv = self
            .qkv
            .forward(precision.cast(x))
            .reshape([batch, tokens, 3, self.heads, width])
            .permute([2, 0, 3, 1, 4]); // [3, batch, heads, tokens, width]
        let part = |index: usize| -> Tensor<4> {
            qkv.clone()
                .narrow(0, index, 1)
                .reshape([batch, self.heads, tokens, width])
        };
        let [q, k, v] = [0, 1, 2].map(|index| precision.cast(part(index)));
        let mixed = attention(q, k, v); // [batch, heads, tokens, width]
        self.out_proj
            .forward(mixed.swap_dims(1, 2).reshape([rows, hidden]))
    }
}
