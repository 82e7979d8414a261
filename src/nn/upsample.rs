//! Transposed convolution whose kernel equals its stride, as a matrix product.

use crate::kernels::{add_bias, matmul};
use crate::nn::blank::blank;
use crate::nn::precision::{like, single};
use burn::Tensor;
use burn::module::{Module, Param};
use burn::tensor::Device;

/// `out[k i + u] = b + sum_c in[i, c] W[c, :, u]` in three dimensions: every input voxel becomes a block of
/// `k^3` voxels that no other input voxel touches (specification 5.3, 5.4). The weight has PyTorch's layout.
#[derive(Module, Debug)]
pub struct PatchExpansion {
    /// `[in, out, k, k, k]`.
    pub weight: Param<Tensor<5>>,
    /// `[out]`.
    pub bias: Option<Param<Tensor<1>>>,
}

impl PatchExpansion {
    /// A layer of zeros; [`crate::weights`] fills it.
    pub fn zeros(input: usize, output: usize, kernel: usize, bias: bool, device: &Device) -> Self {
        PatchExpansion {
            weight: blank([input, output, kernel, kernel, kernel], device),
            bias: bias.then(|| blank([output], device)),
        }
    }

    /// Kernel and stride.
    pub fn kernel(&self) -> usize {
        self.weight.val().dims()[2]
    }

    /// Output channels.
    pub fn channels(&self) -> usize {
        self.weight.val().dims()[1]
    }

    /// `[rows, in]` to `[rows * k^3, out]`: each row's block in C order, the layout change left to the caller.
    /// Moving the small weight instead of the activations keeps channels last. In the type of the input, with a bias in
    /// f32.
    pub fn blocks(&self, x: Tensor<2>) -> Tensor<2> {
        let weight = like(self.weight.val(), &x);
        let [input, output, kernel, _, _] = weight.dims();
        let block = kernel * kernel * kernel;
        let rows = x.dims()[0];
        let weight = weight
            .reshape([input, output, block])
            .swap_dims(1, 2)
            .reshape([input, block * output]);
        let y = matmul(x, weight).reshape([rows * block, output]);
        match &self.bias {
            Some(bias) => add_bias(single(y), bias.val()),
            None => y,
        }
    }

    /// `[batch, d, h, w, in]` to `[batch, k d, k h, k w, out]`.
    pub fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let [batch, d, h, w, input] = x.dims();
        let (k, output) = (self.kernel(), self.channels());
        self.blocks(x.reshape([batch * d * h * w, input]))
            .reshape([batch, d, h, w, k, k, k, output])
            .permute([0, 1, 4, 2, 5, 3, 6, 7])
            .reshape([batch, k * d, k * h, k * w, output])
    }
}
