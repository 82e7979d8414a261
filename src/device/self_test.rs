//! A few operations with known answers: shader errors can otherwise pass in silence.

use crate::device::DeviceError;
use crate::kernels::{conv3d, instance_norm, layer_norm, matmul, read_back, softmax};
use crate::nn::{Linear, PatchExpansion, Precision};
use burn::Tensor;
use burn::module::Param;
use burn::tensor::{Device, TensorData};
use serde::Serialize;

/// Largest error allowed, relative to the largest expected value.
const TOLERANCE: f32 = 1e-4;

/// One check of the self-test.
#[derive(Debug, Clone, Serialize)]
pub struct CheckResult {
    /// What was computed.
    pub name: &'static str,
    /// Largest error relative to the largest expected value.
    pub error: f32,
}

/// Runs a matrix product, convolutions, normalisations, an attention row, a gradient and an overflow, and compares each
/// with constants worked out on paper. The first that fails is the error.
pub(super) async fn self_test(device: &Device) -> Result<Vec<CheckResult>, DeviceError> {
    let device = device.clone().inner();
    let checks = [
        ("matrix product", matrix_product(&device)),
        ("transposed convolution", convolution(&device)),
        ("3x3x3 convolution", convolution_3(&device)),
        ("instance norm", instance(&device)),
        ("normalisation", normalisation(&device)),
        ("softmax", attention_row(&device)),
        ("gradient", gradient(&device)),
        ("overflow", overflow(&device)),
    ];
    let mut results = Vec::new();
    for (name, (found, expected)) in checks {
        let found = read_back(found).await.map_err(DeviceError::lost(name))?;
        results.push(judged(name, &found, &expected)?);
    }
    Ok(results)
}

/// Whether a check found what was expected.
fn judged(name: &'static str, found: &[f32], expected: &[f32]) -> Result<CheckResult, DeviceError> {
    let scale = expected
        .iter()
        .fold(f32::MIN_POSITIVE, |m, e| m.max(e.abs()));
    let error = found
        .iter()
        .zip(expected)
        .map(|(f, e)| (f - e).abs() / scale)
        .fold(0.0, |worst: f32, error| {
            if error.is_nan() {
                f32::INFINITY
            } else {
                worst.max(error)
            }
        });
    if found.len() != expected.len() || error > TOLERANCE {
        return Err(DeviceError::SelfTest {
            check: name,
            detail: format!("relative error {error:.1e}"),
        });
    }
    Ok(CheckResult { name, error })
}

/// Steps whose gradients are not finite are told from others: here by ones and zeros.
fn overflow(device: &Device) -> Check {
    let odd = [1.0, f32::NAN, -f32::MAX, f32::INFINITY, f32::NEG_INFINITY];
    let x = filled([odd.len()], device, |n| odd[n]);
    let (zeros, ones) = (x.zeros_like(), x.ones_like());
    let finite = zeros.mask_where(x.is_finite(), ones);
    (finite, vec![1.0, 0.0, 1.0, 0.0, 0.0])
}

type Check = (Tensor<1>, Vec<f32>);

fn flat<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    let count = x.dims().iter().product::<usize>();
    x.reshape([count])
}

fn filled<const D: usize>(
    shape: [usize; D],
    device: &Device,
    value: impl Fn(usize) -> f32,
) -> Tensor<D> {
    let count = shape.iter().product();
    let values = (0..count).map(value).collect::<Vec<f32>>();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// `a[i, k] = i + 1` times `b[k, j] = j + 1` over 96 terms is `96 (i + 1)(j + 1)`, exact in f32.
fn matrix_product(device: &Device) -> Check {
    let a = filled([80, 96], device, |n| (n / 96 + 1) as f32);
    let b = filled([96, 72], device, |n| (n % 72 + 1) as f32);
    let expected = (0..80 * 72)
        .map(|n| (96 * (n / 72 + 1) * (n % 72 + 1)) as f32)
        .collect();
    (flat(matmul(a, b)), expected)
}

/// A transposed convolution with kernel = stride 2: each output voxel is `sum_c x[c] w[c, u] + 1` with x = row
/// number and w = u.
fn convolution(device: &Device) -> Check {
    let (rows, channels) = (50, 24);
    let layer = PatchExpansion {
        weight: Param::from_tensor(filled([channels, 1, 2, 2, 2], device, |n| (n % 8) as f32)),
        bias: Some(Param::from_tensor(filled([1], device, |_| 1.0))),
    };
    let x = filled([rows, channels], device, |n| (n / channels) as f32);
    let expected = (0..rows * 8)
        .map(|n| (channels * (n / 8) * (n % 8) + 1) as f32)
        .collect();
    (flat(layer.blocks(x)), expected)
}

/// Ones everywhere: each output counts the neighbours inside, 27 within, 18 on a face, 12 on an edge, 8 in a corner,
/// times the channels.
fn convolution_3(device: &Device) -> Check {
    let (edge, channels, out) = (6usize, 16usize, 16usize);
    let x = filled([1, edge, edge, edge, channels], device, |_| 1.0);
    let weight = filled([out, channels, 3, 3, 3], device, |_| 1.0);
    let reach = |at: usize| if at == 0 || at == edge - 1 { 2 } else { 3 };
    let expected = (0..edge.pow(3) * out)
        .map(|n| {
            let voxel = n / out;
            let place = [voxel / (edge * edge), voxel / edge % edge, voxel % edge];
            (channels * place.map(reach).iter().product::<usize>()) as f32
        })
        .collect();
    (flat(conv3d(x, weight)), expected)
}

/// Channels of alternating +3 and +5 have mean 4 and deviation 1; with a leaky ReLU of slope 0.5, -0.5 and 1.
fn instance(device: &Device) -> Check {
    let value = |n: usize| if (n / 8).is_multiple_of(2) { 3.0 } else { 5.0 };
    let x = filled([2, 4, 4, 4, 8], device, value);
    let expected = (0..2 * 64 * 8)
        .map(|n| if value(n) < 4.0 { -0.5 } else { 1.0 })
        .collect();
    (flat(instance_norm(x, None, 0.5)), expected)
}

/// Rows of alternating +3 and +5 have mean 4 and deviation 1: normalised to -1 and +1.
fn normalisation(device: &Device) -> Check {
    let x = filled([33, 64], device, |n| if n % 2 == 0 { 3.0 } else { 5.0 });
    let scale = filled([64], device, |_| 2.0);
    let shift = filled([64], device, |_| 0.5);
    let expected = (0..33 * 64)
        .map(|n| if n % 2 == 0 { -1.5 } else { 2.5 })
        .collect();
    (flat(layer_norm(x, scale, shift)), expected)
}

/// The softmax of `ln(k + 1)` is `(k + 1) / sum`.
fn attention_row(device: &Device) -> Check {
    let x = filled([7, 30], device, |n| ((n % 30 + 1) as f32).ln());
    let expected = (0..7 * 30).map(|n| (n % 30 + 1) as f32 / 465.0).collect();
    (flat(softmax(x)), expected)
}

/// The gradient of `sum gelu(x w)` with one input and w = 1 is `sum x gelu'(x)`, for x = -2, -1, 0, 1, 2.
fn gradient(device: &Device) -> Check {
    let tracked = device.clone().autodiff();
    let layer = Linear {
        weight: Param::from_tensor(filled([1, 1], &tracked, |_| 1.0)),
        bias: None,
    };
    let x = filled([5, 1], &tracked, |n| n as f32 - 2.0);
    let last = Linear {
        weight: Param::from_tensor(filled([1, 1], &tracked, |_| 1.0)),
        bias: None,
    };
    let wide = layer.forward(x);
    let loss = last.forward_of_gelu(wide, Precision::F32).sum();
    let mut gradients = loss.backward();
    let found = layer
        .weight
        .val()
        .grad_remove(&mut gradients)
        .unwrap_or_else(|| Tensor::zeros([1, 1], device));
    // gelu'(1) - gelu'(-1) = 1.166_630_9, gelu'(2) - gelu'(-2) = 1.170_463_3, twice the latter.
    (flat(found), vec![1.166_630_9 + 2.0 * 1.170_463_3])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_numbers_no_numbers_and_too_few_do_not_pass() {
        let expected = [1.0, 100.0];
        assert!(judged("exact", &expected, &expected).is_ok());
        assert!(judged("near", &[1.0, 100.001], &expected).is_ok());
        let wrong: [&[f32]; 6] = [
            &[1.0, 101.0],
            &[1.0, f32::NAN],
            &[f32::NAN, 100.0],
            &[1.0, f32::INFINITY],
            &[1.0],
            &[],
        ];
        for found in wrong {
            let error = judged("wrong", found, &expected);
            assert!(
                matches!(error, Err(DeviceError::SelfTest { check: "wrong", .. })),
                "{found:?}"
            );
        }
    }
}
