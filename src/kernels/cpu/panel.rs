//! Weights in the order the register tile reads them.

use super::lanes::{Aligned, Registers};
use super::shape::Input;
use crate::platform::map_tasks;
use macerator::{AutoArch, Simd, WithSimd};
use std::ops::Range;

/// Registers of a full block of output channels.
pub(super) const BLOCK: usize = 2;

/// Weights by block of output channels: `[block][input][tap][channel][column]`, missing columns zero.
pub(super) struct Panels {
    blocks: Vec<Block>,
}

struct Block {
    first: usize,
    count: usize,
    registers: usize,
    weights: Aligned,
}

/// One block of output channels.
#[derive(Clone, Copy)]
pub(super) struct Columns<'a> {
    /// First output channel.
    pub(super) first: usize,
    /// Output channels.
    pub(super) count: usize,
    /// Registers that hold them.
    pub(super) registers: usize,
    /// Their weights.
    pub(super) panel: &'a [f32],
}

impl Panels {
    /// Packs weights for the machine's registers. `fill(outs, channel, columns, into)` writes those of an input channel
    /// for the output channels `outs`, `[taps, columns]`: all taps of as many columns; the others are zero and stay so.
    pub(super) fn pack(
        inputs: &[Input<'_>],
        out_channels: usize,
        taps: usize,
        fill: impl Fn(Range<usize>, usize, usize, &mut [f32]) + Sync,
    ) -> Panels {
        let lanes = lanes();
        let blocks = map_tasks(out_channels.div_ceil(BLOCK * lanes), |block| {
            let first = block * BLOCK * lanes;
            let left = out_channels - first;
            let registers = left.div_ceil(lanes).min(BLOCK);
            let columns = registers * lanes;
            let count = left.min(columns);
            let total: usize = inputs.iter().map(|(_, channels)| channels).sum();
            let mut weights = Aligned::zeros(total * taps * columns);
            let mut channel_weights = vec![0.0; taps * columns];
            let (mut before, mut rest) = (0, &mut weights[..]);
            for (_, channels) in inputs {
                let (of_input, after) = rest.split_at_mut(taps * channels * columns);
                rest = after;
                for channel in 0..*channels {
                    fill(
                        first..first + count,
                        before + channel,
                        columns,
                        &mut channel_weights,
                    );
                    let of_taps = of_input.chunks_exact_mut(channels * columns);
                    for (to, from) in of_taps.zip(channel_weights.chunks_exact(columns)) {
                        to[channel * columns..][..columns].copy_from_slice(from);
                    }
                }
                before += channels;
            }
            Block {
                first,
                count,
                registers,
                weights,
            }
        });
        Panels { blocks }
    }

    /// The blocks in order.
    pub(super) fn columns(&self) -> impl Iterator<Item = Columns<'_>> {
        self.blocks.iter().map(|block| Columns {
            first: block.first,
            count: block.count,
            registers: block.registers,
            panel: &block.weights,
        })
    }

    /// Columns of all blocks, those that are missing too.
    pub(super) fn padded_columns(&self) -> usize {
        let registers: usize = self.blocks.iter().map(|block| block.registers).sum();
        registers * lanes()
    }
}

/// f32 lanes of the machine's registers.
pub(super) fn lanes() -> usize {
    struct Width;

    impl WithSimd for Width {
        type Output = usize;

        #[inline(always)]
        fn with_simd<S: Simd>(self) -> usize {
            Registers::<S>::LANES
        }
    }

    AutoArch::new().dispatch(Width)
}
