//! Random draws of the generator: Xoshiro256++ with one independent stream for each purpose.

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::point::Point;

/// What a stream is for. Separate streams keep the patient the same when the grid or the noise
/// changes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stream {
    Patient = 1,
    Texture = 2,
    Anatomy = 3,
    Scanner = 4,
    Noise = 5,
}

/// A random stream with the distributions that the anatomy needs.
pub(super) struct Draw {
    generator: Xoshiro256PlusPlus,
    /// Factor on every spread: the `variation` of the phantom's settings.
    spread: f32,
}

impl Draw {
    pub(super) fn new(seed: u64, stream: Stream, spread: f32) -> Self {
        // Two rounds of mixing, so that neighbouring seeds and streams share nothing.
        let mut parent = Xoshiro256PlusPlus::seed_from_u64(seed);
        let key = parent.next_u64() ^ (stream as u64).wrapping_mul(0xD1B5_4A32_D192_ED03);
        Self {
            generator: Xoshiro256PlusPlus::seed_from_u64(key),
            spread,
        }
    }

    pub(super) fn bits(&mut self) -> u64 {
        self.generator.next_u64()
    }

    /// Uniform in [0, 1).
    pub(super) fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// Uniform between two bounds, not scaled by the variation.
    pub(super) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// About normal with standard deviation 1, never beyond 3.47.
    pub(super) fn normal(&mut self) -> f32 {
        bell(self.bits())
    }

    /// `mean` with a normal deviation of `sd`, cut at 2 sd and scaled by the variation.
    pub(super) fn around(&mut self, mean: f32, sd: f32) -> f32 {
        mean + self.normal().clamp(-2.0, 2.0) * sd * self.spread
    }

    /// A factor around 1.
    pub(super) fn factor(&mut self, sd: f32) -> f32 {
        self.around(1.0, sd)
    }

    /// A point around (x, y, z) with the same deviation on every axis.
    pub(super) fn point(&mut self, x: f32, y: f32, z: f32, sd: f32) -> Point {
        Point::new(self.around(x, sd), self.around(y, sd), self.around(z, sd))
    }

    /// True with the given probability.
    pub(super) fn chance(&mut self, probability: f32) -> bool {
        self.unit() < probability
    }

    /// A random direction, uniform on the sphere.
    pub(super) fn direction(&mut self) -> Point {
        let z = self.between(-1.0, 1.0);
        let angle = self.between(0.0, std::f32::consts::TAU);
        let r = (1.0 - z * z).max(0.0).sqrt();
        Point::new(r * angle.cos(), r * angle.sin(), z)
    }
}

/// Sum of four 16-bit uniforms: a bell curve with mean 0 and standard deviation 1.
pub(super) fn bell(bits: u64) -> f32 {
    let sum = (bits & 0xFFFF) + (bits >> 16 & 0xFFFF) + (bits >> 32 & 0xFFFF) + (bits >> 48);
    // The sum has mean 2 * 65535 and variance 4 * 65536^2 / 12.
    (sum as f32 - 131_070.0) * (1.0 / 37_837.23)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bell_has_mean_zero_and_variance_one() {
        let mut draw = Draw::new(5, Stream::Noise, 1.0);
        let values: Vec<f64> = (0..200_000).map(|_| f64::from(draw.normal())).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64;
        assert!(mean.abs() < 0.01, "{mean}");
        assert!((variance - 1.0).abs() < 0.01, "{variance}");
    }

    #[test]
    fn streams_and_seeds_differ() {
        let first = |seed, stream| Draw::new(seed, stream, 1.0).bits();
        assert_ne!(first(1, Stream::Patient), first(2, Stream::Patient));
        assert_ne!(first(1, Stream::Patient), first(1, Stream::Noise));
        assert_eq!(first(1, Stream::Patient), first(1, Stream::Patient));
    }

    #[test]
    fn no_variation_draws_the_mean() {
        let mut draw = Draw::new(9, Stream::Anatomy, 0.0);
        assert_eq!(draw.around(3.0, 10.0), 3.0);
    }
}
