//! Inputs, reading back, and comparing.

use crate::device::DeviceError;
use crate::device::suite::SuiteResult;
use crate::kernels::sum_all;
use burn::Tensor;
use burn::tensor::{Device, TensorData};

/// The most places at which a result is compared.
const SAMPLES: usize = 4096;

/// Numbers between -1 and 1 without a pattern, the same for the same seed.
pub(super) fn noise(seed: u32, count: usize) -> Vec<f32> {
    (0..count as u32)
        .map(|index| {
            let mut x = index.wrapping_mul(0x9e37_79b9) ^ seed.wrapping_mul(0x85eb_ca6b);
            x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
            x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
            x ^= x >> 16;
            (x >> 8) as f32 / (1u32 << 23) as f32 - 1.0
        })
        .collect()
}

/// A leaf that records gradients.
pub(super) fn leaf<const D: usize>(
    values: &[f32],
    shape: [usize; D],
    device: &Device,
) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), device).require_grad()
}

/// All values of a tensor in C order.
pub(super) async fn host<const D: usize>(
    name: &'static str,
    tensor: Tensor<D>,
) -> Result<Vec<f32>, DeviceError> {
    let fail = |detail: String| DeviceError::SelfTest {
        check: name,
        detail,
    };
    tensor
        .into_data_async()
        .await
        .map_err(|e| fail(format!("{e:?}")))?
        .try_into_vec()
        .map_err(|e| fail(format!("{e:?}")))
}

/// Runs the backward pass of `sum(y * grad)` and gives the gradients of the leaves.
pub(super) fn gradients<const D: usize, const N: usize>(
    y: Tensor<D>,
    grad: &[f32],
    leaves: [&Tensor<5>; N],
) -> [Tensor<5>; N] {
    let shape = y.dims();
    let grad = Tensor::from_data(TensorData::new(grad.to_vec(), shape), &y.device());
    let all = sum_all(y * grad).backward();
    leaves.map(|leaf| {
        leaf.grad(&all)
            .unwrap_or_else(|| leaf.clone().inner() * f32::NAN)
    })
}

/// Places to compare at: all of them, or some spread over the whole with both ends among them.
pub(super) fn places(count: usize) -> Vec<usize> {
    if count <= SAMPLES {
        return (0..count).collect();
    }
    // An odd stride visits every residue, so that no channel and no border is left out.
    let stride = (count / SAMPLES) | 1;
    (0..SAMPLES)
        .map(|sample| sample * stride)
        .take_while(|place| *place < count)
        .chain([count - 1])
        .collect()
}

/// Compares found values at places with the reference there.
pub(super) fn compare(
    name: String,
    found: &[f32],
    places: &[usize],
    reference: impl Fn(usize) -> f64,
    results: &mut Vec<SuiteResult>,
) {
    let (mut error, mut square, mut broken) = (0.0, 0.0, false);
    for place in places {
        let exact = reference(*place);
        let value = found.get(*place).map_or(f64::NAN, |v| f64::from(*v));
        broken |= !value.is_finite();
        error += (value - exact).powi(2);
        square += exact.powi(2);
    }
    let error = match broken {
        true => f64::INFINITY,
        false => (error / f64::max(square, f64::MIN_POSITIVE)).sqrt(),
    };
    results.push(SuiteResult { name, error });
}
