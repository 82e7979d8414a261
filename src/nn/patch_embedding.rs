//! Cutting a volume into patches and projecting each to a token.

use crate::kernels::add_bias;
use crate::nn::VitConfig;
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

impl PatchEmbedding {
    /// An embedding of zeros for single-channel volumes; [`crate::weights`] fills it.
    pub fn zeros(config: &VitConfig, device: &Device) -> Self {
        let p = config.patch_size;
        let hidden = config.hidden_size;
        PatchEmbedding {
            patch_embeddings: PatchProjection {
                weight: Param::from_tensor(Tensor::zeros([1, p, p, p, hidden], device)),
                bias: Param::from_tensor(Tensor::zeros([hidden], device)),
            },
            position_embeddings: Param::from_tensor(Tensor::zeros(
                [1, config.tokens(), hidden],
                device,
            )),
        }
    }

    /// `[batch, depth, height, width, 1]`, f32 or f16, to `[batch * tokens, hidden]` in f32.
    pub fn forward(&self, x: Tensor<5>) -> Tensor<2> {
        let weight = like(self.patch_embeddings.weight.val(), &x);
        let [channels, p, _, _, hidden] = weight.dims();
        let [batch, depth, height, width, _] = x.dims();
        let grid = [depth / p, height / p, width / p];
        let tokens = grid.iter().product::<usize>();
        let patches: Tensor<2> = x
            .reshape([batch, grid[0], p, grid[1], p, grid[2], p])
            .permute([0, 1, 3, 5, 2, 4, 6])
            .reshape([batch * tokens, channels * p * p * p]);
        let projected = add_bias(
            single(patches.matmul(weight.reshape([channels * p * p * p, hidden]))),
            self.patch_embeddings.bias.val(),
        );
        (projected.reshape([batch, tokens, hidden]) + self.position_embeddings.val())
            .reshape([batch * tokens, hidden])
    }
}
