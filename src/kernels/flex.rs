//! The CPU backend's tensors as plain slices for the kernels in [`crate::kernels::cpu`], and back.
//!
//! Those work in f32; a tensor of another type is converted on the way in and out, except by those that say so.

use crate::kernels::cpu::{self, AttentionShape, ConvShape, NormShape};
use crate::kernels::host::floats;
use burn::backend::Flex;
use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use burn::backend::ops::FloatTensorOps;
use burn::tensor::{DType, FloatDType, Shape, TensorData};

/// A contiguous f32 copy, or the tensor itself.
fn plain(tensor: &FlexTensor) -> FlexTensor {
    let tensor = match tensor.dtype() {
        DType::F32 => tensor.clone(),
        _ => <Flex as FloatTensorOps<Flex>>::float_cast(tensor.clone(), FloatDType::F32),
    };
    tensor.to_contiguous()
}

/// Contiguous copies, or the tensors themselves; none where one is no f32.
fn all_f32<const N: usize>(tensors: [&FlexTensor; N]) -> Option<[FlexTensor; N]> {
    let f32 = tensors.iter().all(|tensor| tensor.dtype() == DType::F32);
    f32.then(|| tensors.map(FlexTensor::to_contiguous))
}

/// A tensor of these values with the type of `like`.
fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D], like: &FlexTensor) -> FlexTensor {
    let tensor = FlexTensor::from_data(TensorData::new(values, shape));
    match like.dtype() {
        DType::F32 => tensor,
        dtype => <Flex as FloatTensorOps<Flex>>::float_cast(tensor, FloatDType::from(dtype)),
    }
}

/// Sizes of a tensor of five axes.
fn sizes(tensor: &FlexTensor) -> [usize; 5] {
    let shape = tensor.shape();
    [0, 1, 2, 3, 4].map(|axis| shape[axis])
}

/// Batch and space of a convolution with this kernel.
fn conv_shape(x: &FlexTensor, kernel: usize) -> ConvShape {
    let [batch, d, h, w, _] = sizes(x);
    ConvShape {
        batch,
        size: [d, h, w],
        kernel,
    }
}

/// See [`crate::kernels::MatmulBackend::product`]; none for tensors of another type than f32.
pub(super) fn product(a: &FlexTensor, b: &FlexTensor, transposed: [bool; 2]) -> Option<FlexTensor> {
    let [a, b] = all_f32([a, b])?;
    let (x, y) = (floats(&a), floats(&b));
    let (of_a, of_b) = (a.shape(), b.shape());
    let rank = of_a.num_dims();
    let edge = |shape: &Shape, last: bool| shape[rank - 1 - usize::from(!last)];
    let mut shape = of_a.clone();
    shape[rank - 2] = edge(&of_a, transposed[0]);
    shape[rank - 1] = edge(&of_b, !transposed[1]);
    let product = cpu::ProductShape {
        batch: of_a.as_slice()[..rank - 2].iter().product(),
        edges: [
            shape[rank - 2],
            shape[rank - 1],
            edge(&of_a, !transposed[0]),
        ],
        transposed,
    };
    let values = cpu::product(x, y, product);
    Some(FlexTensor::from_data(TensorData::new(values, shape)))
}

/// See [`crate::kernels::Conv3dBackend::same_conv3d_pair`].
pub(super) fn conv3d(inputs: &[FlexTensor], weight: &FlexTensor) -> FlexTensor {
    let weight = plain(weight);
    let [out, _, kernel, _, _] = sizes(&weight);
    let plain: Vec<FlexTensor> = inputs.iter().map(plain).collect();
    let shape = conv_shape(&plain[0], kernel);
    let slices: Vec<(&[f32], usize)> = plain.iter().map(|x| (floats(x), sizes(x)[4])).collect();
    let y = cpu::forward(&slices, floats(&weight), out, shape);
    let [batch, d, h, w, _] = sizes(&plain[0]);
    tensor(y, [batch, d, h, w, out], &inputs[0])
}

/// See [`crate::kernels::Conv3dBackend::same_conv3d_data_gradient`].
pub(super) fn conv3d_data_gradient(
    grad: &FlexTensor,
    weight: &FlexTensor,
    first: usize,
    channels: usize,
) -> FlexTensor {
    let (g, weight) = (plain(grad), plain(weight));
    let [batch, d, h, w, _] = sizes(&g);
    let [out, _, kernel, _, _] = sizes(&weight);
    let x = cpu::data_gradient(
        (floats(&g), out),
        floats(&weight),
        first,
        channels,
        conv_shape(&g, kernel),
    );
    tensor(x, [batch, d, h, w, channels], grad)
}

/// See [`crate::kernels::Conv3dBackend::same_conv3d_weight_gradient`].
pub(super) fn conv3d_weight_gradient(
    x: &FlexTensor,
    grad: &FlexTensor,
    kernel: usize,
) -> FlexTensor {
    let (plain_x, g) = (plain(x), plain(grad));
    let (input, out) = (sizes(&plain_x)[4], sizes(&g)[4]);
    let weight = cpu::weight_gradient(
        (floats(&plain_x), input),
        (floats(&g), out),
        conv_shape(&plain_x, kernel),
    );
    tensor(weight, [out, input, kernel, kernel, kernel], x)
}

/// See [`crate::kernels::BiasBackend::sum_rows`].
pub(super) fn sum_rows(x: &FlexTensor) -> FlexTensor {
    let plain_x = plain(x);
    let [_, features] = matrix(x);
    tensor(cpu::sum_rows(floats(&plain_x), features), [features], x)
}

/// See [`crate::kernels::LayerNormBackend::row_layer_norm`].
pub(super) fn layer_norm(x: &FlexTensor, weight: &FlexTensor, bias: &FlexTensor) -> FlexTensor {
    let [plain_x, weight, bias] = [x, weight, bias].map(plain);
    let y = cpu::layer_norm(floats(&plain_x), floats(&weight), floats(&bias));
    tensor(y, matrix(x), x)
}

/// Gradients of input, weight and bias.
pub(super) fn layer_norm_backward(
    x: &FlexTensor,
    weight: &FlexTensor,
    grad: &FlexTensor,
) -> (FlexTensor, FlexTensor, FlexTensor) {
    let features = [x.shape()[1]];
    let inputs = [x, weight, grad].map(plain);
    let [plain_x, plain_weight, grad] = inputs.each_ref().map(floats);
    let [of_x, of_weight, of_bias] = cpu::layer_norm_backward(plain_x, plain_weight, grad);
    (
        tensor(of_x, matrix(x), x),
        tensor(of_weight, features, weight),
        tensor(of_bias, features, weight),
    )
}

/// Rows and columns.
fn matrix(x: &FlexTensor) -> [usize; 2] {
    [x.shape()[0], x.shape()[1]]
}

/// See [`crate::kernels::attention`]; none for tensors of another type than f32.
pub(super) fn attention(inputs: [&FlexTensor; 3]) -> Option<FlexTensor> {
    let inputs = all_f32(inputs)?;
    let (shape, mut sizes) = attention_shape(&inputs);
    let values = cpu::attention(inputs.each_ref().map(floats), shape);
    sizes[3] = shape.values;
    Some(FlexTensor::from_data(TensorData::new(values, sizes)))
}

/// Gradients of queries, keys and values; none for tensors of another type than f32.
pub(super) fn attention_backward(
    inputs: [&FlexTensor; 3],
    grad: &FlexTensor,
) -> Option<(FlexTensor, FlexTensor, FlexTensor)> {
    let [grad] = all_f32([grad])?;
    let inputs = all_f32(inputs)?;
    let (shape, _) = attention_shape(&inputs);
    let slices = inputs.each_ref().map(floats);
    let gradients = cpu::attention_backward(slices, floats(&grad), shape);
    let [q, k, v] = gradients;
    let [of_q, of_k, of_v] = inputs.each_ref().map(|x| x.shape());
    let tensor = |values, shape: Shape| FlexTensor::from_data(TensorData::new(values, shape));
    Some((tensor(q, of_q), tensor(k, of_k), tensor(v, of_v)))
}

/// Sizes for the kernel, and `[batch, heads, queries, width]`.
fn attention_shape([q, k, v]: &[FlexTensor; 3]) -> (AttentionShape, [usize; 4]) {
    let [q, k, v] = [q, k, v].map(|x| {
        let shape = x.shape();
        [0, 1, 2, 3].map(|axis| shape[axis])
    });
    let shape = AttentionShape {
        heads: q[0] * q[1],
        queries: q[2],
        keys: k[2],
        width: q[3],
        values: v[3],
    };
    (shape, q)
}

fn norm_shape(x: &FlexTensor) -> NormShape {
    let [batch, d, h, w, channels] = sizes(x);
    NormShape {
        batch,
        positions: d * h * w,
        channels,
    }
}

/// See [`crate::kernels::InstanceNormBackend::instance_norm_stats`].
pub(super) fn instance_norm_stats(x: FlexTensor) -> FlexTensor {
    let x = plain(&x);
    let NormShape {
        batch, channels, ..
    } = norm_shape(&x);
    let stats = cpu::stats(floats(&x), norm_shape(&x));
    FlexTensor::from_data(TensorData::new(stats, [batch, 2, channels]))
}

/// See [`crate::kernels::InstanceNormBackend::instance_norm_apply_residual`].
pub(super) fn instance_norm_apply(
    x: FlexTensor,
    stats: FlexTensor,
    residual: Option<FlexTensor>,
    slope: f32,
) -> FlexTensor {
    let (plain_x, residual) = (plain(&x), residual.as_ref().map(plain));
    let y = cpu::apply(
        floats(&plain_x),
        floats(&stats.to_contiguous()),
        residual.as_ref().map(floats),
        slope,
        norm_shape(&plain_x),
    );
    tensor(y, sizes(&plain_x), &x)
}

/// See [`crate::kernels::InstanceNormBackend::instance_norm_backward_residual`].
pub(super) fn instance_norm_backward(
    y: FlexTensor,
    stats: FlexTensor,
    residual: Option<FlexTensor>,
    grad: FlexTensor,
    slope: f32,
) -> FlexTensor {
    let (plain_y, grad, residual) = (plain(&y), plain(&grad), residual.as_ref().map(plain));
    let x = cpu::backward(
        floats(&plain_y),
        floats(&stats.to_contiguous()),
        residual.as_ref().map(floats),
        floats(&grad),
        slope,
        norm_shape(&plain_y),
    );
    tensor(x, sizes(&plain_y), &y)
}

/// See [`crate::kernels::InstanceNormBackend::leaky_relu_backward_from_output`].
pub(super) fn leaky_relu_backward(y: FlexTensor, grad: FlexTensor, slope: f32) -> FlexTensor {
    let (plain_y, grad) = (plain(&y), plain(&grad));
    let before = cpu::leaky_backward(floats(&plain_y), floats(&grad), slope);
    tensor(before, sizes(&plain_y), &y)
}

/// See [`crate::kernels::ResidualUnitBackend::add_norms`].
pub(super) fn add_norms(x: [FlexTensor; 2], stats: [FlexTensor; 2], slope: f32) -> FlexTensor {
    let plain_x = x.each_ref().map(plain);
    let stats = stats.map(|stats| stats.to_contiguous());
    let y = cpu::add_norms(
        plain_x.each_ref().map(floats),
        stats.each_ref().map(floats),
        slope,
        norm_shape(&plain_x[0]),
    );
    tensor(y, sizes(&plain_x[0]), &x[0])
}

/// See [`crate::kernels::ResidualUnitBackend::add_norms_backward`].
pub(super) fn add_norms_backward(
    y: [FlexTensor; 2],
    stats: [FlexTensor; 2],
    grad: FlexTensor,
    slope: f32,
) -> (FlexTensor, FlexTensor) {
    let plain_y = y.each_ref().map(plain);
    let stats = stats.map(|stats| stats.to_contiguous());
    let [x, shortcut] = cpu::add_norms_backward(
        plain_y.each_ref().map(floats),
        stats.each_ref().map(floats),
        floats(&plain(&grad)),
        slope,
        norm_shape(&plain_y[0]),
    );
    let shape = sizes(&plain_y[0]);
    (tensor(x, shape, &y[0]), tensor(shortcut, shape, &y[1]))
}
