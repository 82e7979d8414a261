//! Softmax over rows and its gradient.

use crate::kernels::gpu::launch::{blocks, empty_like};
use crate::kernels::gpu::rows::{SHARED, UNITS, extent, row_max, row_sum, units};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

#[cube(launch)]
fn softmax_kernel(x: &[f32], y: &mut [f32], width: usize, rows: usize) {
    if CUBE_POS >= rows {
        terminate!();
    }
    let mut shared = Shared::<[f32]>::new_slice(SHARED);
    let first = UNIT_POS as usize;
    let start = CUBE_POS * width;
    let mut largest = x[start];
    for i in range_stepped(first, width, UNITS) {
        largest = max(largest, x[start + i]);
    }
    let largest = row_max(&mut shared, largest);
    let mut sum = 0.0f32;
    for i in range_stepped(first, width, UNITS) {
        let power = (x[start + i] - largest).exp();
        y[start + i] = power;
        sum += power;
    }
    let sum = row_sum(&mut shared, sum);
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
    let mut shared = Shared::<[f32]>::new_slice(SHARED);
    let start = CUBE_POS * width;
    let mut sum = 0.0f32;
    for i in range_stepped(UNIT_POS as usize, width, UNITS) {
        sum += y[start + i] * grad[start + i];
    }
    let sum = row_sum(&mut shared, sum);
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
