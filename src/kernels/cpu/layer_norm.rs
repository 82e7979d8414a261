//! Layer norm of `[rows, features]`: each row by its own mean and biased variance, then a weight and a bias by feature.

use super::fill::fill;
use super::rows::add;
use super::strands::sum;
use crate::kernels::NORM_EPSILON;
use crate::kernels::host::{tasks_of, vectorised};
use crate::platform::map_tasks;

/// Rows whose shares in the gradients of weight and bias are added in f32.
const RUN: usize = 128;

/// Mean and reciprocal deviation.
type Moments = (f32, f32);

/// `(x - mean) / sqrt(variance + 1e-5) * weight + bias`.
pub(in crate::kernels) fn layer_norm(x: &[f32], weight: &[f32], bias: &[f32]) -> Vec<f32> {
    let features = weight.len();
    let [y] = fill(1, x.len(), tasks_of(features.max(1)), |_, start, [y]| {
        let x = &x[start..][..y.len()];
        vectorised(
            #[inline(always)]
            || {
                for (y, x) in rows(features, &mut *y).zip(x.chunks(features)) {
                    let (mean, scale) = moments(x);
                    for (((y, x), weight), bias) in y.iter_mut().zip(x).zip(weight).zip(bias) {
                        *y = (x - mean) * scale * weight + bias;
                    }
                }
            },
        );
    });
    y
}

/// Gradients of the input, the weight and the bias.
pub(in crate::kernels) fn layer_norm_backward(
    x: &[f32],
    weight: &[f32],
    grad: &[f32],
) -> [Vec<f32>; 3] {
    let features = weight.len();
    let task = tasks_of(features.max(1));
    let shares = map_tasks(x.len().div_ceil(task), |index| {
        let start = index * task;
        let end = x.len().min(start + task);
        vectorised(
            #[inline(always)]
            || Share::of(&x[start..end], &grad[start..end], features),
        )
    });
    let [of_x] = fill(1, x.len(), task, |_, start, [of_x]| {
        let (x, grad) = (&x[start..][..of_x.len()], &grad[start..][..of_x.len()]);
        let moments = shares
            .get(start / task)
            .map_or(&[][..], |share| &share.moments);
        vectorised(
            #[inline(always)]
            || {
                let given = x.chunks(features).zip(grad.chunks(features)).zip(moments);
                for (of_x, ((x, grad), moments)) in rows(features, &mut *of_x).zip(given) {
                    row_gradient(of_x, [x, grad, weight], *moments);
                }
            },
        );
    });
    let total = |part: fn(&Share) -> &[f64]| {
        let mut total = vec![0.0; features];
        for share in &shares {
            add(&mut total, part(share));
        }
        total.into_iter().map(|total| total as f32).collect()
    };
    [
        of_x,
        total(|share| &share.weight),
        total(|share| &share.bias),
    ]
}

#[inline(always)]
fn rows(features: usize, x: &mut [f32]) -> impl Iterator<Item = &mut [f32]> {
    x.chunks_mut(features.max(1))
}

#[inline(always)]
fn moments(row: &[f32]) -> Moments {
    let count = row.len() as f32;
    let mean = sum([row], |[x]| x) / count;
    // Around the mean, not the mean of squares less the square of the mean.
    let variance = sum([row], |[x]| (x - mean) * (x - mean)) / count;
    (mean, (variance + NORM_EPSILON as f32).sqrt().recip())
}

/// With `n` the normalised row and `s` the gradient times the weight: `scale (s - mean(s) - n mean(s n))`.
#[inline(always)]
fn row_gradient(of_x: &mut [f32], [x, grad, weight]: [&[f32]; 3], (mean, scale): Moments) {
    let count = x.len() as f32;
    let constant = sum([grad, weight], |[grad, weight]| grad * weight) / count;
    let linear = sum([x, grad, weight], |[x, grad, weight]| {
        grad * weight * ((x - mean) * scale)
    }) / count;
    for (((of_x, x), grad), weight) in of_x.iter_mut().zip(x).zip(grad).zip(weight) {
        *of_x = scale * (grad * weight - constant - (x - mean) * scale * linear);
    }
}

/// What a task's rows add to the gradients of weight and bias, and their moments.
struct Share {
    weight: Vec<f64>,
    bias: Vec<f64>,
    moments: Vec<Moments>,
}

impl Share {
    #[inline(always)]
    fn of(x: &[f32], grad: &[f32], features: usize) -> Self {
        let mut share = Share {
            weight: vec![0.0; features],
            bias: vec![0.0; features],
            moments: Vec::with_capacity(x.len() / features.max(1)),
        };
        let (mut weight, mut bias) = (vec![0.0f32; features], vec![0.0f32; features]);
        let run = RUN * features;
        for (x, grad) in x.chunks(run).zip(grad.chunks(run)) {
            weight.fill(0.0);
            bias.fill(0.0);
            for (x, grad) in x.chunks(features).zip(grad.chunks(features)) {
                let (mean, scale) = moments(x);
                share.moments.push((mean, scale));
                let sums = weight.iter_mut().zip(&mut bias);
                for ((weight, bias), (x, grad)) in sums.zip(x.iter().zip(grad)) {
                    *weight += grad * ((x - mean) * scale);
                    *bias += grad;
                }
            }
            add(&mut share.weight, &weight);
            add(&mut share.bias, &bias);
        }
        share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_to_normalise_gives_nothing() {
        for features in [0, 3] {
            let weight = vec![1.0; features];
            assert!(layer_norm(&[], &weight, &weight).is_empty());
            let [x, of_weight, of_bias] = layer_norm_backward(&[], &weight, &[]);
            assert!(x.is_empty());
            assert_eq!([of_weight, of_bias], [(); 2].map(|()| vec![0.0; features]));
        }
    }

    #[test]
    fn a_row_far_from_zero_is_normalised_by_its_deviation() {
        // Alternating 9999 and 10001 have mean 10000 and deviation 1.
        let x: Vec<f32> = (0..3 * 64).map(|n| 9999.0 + (n % 2 * 2) as f32).collect();
        let y = layer_norm(&x, &[2.0; 64], &[0.5; 64]);
        for (at, y) in y.into_iter().enumerate() {
            let expected = if at % 2 == 0 { -1.5 } else { 2.5 };
            assert!((y - expected).abs() < 1e-4, "{at}: {y}");
        }
    }

    #[test]
    fn every_row_counts_once_in_the_gradients_of_weight_and_bias() {
        // 3 and 5 are normalised to -1 and 1; more rows than are added in one go.
        let rows = 2 * RUN + 3;
        let x = [3.0, 5.0].repeat(rows);
        let grad = vec![1.0; 2 * rows];
        let [_, weight, bias] = layer_norm_backward(&x, &[1.0; 2], &grad);
        let count = rows as f32;
        for (found, expected) in [(weight, [-count, count]), (bias, [count; 2])] {
            for (found, expected) in found.into_iter().zip(expected) {
                assert!((found - expected).abs() < 0.1, "{found}, not {expected}");
            }
        }
    }
}
