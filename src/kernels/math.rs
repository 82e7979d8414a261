//! Elementary functions without branches or calls, so that loops over them vectorise.

use std::f32::consts::{FRAC_1_SQRT_2, LOG2_E};

/// `e^x` to 2e-7 relative for x up to 0; 0 below -87. The arguments here are never positive.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    // ln 2 in two parts, the first exact in few bits, so that n ln 2 loses nothing (Cody and Waite, 1980).
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    /// Adding it rounds to a whole number, which then stands in the low bits.
    const ROUND: f32 = 12_582_912.0;
    // Not `max`, which would turn a NaN into -87.
    let clamped = if x < -87.0 { -87.0 } else { x };
    let rounded = clamped * LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = clamped - n * LN2_HIGH - n * LN2_LOW;
    // The exponential series on [-ln 2 / 2, ln 2 / 2].
    let series = 1.0 / 5040.0;
    let series = series * r + 1.0 / 720.0;
    let series = series * r + 1.0 / 120.0;
    let series = series * r + 1.0 / 24.0;
    let series = series * r + 1.0 / 6.0;
    let series = series * r + 0.5;
    let series = series * r + 1.0;
    let series = series * r + 1.0;
    // Not by a conversion, which saturates and so keeps loops from vectorising.
    let power = f32::from_bits(rounded.to_bits().wrapping_add(127) << 23);
    if x < -87.0 { 0.0 } else { series * power }
}

/// For x at or above 0: the share of the normal distribution above x, to 1e-6 of its value, and the density at x.
///
/// The share is half of `erfc(z) = exp(-z^2) erfcx(z)` at `z = x / sqrt(2)`. `erfcx(z)` is close to a polynomial in
/// `t = 1 / (1 + z / 2)`: this one is off by 4.2e-8 at most for z up to 9.4, beyond which the bell is 0 in f32. It was fitted
/// to the smallest relative error by reweighted least squares (Lawson, 1961).
#[inline(always)]
pub(super) fn normal_tail(x: f32) -> (f32, f32) {
    const FIT: [f32; 9] = [
        0.282_087_98,
        0.282_348_04,
        0.243_300_05,
        0.201_917_3,
        -0.024_820_993,
        0.275_465_07,
        -0.484_938_68,
        0.283_488_48,
        -0.058_847_28,
    ];
    /// `1 / sqrt(2 pi)`.
    const DENSITY: f32 = 0.398_942_3;
    let t = 1.0 / (1.0 + (0.5 * FRAC_1_SQRT_2) * x);
    let mut fit = FIT[8];
    let mut index = 8;
    while index > 0 {
        index -= 1;
        fit = fit * t + FIT[index];
    }
    let bell = exp(-0.5 * x * x);
    (0.5 * t * fit * bell, DENSITY * bell)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_right_to_the_last_digits() {
        for i in 0..=88_000 {
            let x = -(i as f32) / 1000.0;
            let exact = f64::from(x).exp();
            let found = f64::from(exp(x));
            if x >= -87.0 {
                assert!(
                    (found - exact).abs() <= 3e-7 * exact,
                    "e^{x}: {found}, not {exact}"
                );
            } else {
                assert_eq!(found, 0.0);
            }
        }
    }

    #[test]
    fn the_tail_of_the_normal_distribution_is_right_relative_to_itself() {
        // From the continued fraction of Mills' ratio where that converges fast, else one half less the power series.
        let exact = |x: f64| {
            let density = (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
            if x > 2.0 {
                let ratio = (1..=400).rev().fold(x, |ratio, n| x + f64::from(n) / ratio);
                return (density / ratio, density);
            }
            let (mut term, mut sum) = (x, x);
            for n in 1..60 {
                term *= x * x / f64::from(2 * n + 1);
                sum += term;
            }
            (0.5 - density * sum, density)
        };
        for i in 0..=12_000 {
            let x = i as f32 / 1000.0;
            let ((tail, density), (exact_tail, exact_density)) =
                (normal_tail(x), exact(f64::from(x)));
            // The bell's exponent is rounded: half a unit of 24 bits of x^2 / 2, besides what the fit and the rest give.
            let bound = 1e-6 + 6e-8 * f64::from(x).powi(2);
            for (found, exact) in [(tail, exact_tail), (density, exact_density)] {
                assert!(
                    (f64::from(found) - exact).abs() <= bound * exact,
                    "at {x}: {found}, not {exact}"
                );
            }
        }
    }

    #[test]
    fn the_exponential_of_nothing_is_one_and_of_a_nan_a_nan() {
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(f32::NAN).is_nan());
    }
}
