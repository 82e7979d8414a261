//! The weight gradient over strips of tiles.
//!
//! A tile's gradients, 2 x 2 rows, are transformed to 4 x 4 rows; each is multiplied with the transformed inputs of the same
//! place, and the sums over all tiles are turned back to taps once.

use super::grad::GradTiles;
use super::input::InputTiles;
use super::points::{Register, Value, gradient_of_taps, read_points, write_rows};
use super::{Cut, TAPS, TILE};
use crate::kernels::cpu::conv_weight::{Chunk, Method};
use crate::kernels::cpu::lanes::Aligned;
use crate::kernels::cpu::outer::RowPairs;
use macerator::Simd;

/// The sums of transformed rows, for what [`super::suits`].
pub(in crate::kernels::cpu) struct Winograd;

impl Method for Winograd {
    const PLANES: usize = 2;

    #[inline(always)]
    fn sums<S: Simd, const V: usize>(chunk: &Chunk<'_>) -> Vec<f32> {
        let Chunk {
            x,
            grad,
            shape,
            ref outs,
            columns,
            ref slabs,
        } = *chunk;
        let [depth, height, _] = shape.size;
        let run = TAPS * x.1;
        let mut sums = Aligned::zeros(TILE * run * columns);
        let cut = Cut::new(shape);
        let mut inputs = InputTiles::new(x.1, cut);
        let mut grads = GradTiles::new(columns, grad.1, cut);
        let pairs = depth.div_ceil(Self::PLANES);
        let mut starts = Vec::with_capacity(cut.tiles);
        for pair in slabs.clone() {
            let place = [pair / pairs, pair % pairs * Self::PLANES, 0];
            for strip in cut.strips(shape, place, height) {
                inputs.take::<S>(x, shape, strip);
                grads.take::<S>(grad, outs.clone(), shape, strip);
                starts.clear();
                starts.extend(grads.tile_starts(strip).zip(inputs.tile_starts(strip)));
                for (point, sums) in sums.chunks_exact_mut(run * columns).enumerate() {
                    let pairs = RowPairs {
                        inputs: inputs.of_point(point),
                        channels: x.1,
                        grads: grads.of_point(point),
                        starts: &starts,
                        width: strip.width,
                    };
                    pairs.add::<S, V>(sums, run);
                }
            }
        }
        taps::<S>(&sums, run * columns)
    }
}

/// The gradients of the taps, `[TAPS, TAPS, length]`, from the sums of products, `[TILE, length]`; the length is one of whole
/// registers.
#[inline(always)]
fn taps<S: Simd>(sums: &[f32], length: usize) -> Vec<f32> {
    let mut out = vec![0.0; TAPS * TAPS * length];
    let lanes = Register::<S>::COUNT;
    let mut at = 0;
    while at + lanes <= length {
        let tile = gradient_of_taps::<Register<S>>(read_points(sums, length, at));
        write_rows(&mut out, length, at, &tile);
        at += lanes;
    }
    out
}
