//! Cutting a volume into patches and projecting each to a token.

use crate::kernels::{add_bias, matmul};
use crate::nn::VitConfig;
use crate::nn::blank::blank;
use crate::nn::precision::{like, single};
use burn::Tensor;
use burn::module::{Module, Param};
use burn::tensor::Device;

/// The convolution with kernel = stride = patch size, as a matrix product over flattened patches.
///
/// The weight is `[channels, p, p, p, hidden]`; files hold PyTorch's `[hidden, channels, p, p, p]`.
#[derive(Module, Debug)]
pub struct PatchProjection {
    /// `[channels, p, p, p, hidden]`.
    pub weight: Param<Tensor<5>>,
    /// `[hidden]`.
    pub bias: Param<Tensor<1>>,
}

/// Patch tokens plus learnable position embeddings (specification 5.1). Token order is C order over the grid.
#[derive(Module, Debug)]
pub struct PatchEmbedding {
    /// Projection of a patch.
    pub patch_embeddings: PatchProjection,
    /// `[1, tokens, hidden]`.
    pub position_embeddings: Param<Tensor<3>>,
}

impl PatchProjection {
    /// A projection of zeros; [`crate::weights`] fills it.
    pub fn zeros(channels: usize, patch: usize, hidden: usize, device: &Device) -> Self {
        let weight = [channels, patch, patch, patch, hidden];
        PatchProjection {
            weight: blank(weight, device),
            bias: blank([hidden], device),
        }
    }

    /// `[batch, p d, p h, p w, channels]`, f32 or f16, to `[batch, d, h, w, hidden]` in f32.
    pub fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let weight = like(self.weight.val(), &x);
        let [channels, p, _, _, hidden] = weight.dims();
        let [batch, depth, height, width, _] = x.dims();
        let [d, h, w] = [depth / p, height / p, width / p];
        let inputs = channels * p * p * p;
        let patches: Tensor<2> = x
            .reshape([batch, d, p, h, p, w, p, channels])
            .permute([0, 1, 3, 5, 7, 2, 4, 6])
            .reshape([batch * d * h * w, inputs]);
        let projected = single(matmul(patches, weight.reshape([inputs, hidden])));
        add_bias(projected, self.bias.val()).reshape([batch, d, h, w, hidden])
    }
}

impl PatchEmbedding {
    /// An embedding of zeros for single-channel volumes; [`crate::weights`] fills it.
    pub fn zeros(config: &VitConfig, device: &Device) -> Self {
        let hidden = config.hidden_size;
        PatchEmbedding {
            patch_embeddings: PatchProjection::zeros(1, config.patch_size, hidden, device),
            position_embeddings: blank([1, config.tokens(), hidden], device),
        }
    }

    /// `[batch, depth, height, width, 1]`, f32 or f16, to `[batch * tokens, hidden]` in f32.
    pub fn forward(&self, x: Tensor<5>) -> Tensor<2> {
        let projected = self.patch_embeddings.forward(x);
        let [batch, d, h, w, hidden] = projected.dims();
        let tokens = d * h * w;
        (projected.reshape([batch, tokens, hidden]) + self.position_embeddings.val())
            .reshape([batch * tokens, hidden])
    }
}
