//! Softmax of a row and its gradient, in place.

use super::strands::{fold, sum};
use crate::kernels::math::exp;

/// Softmax in place.
#[inline(always)]
pub(in crate::kernels) fn softmax(row: &mut [f32]) {
    // A NaN is no maximum here, but its power brings it back.
    let largest = fold(
        [row],
        f32::NEG_INFINITY,
        |[x]| x,
        |a, b| if b > a { b } else { a },
    );
    for x in row.iter_mut() {
        *x = exp(*x - largest);
    }
    let scale = sum([row], |[x]| x).recip();
    for x in row {
        *x *= scale;
    }
}

/// `y (g - sum(g y))` in place of `g`, where `y` is a row that [`softmax`] gave.
#[inline(always)]
pub(in crate::kernels) fn softmax_gradient(grad: &mut [f32], y: &[f32]) {
    let sum = sum([grad, y], |[grad, y]| y * grad);
    for (grad, y) in grad.iter_mut().zip(y) {
        *grad = y * (*grad - sum);
    }
}
