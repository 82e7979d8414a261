//! The draws every random transform is made of, on any source of 32-bit words.

/// A source of random 32-bit words, and draws from it as numpy's legacy `RandomState` makes them
/// (specification 14).
pub trait RandomSource {
    /// The next word, uniform over all 32-bit numbers.
    fn next_u32(&mut self) -> u32;

    /// A number in `[0, 1)` with 53 random bits.
    fn uniform(&mut self) -> f64 {
        let high = u64::from(self.next_u32() >> 5);
        let low = u64::from(self.next_u32() >> 6);
        ((high << 26) + low) as f64 / (1u64 << 53) as f64
    }

    /// An integer in `[low, high)` by masked rejection. A range of one number, or none, gives `low`
    /// and draws nothing.
    fn integer(&mut self, low: usize, high: usize) -> usize {
        let range = high.saturating_sub(low).saturating_sub(1) as u64;
        if range == 0 {
            return low;
        }
        let mask = u64::MAX >> range.leading_zeros();
        loop {
            let word = if mask > u64::from(u32::MAX) {
                u64::from(self.next_u32()) << 32 | u64::from(self.next_u32())
            } else {
                u64::from(self.next_u32())
            };
            let candidate = word & mask;
            if candidate <= range {
                return low + candidate as usize;
            }
        }
    }

    /// Fills `out` with independent numbers `low + (high - low) u`, `u` uniform in `[0, 1)`,
    /// computed in `f64`.
    fn fill_uniform(&mut self, low: f32, high: f32, out: &mut [f32]) {
        let (low, high) = (f64::from(low), f64::from(high));
        for value in out {
            *value = (low + (high - low) * self.uniform()) as f32;
        }
    }

    /// Permutes `items`, every order equally likely.
    fn shuffle<T>(&mut self, items: &mut [T])
    where
        Self: Sized,
    {
        for i in (1..items.len()).rev() {
            items.swap(i, self.integer(0, i + 1));
        }
    }
}
