//! Inputs, reading back, and comparing.

use crate::device::DeviceError;
use crate::device::suite::{SUITE_TOLERANCE, SuiteResult};
use crate::kernels::{read_back, sum_all};
use crate::nn::{Precision, single};
use burn::Tensor;
use burn::tensor::{Device, TensorData};

/// The most places at which a result is compared.
const SAMPLES: usize = 4096;

/// Numbers between -1 and 1 without a pattern, the same for the same seed.
pub(super) fn noise(seed: u32, count: usize) -> Vec<f32> {
    (0..count as u32)
        .map(|index| (scrambled(index, seed) >> 8) as f32 / (1u32 << 23) as f32 - 1.0)
        .collect()
}

/// Values as a precision holds them: the reference is then of the same numbers, and what the operation rounds is all
/// that is left.
pub(super) fn held(mut values: Vec<f32>, precision: Precision) -> Vec<f32> {
    if precision == Precision::F16 {
        for value in &mut values {
            *value = rounded_to_half(*value);
        }
    }
    values
}

/// The closest number of 11 binary digits, of two the even one: f16 from 2^-14 to 65504.
fn rounded_to_half(value: f32) -> f32 {
    const LOST: u32 = 13;
    let bits = value.to_bits();
    let below_half = (1 << (LOST - 1)) - 1;
    let up = bits + below_half + (bits >> LOST & 1);
    f32::from_bits(up >> LOST << LOST)
}

/// Bits without a pattern.
fn scrambled(index: u32, seed: u32) -> u32 {
    let mut x = index.wrapping_mul(0x9e37_79b9) ^ seed.wrapping_mul(0x85eb_ca6b);
    x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
    x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

/// A leaf that records gradients.
pub(super) fn leaf<const D: usize>(
    values: &[f32],
    shape: [usize; D],
    device: &Device,
) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), device).require_grad()
}

/// All values of a tensor in C order, in f32.
pub(super) async fn host<const D: usize>(
    name: &'static str,
    tensor: Tensor<D>,
) -> Result<Vec<f32>, DeviceError> {
    let read = read_back(single(tensor)).await;
    read.map_err(DeviceError::lost(name))
}

/// Runs the backward pass of `sum(y * grad)` and gives the gradients of the leaves.
pub(super) fn gradients<const D: usize, const N: usize>(
    y: Tensor<D>,
    grad: &[f32],
    leaves: [&Tensor<5>; N],
) -> [Tensor<5>; N] {
    let shape = y.dims();
    let grad = Tensor::from_data(TensorData::new(grad.to_vec(), shape), &y.device());
    let all = sum_all(single(y) * grad).backward();
    leaves.map(|leaf| {
        leaf.grad(&all)
            .unwrap_or_else(|| leaf.clone().inner() * f32::NAN)
    })
}

/// Places to compare at: all of them, or some spread over the whole with both ends among them.
pub(super) fn places(count: usize) -> Vec<usize> {
    places_of(count, SAMPLES)
}

/// As [`places`], `samples` at most and both ends.
pub(super) fn places_of(count: usize, samples: usize) -> Vec<usize> {
    if count <= samples {
        return (0..count).collect();
    }
    // One in each of as many equal parts, where in it is drawn: a fixed stride would miss taps and channels whose
    // number it shares a factor with.
    let part = |sample: usize| (sample as u64 * count as u64 / samples as u64) as usize;
    let mut places: Vec<usize> = (0..samples)
        .map(|sample| {
            let (from, to) = (part(sample), part(sample + 1));
            from + scrambled(sample as u32, 0x51ed) as usize % (to - from).max(1)
        })
        .chain([0, count - 1])
        .collect();
    places.sort_unstable();
    places.dedup();
    places
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
    results.push(SuiteResult {
        name,
        error,
        tolerance: SUITE_TOLERANCE,
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn numbers_are_rounded_to_those_of_half_precision() {
        let step = 2f32.powi(-10);
        for (value, expected) in [
            (0.0, 0.0),
            (-0.75, -0.75),
            (1.0 / 3.0, 0.333_251_95),
            (-2000.6, -2001.0),
            // Half-way between two, the even one.
            (1.0 + 0.5 * step, 1.0),
            (1.0 + 1.5 * step, 1.0 + 2.0 * step),
            (2.0 - 0.25 * step, 2.0),
        ] {
            assert_eq!(held(vec![value], Precision::F16), [expected]);
            assert_eq!(held(vec![value], Precision::F32), [value]);
        }
    }

    #[test]
    fn every_tap_and_every_channel_is_compared() {
        // Weight gradients of 3 x 3 x 3 taps, and activations by channels, at sizes that a stride would trip over.
        for (count, period) in [
            (17 * 19 * 27, 27),
            (32 * 32 * 27, 27),
            (128 * 128 * 27, 27),
            (3 * 31 * 33 * 37 * 33, 33),
            (96 * 96 * 96 * 16, 16),
            (5000, 27),
        ] {
            let places = places(count);
            assert!(places.is_sorted() && places.len() <= SAMPLES + 2);
            assert_eq!((places[0], places[places.len() - 1]), (0, count - 1));
            let seen: BTreeSet<usize> = places.iter().map(|place| place % period).collect();
            assert_eq!(seen.len(), period, "{count}");
            let tenths: BTreeSet<usize> = places.iter().map(|place| 10 * place / count).collect();
            assert_eq!(tenths.len(), 10, "{count}");
        }
        assert_eq!(places(5), [0, 1, 2, 3, 4]);
    }
}
