//! Softmax and layer norm over rows: one workgroup a row.

use crate::kernels::gpu::launch::{blocks, empty_f32, empty_like};
use crate::kernels::gpu::sum::{add_runs, column_sums_of};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

/// Threads of a workgroup.
const UNITS: usize = 128;
/// Added to the variance, as PyTorch's layer norm does.
const EPSILON: f32 = 1e-5;

/// Rows and their length, the last axis.
fn extent(x: &CubeTensor) -> (usize, usize) {
    let shape = x.meta.shape();
    let width = shape[shape.num_dims() - 1];
    (shape.num_elements() / width.max(1), width)
}

fn units() -> CubeDim {
    CubeDim::new_1d(UNITS as u32)
}

/// Sum of every thread's `value`, in the order of the threads.
#[cube]
fn workgroup_sum(shared: &mut Shared<[f32]>, value: f32) -> f32 {
    sync_cube();
    shared[UNIT_POS as usize] = value;
    sync_cube();
    let mut sum = 0.0f32;
    for unit in 0..UNITS {
        sum += shared[unit];
    }
    sum
}

#[cube(launch)]
fn softmax_kernel(x: &[f32], y: &mut [f32], width: usize, rows: usize) {
    if CUBE_POS >= rows {
        terminate!();
    }
    let mut shared = Shared::<[f32]>::new_slice(UNITS);
    let first = UNIT_POS as usize;
    let start = CUBE_POS * width;
    let mut largest = x[start];
    for i in range_stepped(first, width, UNITS) {
        largest = max(largest, x[start + i]);
    }
    shared[first] = largest;
    sync_cube();
    for unit in 0..UNITS {
        largest = max(largest, shared[unit]);
    }
    let mut sum = 0.0f32;
    for i in range_stepped(first, width, UNITS) {
        let power = (x[start + i] - largest).exp();
        y[start + i] = power;
        sum += power;
    }
    let sum = workgroup_sum(&mut shared, sum);
    for i in range_stepped(first, width, UNITS) {
        y[start + i] /= sum;
    }
}

#[cube(launch)]
fn softmax_backward_kernel(
    y: &[f32],
    grad: &[f32],
    input_grad: &mut [f32],
    width: usize,
    rows: usize,
) {
    if CUBE_POS >= rows {
        terminate!();
    }
    let mut shared = Shared::<[f32]>::new_slice(UNITS);
    let start = CUBE_POS * width;
    let mut sum = 0.0f32;
    for i in range_stepped(UNIT_POS as usize, width, UNITS) {
        sum += y[start + i] * grad[start + i];
    }
    let sum = workgroup_sum(&mut shared, sum);
    for i in range_stepped(UNIT_POS as usize, width, UNITS) {
        input_grad[start + i] = y[start + i] * (grad[start + i] - sum);
    }
}

/// Softmax over the last axis, f32.
pub(crate) fn softmax(x: CubeTensor) -> CubeTensor {
    let x = into_contiguous(x);
    let (rows, width) = extent(&x);
    let y = empty_like(&x, x.meta.shape().clone());
    softmax_kernel::launch(
        &x.client.clone(),
        blocks(rows),
        units(),
        x.into_buffer_arg(),
        y.clone().into_buffer_arg(),
        width,
        rows,
    );
    y
}

/// Gradient of [`softmax`] from its result and its gradient.
pub(crate) fn softmax_backward(y: CubeTensor, grad: CubeTensor) -> CubeTensor {
    let [y, grad] = [y, grad].map(into_contiguous);
    let (rows, width) = extent(&y);
    let result = empty_like(&y, y.meta.shape().clone());
    softmax_backward_kernel::launch(
        &y.client.clone(),
        blocks(rows),
        units(),
        y.into_buffer_arg(),
        grad.into_buffer_arg(),
        result.clone().into_buffer_arg(),
        width,
        rows,
    );
    result
}

/// Mean and reciprocal deviation of the workgroup's row.
#[cube]
fn row_statistics(shared: &mut Shared<[f32]>, x: &[f32], start: usize, width: usize) -> (f32, f32) {
    let count = f32::cast_from(width);
    let mut sum = 0.0f32;
    for i in range_stepped(UNIT_POS as usize, width, UNITS) {
        sum += x[start + i];
    }
    let mean = workgroup_sum(shared, sum) / count;
    let mut squares = 0.0f32;
    for i in range_stepped(UNIT_POS as usize, width, UNITS) {
        let difference = x[start + i] - mean;
        squares += difference * difference;
    }
    let variance = workgroup_sum(shared, squares) / count;
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
    let mut shared = Shared::<[f32]>::new_slice(UNITS);
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
    let mut shared = Shared::<[f32]>::new_slice(UNITS);
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
    let sum = workgroup_sum(&mut shared, sum) / count;
    let product = workgroup_sum(&mut shared, product) / count;
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

/// Sums of the columns of `[rows, features]`, f32: `[features]`.
pub(crate) fn column_sums(x: CubeTensor) -> CubeTensor {
    let x = into_contiguous(x);
    let (rows, width) = extent(&x);
    let sums = column_sums_of(&x, rows, width);
    let runs = sums.meta.shape()[0];
    burn_cubecl::ops::reshape(add_runs(sums, 1, runs, width), [width].into())
}
