//! Convolution, instance and layer norm, attention, matrix products, sums over rows and the loss's sums on host memory, channels last, on all cores.

mod attention;
pub(super) mod class_sums;
mod conv;
mod conv_weight;
mod fill;
mod lanes;
mod layer_norm;
mod matmul;
mod moments;
mod norm;
mod norm_pair;
mod norm_shape;
mod outer;
mod panel;
mod rows;
mod shape;
mod softmax;
mod strands;
#[cfg(test)]
mod tests;
mod tile;
mod winograd;

pub(super) use attention::{AttentionShape, attention, attention_backward};
pub(super) use conv::{data_gradient, forward};
pub(super) use conv_weight::weight_gradient;
pub(super) use fill::fill;
pub(super) use layer_norm::{layer_norm, layer_norm_backward};
pub(super) use matmul::{ProductShape, product};
pub(super) use moments::stats;
pub(super) use norm::{apply, backward, leaky_backward};
pub(super) use norm_pair::{add as add_norms, add_backward as add_norms_backward};
pub(super) use norm_shape::NormShape;
pub(super) use rows::sum_rows;
pub(super) use shape::ConvShape;
pub(super) use softmax::{softmax, softmax_gradient};
