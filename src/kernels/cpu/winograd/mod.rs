//! Convolution of kernel edge 3 with fewer multiplications: Winograd's minimal filtering F(2 x 2, 3 x 3) along depth and
//! height, plain taps along the width (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016).
//!
//! Four rows of inputs along an axis give two of outputs with 4 products in place of 6, so a tile of 4 x 4 rows takes 16
//! row products where the taps take 36. The transforms add and subtract rows, whatever the channels, and each row product
//! is the same matrix product as that of the direct kernel.
//!
//! All constants are 1 and 1/2, and sums are shorter, so errors are about those of the direct kernel, but relative to the
//! largest number of a tile. A number that is not finite spreads over the tiles that it touches, and in the weight gradient
//! over the taps of its channels.

mod forward;
mod grad;
mod input;
mod kernel;
mod points;
mod weight_gradient;

pub(super) use forward::forward;
pub(super) use weight_gradient::Winograd;

use super::shape::ConvShape;

/// Transformed rows along one axis.
const POINTS: usize = 4;

/// Transformed rows of a tile, `[depth, height]`.
const TILE: usize = POINTS * POINTS;

/// Taps along one axis.
const TAPS: usize = 3;

/// Numbers between the transformed rows of a strip, so that the values of one tile do not all share a set of the
/// first-level cache: 2 to 4 % faster.
const GAP: usize = 16;

/// Channels below which the transforms cost more than they save.
const CHANNELS: usize = 8;

/// Positions of a strip, each of 2 x 2 outputs: few enough that transformed rows of up to 128 channels stay in the
/// second-level cache, many enough that weights are seldom read anew. 24 and 96 differ by a few percent.
const STRIP: usize = 48;

/// Whether a convolution between these channels is faster this way. It depends on the shape alone, so results do not
/// depend on the machine's threads.
pub(super) fn suits(inputs: impl IntoIterator<Item = usize>, out: usize, shape: ConvShape) -> bool {
    if shape.kernel != TAPS || shape.positions() == 0 {
        return false;
    }
    let [depth, height, _] = shape.size;
    // The direct kernel skips rows of the padding; a tile at the end of an odd axis is half wasted.
    let direct = (TAPS * depth - 2) * (TAPS * height - 2);
    let transformed = TILE * depth.div_ceil(2) * height.div_ceil(2);
    let mut channels = inputs.into_iter().chain([out]);
    // A fifth is for the transforms.
    channels.all(|channels| channels >= CHANNELS) && 5 * transformed <= 4 * direct
}

/// Tiles that are worked on together: some along the height, of two planes along the depth, and a part of their width.
#[derive(Clone, Copy)]
struct Strip {
    sample: usize,
    /// First plane of outputs.
    plane: usize,
    /// First row of outputs.
    row: usize,
    /// First position along the width.
    column: usize,
    /// Positions along the width.
    width: usize,
    /// Tiles along the height.
    tiles: usize,
}

impl Strip {
    /// Row `h` of plane `d`, both counted from `before` ahead of the first output; none outside of the sample.
    #[inline(always)]
    fn source_row<'a>(
        &self,
        x: &'a [f32],
        channels: usize,
        shape: ConvShape,
        [d, h]: [usize; 2],
        before: usize,
    ) -> Option<&'a [f32]> {
        let [depth, height, width] = shape.size;
        let d = (self.plane + d)
            .checked_sub(before)
            .filter(|d| *d < depth)?;
        let h = (self.row + h).checked_sub(before).filter(|h| *h < height)?;
        let length = width * channels;
        let row = (self.sample * depth + d) * height + h;
        x.get(row * length..(row + 1) * length)
    }
}

/// How outputs are cut into strips, by rows of the volume and parts of the width.
#[derive(Clone, Copy)]
struct Cut {
    /// Positions along the width at most.
    width: usize,
    /// Tiles along the height at most.
    tiles: usize,
}

impl Cut {
    fn new(shape: ConvShape) -> Cut {
        let [_, height, width] = shape.size;
        let width = width.clamp(1, STRIP);
        Cut {
            width,
            tiles: ((STRIP + width / 2) / width).clamp(1, height.div_ceil(2).max(1)),
        }
    }

    /// The strips of `rows` rows of a pair of planes, from a sample, plane and row on.
    fn strips(
        self,
        shape: ConvShape,
        [sample, plane, first]: [usize; 3],
        rows: usize,
    ) -> impl Iterator<Item = Strip> {
        let width = shape.size[2];
        (0..rows).step_by(2 * self.tiles).flat_map(move |row| {
            (0..width).step_by(self.width).map(move |column| Strip {
                sample,
                plane,
                row: first + row,
                column,
                width: self.width.min(width - column),
                tiles: (rows - row).div_ceil(2).min(self.tiles),
            })
        })
    }
}
