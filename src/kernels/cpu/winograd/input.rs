//! The inputs of a strip of tiles, transformed.

use super::points::{Register, Value, input_tile, read_rows, write_rows};
use super::{Cut, GAP, POINTS, Strip, TAPS, TILE};
use crate::kernels::cpu::lanes::Aligned;
use crate::kernels::cpu::shape::{ConvShape, Input};
use macerator::Simd;

/// Positions beside a strip that the taps of its ends read.
const MARGIN: usize = TAPS / 2;

/// The transformed rows of one input for a strip.
pub(super) struct InputTiles {
    channels: usize,
    /// `[TILE]` times `[tiles, MARGIN + width + MARGIN, channels]` and a gap.
    rows: Aligned,
    /// Numbers of one transformed row of all tiles, with the gap.
    point: usize,
    /// A row outside of the sample.
    zeros: Vec<f32>,
}

impl InputTiles {
    /// Room for the largest strip.
    pub(super) fn new(channels: usize, cut: Cut) -> InputTiles {
        let row = (cut.width + 2 * MARGIN) * channels;
        let point = cut.tiles * row + GAP;
        InputTiles {
            channels,
            rows: Aligned::zeros(TILE * point),
            point,
            zeros: vec![0.0; row],
        }
    }

    /// Takes the inputs of a strip.
    #[inline(always)]
    pub(super) fn take<S: Simd>(&mut self, x: Input<'_>, shape: ConvShape, strip: Strip) {
        let channels = self.channels;
        let width = shape.size[2];
        let first = strip.column.saturating_sub(MARGIN);
        let last = (strip.column + strip.width + MARGIN).min(width);
        // Positions before the row.
        let missing = (first + MARGIN - strip.column) * channels;
        let length = (last - first) * channels;
        let row = self.row(strip.width);
        for tile in 0..strip.tiles {
            let mut rows = [[&self.zeros[..length]; POINTS]; POINTS];
            for (d, rows) in rows.iter_mut().enumerate() {
                for (h, row) in rows.iter_mut().enumerate() {
                    let at = [d, 2 * tile + h];
                    if let Some(inside) = strip.source_row(x.0, channels, shape, at, MARGIN) {
                        *row = &inside[first * channels..last * channels];
                    }
                }
            }
            let start = tile * row;
            for point in self.rows.chunks_exact_mut(self.point) {
                let to = &mut point[start..start + row];
                to[..missing].fill(0.0);
                to[missing + length..].fill(0.0);
            }
            let to = start + missing;
            let lanes = Register::<S>::COUNT;
            let mut at = 0;
            while at + lanes <= length {
                let tile = input_tile::<Register<S>>(read_rows(&rows, at));
                write_rows(&mut self.rows, self.point, to + at, &tile);
                at += lanes;
            }
            for at in at..length {
                let tile = input_tile::<f32>(read_rows(&rows, at));
                write_rows(&mut self.rows, self.point, to + at, &tile);
            }
        }
    }

    /// Numbers of a padded row.
    #[inline(always)]
    fn row(&self, width: usize) -> usize {
        (width + 2 * MARGIN) * self.channels
    }

    /// The padded rows of all tiles for one transformed row.
    #[inline(always)]
    pub(super) fn of_point(&self, point: usize) -> &[f32] {
        &self.rows[point * self.point..][..self.point]
    }

    /// Channels of the input.
    #[inline(always)]
    pub(super) fn channels(&self) -> usize {
        self.channels
    }

    /// Where the inputs under the taps of a position begin in [`Self::of_point`], in positions.
    #[inline(always)]
    pub(super) fn starts(strip: Strip) -> impl Iterator<Item = usize> {
        (0..strip.tiles).flat_map(move |tile| {
            let row = tile * (strip.width + 2 * MARGIN);
            row..row + strip.width
        })
    }

    /// The same for the first position of each tile, in numbers.
    #[inline(always)]
    pub(super) fn tile_starts(&self, strip: Strip) -> impl Iterator<Item = usize> {
        let row = self.row(strip.width);
        (0..strip.tiles).map(move |tile| tile * row)
    }
}
