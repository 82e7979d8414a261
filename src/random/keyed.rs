//! Random numbers that are a pure function of what they are used for.

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::RandomSource;

/// What part of a run draws random numbers. The numbers are part of the key and never change; 4 and 5 belonged to what no
/// longer draws by a key, and stay unused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u64)]
pub enum Stage {
    /// Training steps of pre-training.
    Pretraining = 1,
    /// Validation of pre-training.
    PretrainingValidation = 2,
    /// Training steps of fine-tuning.
    Finetuning = 3,
    /// Statistics of scores.
    Evaluation = 6,
}

/// What is decided. The numbers are part of the key and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u64)]
pub enum Purpose {
    /// Initial weights.
    Init = 1,
    /// The order of the cases in an epoch.
    Order = 2,
    /// Position of a pre-training patch.
    Crop = 3,
    /// In- or out-painting of the first view.
    View1Choice = 4,
    /// Holes and noise of the first view.
    View1Dropout = 5,
    /// Local shuffling of the first view.
    View1Shuffle = 6,
    /// In- or out-painting of the second view.
    View2Choice = 7,
    /// Holes and noise of the second view.
    View2Dropout = 8,
    /// Local shuffling of the second view.
    View2Shuffle = 9,
    /// Position of a fine-tuning patch.
    PositiveNegativeCrop = 10,
    /// Mirroring.
    Flip = 11,
    /// Rotation by quarter turns.
    Rotate = 12,
    /// Intensity offset.
    Shift = 13,
    /// Drawing of cases with replacement.
    Resample = 14,
    /// Turn and scaling by any amount.
    Affine = 15,
}

/// Where in a run something random is decided. Equal keys give equal numbers for equal purposes; all others are unrelated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SampleKey {
    /// The seed of the run.
    pub seed: u64,
    /// Part of the run.
    pub stage: Stage,
    /// Epoch, from 0.
    pub epoch: u64,
    /// Step or volume within the epoch.
    pub step: u64,
    /// Sample within the step.
    pub sample: u64,
}

impl SampleKey {
    /// The generator of what is decided here for this purpose.
    pub fn for_purpose(self, purpose: Purpose) -> KeyedRandom {
        let SampleKey {
            seed,
            stage,
            epoch,
            step,
            sample,
        } = self;
        let mut hasher = blake3::Hasher::new();
        for field in [seed, stage as u64, epoch, step, sample, purpose as u64] {
            hasher.update(&field.to_le_bytes());
        }
        KeyedRandom {
            words: Xoshiro256PlusPlus::from_seed(*hasher.finalize().as_bytes()),
        }
    }
}

/// Xoshiro256++ seeded from a [`SampleKey`] and a [`Purpose`].
///
/// The seed is the BLAKE3 hash of 48 bytes: `seed`, `stage`, `epoch`, `step`, `sample`, `purpose`,
/// each a little-endian `u64`, the enums by their numbers. The 32 bytes of the hash are the four
/// state words, little-endian. Both algorithms are fixed by their specifications, so a key gives
/// the same numbers on every platform and in every version.
#[derive(Debug, Clone)]
pub struct KeyedRandom {
    words: Xoshiro256PlusPlus,
}

impl RandomSource for KeyedRandom {
    /// The upper half of the next 64-bit word.
    fn next_u32(&mut self) -> u32 {
        (self.words.next_u64() >> 32) as u32
    }

    /// The upper 53 bits of one 64-bit word.
    fn uniform(&mut self) -> f64 {
        (self.words.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Two numbers of 24 bits from every 64-bit word, computed in `f32`: noise needs no more.
    fn fill_uniform(&mut self, low: f32, high: f32, out: &mut [f32]) {
        let step = (high - low) / (1u32 << 24) as f32;
        let value = |bits: u64| low + step * (bits & 0xff_ffff) as i32 as f32;
        let mut pairs = out.chunks_exact_mut(2);
        for pair in &mut pairs {
            let word = self.words.next_u64();
            pair[0] = value(word >> 40);
            pair[1] = value(word >> 8);
        }
        for last in pairs.into_remainder() {
            *last = value(self.words.next_u64() >> 40);
        }
    }
}

/// The order in which the `n` cases of an epoch are visited: a permutation of `0..n`, a pure
/// function of `key`.
pub fn epoch_order(n: usize, key: SampleKey) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    key.for_purpose(Purpose::Order).shuffle(&mut order);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: SampleKey = SampleKey {
        seed: 1,
        stage: Stage::Pretraining,
        epoch: 2,
        step: 3,
        sample: 4,
    };

    /// A stored run must resume with the same numbers in every later version.
    #[test]
    fn the_numbers_of_a_key_never_change() {
        let mut random = KEY.for_purpose(Purpose::Crop);
        let words: Vec<u32> = (0..4).map(|_| random.next_u32()).collect();
        assert_eq!(
            words,
            [1_904_327_784, 3_584_878_042, 2_974_690_549, 1_253_950_275]
        );
    }

    #[test]
    fn every_field_changes_the_numbers() {
        let first = |key: SampleKey| key.for_purpose(Purpose::Crop).next_u32();
        let keys = [
            KEY,
            SampleKey { seed: 2, ..KEY },
            SampleKey {
                stage: Stage::PretrainingValidation,
                ..KEY
            },
            SampleKey { epoch: 3, ..KEY },
            SampleKey { step: 4, ..KEY },
            SampleKey { sample: 5, ..KEY },
        ];
        let mut words: std::collections::HashSet<u32> = keys.into_iter().map(first).collect();
        words.insert(KEY.for_purpose(Purpose::View1Choice).next_u32());
        assert_eq!(words.len(), keys.len() + 1);
        assert_eq!(first(KEY), first(KEY));
    }

    #[test]
    fn noise_is_uniform_between_its_bounds() {
        let mut noise = vec![0.0; 100_001];
        KEY.for_purpose(Purpose::Crop)
            .fill_uniform(-2.0, 6.0, &mut noise);
        let n = noise.len() as f64;
        let mean = noise.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
        let square = noise.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / n;
        assert!((mean - 2.0).abs() < 0.05, "{mean}");
        assert!((square - mean * mean - 64.0 / 12.0).abs() < 0.1, "{square}");
        assert!(noise.iter().all(|x| (-2.0..=6.0).contains(x)));
        // Neighbours come from one word and must not be related.
        let product = noise
            .windows(2)
            .map(|w| f64::from(w[0] - 2.0) * f64::from(w[1] - 2.0));
        assert!((product.sum::<f64>() / n).abs() < 0.1);
    }

    #[test]
    fn an_epoch_visits_every_case_once_and_in_its_own_order() {
        let order = epoch_order(50, KEY);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..50).collect::<Vec<_>>());
        assert_eq!(order, epoch_order(50, KEY));
        assert_ne!(order, epoch_order(50, SampleKey { epoch: 3, ..KEY }));
        assert!(epoch_order(0, KEY).is_empty());
    }
}
