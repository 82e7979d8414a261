//! The gradients of a strip of tiles, transformed.

use super::points::{Register, Value, gradient_tile, read_rows, write_rows};
use super::{Cut, GAP, Strip, TILE};
use crate::kernels::cpu::lanes::Aligned;
use crate::kernels::cpu::shape::{ConvShape, Input};
use macerator::Simd;
use std::ops::Range;

/// The transformed rows of the gradients of a block of output channels for a strip.
pub(super) struct GradTiles {
    columns: usize,
    /// `[TILE]` times `[tiles, width, columns]` and a gap; columns without a channel stay zero.
    rows: Aligned,
    /// Numbers of one transformed row of all tiles, with the gap.
    point: usize,
    /// A row outside of the sample.
    zeros: Vec<f32>,
}

impl GradTiles {
    /// Room for the largest strip.
    pub(super) fn new(columns: usize, channels: usize, cut: Cut) -> GradTiles {
        let point = cut.tiles * cut.width * columns + GAP;
        GradTiles {
            columns,
            rows: Aligned::zeros(TILE * point),
            point,
            zeros: vec![0.0; cut.width * channels],
        }
    }

    /// Takes the gradients of the output channels `outs` of a strip.
    #[inline(always)]
    pub(super) fn take<S: Simd>(
        &mut self,
        (grad, channels): Input<'_>,
        outs: Range<usize>,
        shape: ConvShape,
        strip: Strip,
    ) {
        // Where the block is all channels, a row is one run.
        let (run, runs, to_next) = if self.columns == channels {
            (strip.width * channels, 1, 0)
        } else {
            (outs.len(), strip.width, self.columns)
        };
        for tile in 0..strip.tiles {
            let mut rows = [[&self.zeros[..strip.width * channels]; 2]; 2];
            for (d, rows) in rows.iter_mut().enumerate() {
                for (h, row) in rows.iter_mut().enumerate() {
                    let at = [d, 2 * tile + h];
                    if let Some(inside) = strip.source_row(grad, channels, shape, at, 0) {
                        *row = &inside[strip.column * channels..][..strip.width * channels];
                    }
                }
            }
            for index in 0..runs {
                let from = index * channels + outs.start;
                let to = tile * strip.width * self.columns + index * to_next;
                let lanes = Register::<S>::COUNT;
                let mut at = 0;
                while at + lanes <= run {
                    let tile = gradient_tile::<Register<S>>(read_rows(&rows, from + at));
                    write_rows(&mut self.rows, self.point, to + at, &tile);
                    at += lanes;
                }
                for at in at..run {
                    let tile = gradient_tile::<f32>(read_rows(&rows, from + at));
                    write_rows(&mut self.rows, self.point, to + at, &tile);
                }
            }
        }
    }

    /// The rows of all tiles for one transformed row.
    #[inline(always)]
    pub(super) fn of_point(&self, point: usize) -> &[f32] {
        &self.rows[point * self.point..][..self.point]
    }

    /// Where the rows of each tile begin.
    #[inline(always)]
    pub(super) fn tile_starts(&self, strip: Strip) -> impl Iterator<Item = usize> {
        let row = strip.width * self.columns;
        (0..strip.tiles).map(move |tile| tile * row)
    }
}
