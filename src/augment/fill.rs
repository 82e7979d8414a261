//! What happens to the voxels of the boxes (specification 3.3 and 3.4).
//!
//! `data` is a patch of `shape` voxels in C order; every box lies inside it.

use crate::random::RandomSource;
use crate::volume::Region;

/// Smallest and largest value of a patch; NaN is ignored.
pub(super) fn value_range(data: &[f32]) -> (f32, f32) {
    const LANES: usize = 16;
    let mut low = [f32::INFINITY; LANES];
    let mut high = [f32::NEG_INFINITY; LANES];
    let blocks = data.chunks_exact(LANES);
    let rest = blocks.remainder();
    for block in blocks {
        for lane in 0..LANES {
            low[lane] = if block[lane] < low[lane] {
                block[lane]
            } else {
                low[lane]
            };
            high[lane] = if block[lane] > high[lane] {
                block[lane]
            } else {
                high[lane]
            };
        }
    }
    (
        low.iter()
            .chain(rest)
            .copied()
            .fold(f32::INFINITY, f32::min),
        high.iter()
            .chain(rest)
            .copied()
            .fold(f32::NEG_INFINITY, f32::max),
    )
}

/// In-painting: fills every box with noise in `range`, one number for every voxel.
pub(super) fn inpaint(
    random: &mut impl RandomSource,
    data: &mut [f32],
    shape: [usize; 3],
    boxes: &[Region],
    range: (f32, f32),
) {
    for region in boxes {
        for row in region.row_starts(shape) {
            random.fill_uniform(range.0, range.1, &mut data[row..row + region.size[2]]);
        }
    }
}

/// Out-painting: fills `out` with noise in `range` and copies the boxes from `original` into it.
pub(super) fn outpaint(
    random: &mut impl RandomSource,
    original: &[f32],
    out: &mut [f32],
    shape: [usize; 3],
    boxes: &[Region],
    range: (f32, f32),
) {
    random.fill_uniform(range.0, range.1, out);
    for region in boxes {
        for row in region.row_starts(shape) {
            let row = row..row + region.size[2];
            out[row.clone()].copy_from_slice(&original[row]);
        }
    }
}

/// Local shuffling: permutes the voxels of every box, one box after the other.
pub(super) fn shuffle(
    random: &mut impl RandomSource,
    data: &mut [f32],
    shape: [usize; 3],
    boxes: &[Region],
) {
    let mut values = Vec::new();
    for region in boxes {
        values.clear();
        for row in region.row_starts(shape) {
            values.extend_from_slice(&data[row..row + region.size[2]]);
        }
        random.shuffle(&mut values);
        let shuffled = values.chunks_exact(region.size[2]);
        for (row, values) in region.row_starts(shape).zip(shuffled) {
            data[row..row + region.size[2]].copy_from_slice(values);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_is_that_of_all_values_whatever_their_number() {
        for count in [1, 15, 16, 17, 40] {
            for at in 0..count {
                let mut data = vec![0.5; count];
                data[at] = 2.0;
                assert_eq!(value_range(&data).1, 2.0, "{at} of {count}");
                data[at] = -1.0;
                assert_eq!(value_range(&data).0, -1.0, "{at} of {count}");
            }
        }
    }
}
