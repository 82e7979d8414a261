//! The Mersenne Twister, as numpy's legacy `RandomState` seeds and reads it.

use super::RandomSource;

/// MT19937 with the Knuth seeding of `RandomState(seed)`.
#[derive(Debug, Clone)]
pub struct Mt19937 {
    words: rand_mt::Mt,
}

impl Mt19937 {
    /// The generator of `numpy.random.RandomState(seed)`.
    pub fn new(seed: u32) -> Self {
        Self {
            words: rand_mt::Mt::new(seed),
        }
    }
}

impl RandomSource for Mt19937 {
    fn next_u32(&mut self) -> u32 {
        self.words.next_u32()
    }
}
