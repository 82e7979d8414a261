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

/// For x at or above 0: the share of the normal distribution above x, and its density at x.
///
/// The share is half of `erfc(x / sqrt(2))` by the Chebyshev fit `t exp(-z^2 + P(t))`, `t = 1 / (1 + z / 2)`, of Press
/// et al., Numerical Recipes, section 6.2, good to 1.2e-7 of the value.
#[inline(always)]
pub(super) fn normal_tail(x: f32) -> (f32, f32) {
    const FIT: [f32; 10] = [
        -1.265_512_2,
        1.000_023_7,
        0.374_091_96,
        0.096_784_18,
        -0.186_288_06,
        0.278_868_07,
        -1.135_204,
        1.488_515_9,
        -0.822_152_2,
        0.170_872_77,
    ];
    /// `1 / sqrt(2 pi)`.
    const DENSITY: f32 = 0.398_942_3;
    let z = x * FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.5 * z);
    let mut fit = FIT[9];
    let mut index = 9;
    while index > 0 {
        index -= 1;
        fit = fit * t + FIT[index];
    }
    let bell = exp(-z * z);
    // exp(fit) has an argument between -1.27 and 0.02; its product with the bell is the tail.
    (0.5 * t * bell * exp_small(fit), DENSITY * bell)
}

/// `e^x` for x between -1.3 and 0.1: one halving and the series.
#[inline(always)]
fn exp_small(x: f32) -> f32 {
    let r = x + 0.6;
    let series = 1.0 / 40_320.0;
    let series = series * r + 1.0 / 5040.0;
    let series = series * r + 1.0 / 720.0;
    let series = series * r + 1.0 / 120.0;
    let series = series * r + 1.0 / 24.0;
    let series = series * r + 1.0 / 6.0;
    let series = series * r + 0.5;
    let series = series * r + 1.0;
    let series = series * r + 1.0;
    /// `e^-0.6`.
    const SHIFT: f32 = 0.548_811_6;
    series * SHIFT
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
    fn the_exponential_of_nothing_is_one_and_of_a_nan_a_nan() {
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(f32::NAN).is_nan());
    }
}
