//! Layer norm over rows and its gradients.

use crate::kernels::NORM_EPSILON;
use crate::kernels::gpu::launch::{blocks, empty_f32, empty_like};
use crate::kernels::gpu::rows::{SHARED, UNITS, extent, row_sum, units};
use crate::kernels::gpu::sum::column_sums;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

/// The same in f32, as the kernels compute.
const EPSILON: f32 = NORM_EPSILON as f32;

/// Mean and reciprocal deviation of the workgroup's row.
#[cube]
fn row_statistics(shared: &mut Shared<[f32]>, x: &[f32], start: usize, width: usize) -> (f32, f32) {
    let count = f32::cast_from(width);
    let mut sum = 0.0f32;
    for i in range_stepped(UNIT_POS as usize, width, UNITS) {
        sum += x[start + i];
    }
    let mean = row_sum(shared, sum) / count;
    let mut squares = 0.0f32;
    for i in range_stepped(UNIT_POS as usize, width, UNITS) {
        let difference = x[start + i] - mean;
        squares += difference * difference;
    }
    let variance = row_sum(shared, squares) / count;
    (mean, (variance + EPSILON).inverse_sqrt())
}

#[cube(launch)]
fn layer_norm_kernel(
    x: &[f32],
    weight: &[f32],
    bias: &[f32],
    y: &mut [f32],
    width: usize,
    rows: usize,
) {
    if CUBE_POS >= rows {
        terminate!();
    }
    let mut shared = Shared::<[f32]>::new_slice(SHARED);
    let start = CUBE_POS * width;
    let (mean, scale) = row_statistics(&mut shared, x, start, width);
    for i in range_stepped(UNIT_POS as usize, width, UNITS) {
        y[start + i] = (x[start + i] - mean) * scale * weight[i] + bias[i];
    }
}

/// Gradient of the input; also the normalised input times the gradient, whose sums over rows are the weight's gradient.
#[cube(launch)]
fn layer_norm_backward_kernel(
    x: &[f32],
    weight: &[f32],
    grad: &[f32],
    input_grad: &mut [f32],
    products: &mut [f32],
    width: usize,
    rows: usize,
) {
    if CUBE_POS >= rows {
        terminate!();
    }
    let mut shared = Shared::<[f32]>::new_slice(SHARED);
    let start = CUBE_POS * width;
    let (mean, scale) = row_statistics(&mut shared, x, start, width);
    let mut sum = 0.0f32;
    let mut product = 0.0f32;
    for i in range_stepped(UNIT_POS as usize, width, UNITS) {
        let normal = (x[start + i] - mean) * scale;
        let slope = grad[start + i] * weight[i];
        sum += slope;
        product += slope * normal;
        products[start + i] = grad[start + i] * normal;
    }
    let count = f32::cast_from(width);
    let sum = row_sum(&mut shared, sum) / count;
    let product = row_sum(&mut shared, product) / count;
    for i in range_stepped(UNIT_POS as usize, width, UNITS) {
        let normal = (x[start + i] - mean) * scale;
        let slope = grad[start + i] * weight[i];
        input_grad[start + i] = scale * (slope - sum - normal * product);
    }
}

/// Layer norm over the last axis of `[rows, features]`, f32: biased variance, epsilon 1e-5, then scale and shift.
pub(crate) fn layer_norm(x: CubeTensor, weight: CubeTensor, bias: CubeTensor) -> CubeTensor {
    let [x, weight, bias] = [x, weight, bias].map(into_contiguous);
    let (rows, width) = extent(&x);
    let y = empty_like(&x, x.meta.shape().clone());
    layer_norm_kernel::launch(
        &x.client.clone(),
        blocks(rows),
        units(),
        x.into_buffer_arg(),
        weight.into_buffer_arg(),
        bias.into_buffer_arg(),
        y.clone().into_buffer_arg(),
        width,
        rows,
    );
    y
}

/// Gradients of [`layer_norm`] by its input, its weight and its bias.
pub(crate) fn layer_norm_backward(
    x: CubeTensor,
    weight: CubeTensor,
    grad: CubeTensor,
) -> (CubeTensor, CubeTensor, CubeTensor) {
    let [x, weight, grad] = [x, weight, grad].map(into_contiguous);
    let (rows, width) = extent(&x);
    let input_grad = empty_like(&x, x.meta.shape().clone());
    let products = empty_f32(&x, x.meta.shape().clone());
    layer_norm_backward_kernel::launch(
        &x.client.clone(),
        blocks(rows),
        units(),
        x.into_buffer_arg(),
        weight.into_buffer_arg(),
        grad.clone().into_buffer_arg(),
        input_grad.clone().into_buffer_arg(),
        products.clone().into_buffer_arg(),
        width,
        rows,
    );
    (input_grad, column_sums(products), column_sums(grad))
}
