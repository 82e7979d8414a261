//! Weights in the order the register tile reads them.

use super::lanes::Registers;
use super::shape::{ConvShape, Input};
use macerator::{AutoArch, Simd, WithSimd};

/// Registers of a full block of output channels.
pub(super) const BLOCK: usize = 2;

/// Weights by block of output channels: `[block][input][kd][kh][kw][channel][column]`, missing columns zero.
pub(super) struct Panels {
    weights: Vec<f32>,
    blocks: Vec<Block>,
}

#[derive(Clone, Copy)]
struct Block {
    first: usize,
    count: usize,
    registers: usize,
    start: usize,
    end: usize,
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
    /// Packs `weight(out, in, tap)` for the machine's registers.
    pub(super) fn pack(
        inputs: &[Input<'_>],
        out_channels: usize,
        shape: ConvShape,
        weight: impl Fn(usize, usize, usize) -> f32,
    ) -> Panels {
        let lanes = lanes();
        let (mut weights, mut blocks) = (Vec::new(), Vec::new());
        let mut first = 0;
        while first < out_channels {
            let left = out_channels - first;
            let registers = left.div_ceil(lanes).min(BLOCK);
            let count = left.min(registers * lanes);
            let start = weights.len();
            let mut before = 0;
            for (_, channels) in inputs {
                for tap in 0..shape.taps() {
                    for channel in before..before + channels {
                        weights.extend((0..registers * lanes).map(|column| {
                            if column < count {
                                weight(first + column, channel, tap)
                            } else {
                                0.0
                            }
                        }));
                    }
                }
                before += channels;
            }
            let end = weights.len();
            blocks.push(Block {
                first,
                count,
                registers,
                start,
                end,
            });
            first += count;
        }
        Panels { weights, blocks }
    }

    /// The blocks in order.
    pub(super) fn columns(&self) -> impl Iterator<Item = Columns<'_>> {
        self.blocks.iter().map(|block| Columns {
            first: block.first,
            count: block.count,
            registers: block.registers,
            panel: &self.weights[block.start..block.end],
        })
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
