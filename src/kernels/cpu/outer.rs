//! Sums over positions of outer products: runs of inputs times gradients of a block of output channels.

use super::lanes::{Registers, load, store};
use super::tile::{add_positions, zero};
use macerator::Simd;

/// Some rows of inputs and of the gradients at their positions.
pub(super) struct RowPairs<'a> {
    /// Inputs; those of neighbouring positions are `channels` apart, and a run of them may be longer than that.
    pub(super) inputs: &'a [f32],
    /// Channels of the inputs.
    pub(super) channels: usize,
    /// Gradients, `[positions, columns]`.
    pub(super) grads: &'a [f32],
    /// Where the gradients and the inputs of each row begin.
    pub(super) starts: &'a [(usize, usize)],
    /// Positions of a row.
    pub(super) width: usize,
}

impl RowPairs<'_> {
    /// Adds the products to `sums`, `[run, V registers]`.
    #[inline(always)]
    pub(super) fn add<S: Simd, const V: usize>(&self, sums: &mut [f32], run: usize) {
        let mut at = 0;
        if Registers::<S>::TALL {
            at = self.tiles::<S, 12, V>(sums, run, at);
        }
        at = self.tiles::<S, 6, V>(sums, run, at);
        at = self.tiles::<S, 3, V>(sums, run, at);
        self.tiles::<S, 1, V>(sums, run, at);
    }

    /// As many tiles of `M` inputs of the run, from `at` on, as fit; where they end.
    #[inline(always)]
    fn tiles<S: Simd, const M: usize, const V: usize>(
        &self,
        sums: &mut [f32],
        run: usize,
        mut at: usize,
    ) -> usize {
        let columns = V * Registers::<S>::LANES;
        while run - at >= M {
            let mut tile = zero::<S, M, V>();
            for &(grads, inputs) in self.starts {
                let grads = &self.grads[grads..][..self.width * columns];
                let inputs = &self.inputs[inputs + at..];
                tile = add_positions::<S, M, V>(tile, inputs, self.channels, grads);
            }
            // The rows are added up before they meet the sum of earlier ones, which keeps rounding errors small.
            let sums = &mut sums[at * columns..][..M * columns];
            for (sums, values) in sums.chunks_exact_mut(columns).zip(tile) {
                let before = load::<S, V>(sums);
                let mut after = values;
                for (after, before) in after.iter_mut().zip(before) {
                    *after = before + *after;
                }
                store::<S, V>(sums, &after);
            }
            at += M;
        }
        at
    }
}
