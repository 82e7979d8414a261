//! The convolution kernel: one thread makes a block of positions times a block of out channels.
//!
//! Per input channel and plane of taps a thread reads the rows it needs once and uses each number for every tap that
//! meets it, so a block of `rows * columns` positions costs `(rows + 2) (columns + 2)` inputs instead of nine times
//! `rows * columns`. On a GPU the workgroup first copies its inputs, with their halo, and the weights to shared
//! memory; on a processor that plays a GPU, where barriers are dear and registers spill to the first cache, the
//! threads read global memory and their blocks are large.

use crate::kernels::gpu::conv3d_place::{Place, Volume, place, read_sums, write_sums};
use crate::kernels::gpu::tiling::Tiling;
use cubecl::prelude::*;

/// Convolves `input` `[batch, depth, height, width, channels]` with packed weights, see
/// [`pack_weights`](super::weights::pack_weights), into `output`, or adds to it.
#[cube(launch)]
pub(super) fn conv3d_kernel<F: Float, I: Size, O: Size>(
    input: &[Vector<F, I>],
    weights: &[Vector<f32, Const<4>>],
    output: &mut [Vector<F, O>],
    volume: Volume,
    #[comptime] t: Tiling,
    #[define(F)] _dtype: ElemType,
) {
    if CUBE_POS >= volume.blocks {
        terminate!();
    }
    let at = place(&volume, t);
    let lanes = I::value().comptime();
    let taps = comptime!(t.kernel * t.kernel);
    let pad = comptime!(t.kernel / 2);
    // Columns of taps taken together. From shared memory one at a time, which needs few registers.
    let tap_columns = comptime!(if t.staged { 1 } else { t.kernel });
    let wide = comptime!(t.columns + tap_columns - 1);
    let high = comptime!(t.rows + t.kernel - 1);
    let outs = comptime!(t.outs / 4);

    let mut sums = Array::<Vector<f32, Const<4>>>::new(comptime!(t.rows * t.columns * outs));
    let mut tile = Array::<Vector<f32, I>>::new(comptime!(high * wide));
    let mut factors = Array::<Vector<f32, Const<4>>>::new(comptime!(t.kernel * tap_columns * outs));

    let halo_x = comptime!(t.width() + t.kernel - 1);
    let halo_y = comptime!(t.height() + t.kernel - 1);
    let halo = comptime!(halo_x * halo_y * (t.units_z + t.kernel - 1));
    let staged_weights = comptime!(lanes * taps * t.channels() / 4);
    let mut shared_input =
        Shared::<[Vector<f32, I>]>::new_slice(comptime!(if t.staged { halo } else { 1 }));
    let mut shared_weights = Shared::<[Vector<f32, Const<4>>]>::new_slice(comptime!(if t.staged {
        staged_weights
    } else {
        1
    }));

    if comptime!(t.accumulate) {
        read_sums::<F, O>(output, &mut sums, &at, &volume, t);
    }

    for c in 0..volume.inputs {
        if comptime!(t.staged) {
            let base_z = at.z - at.local_z;
            let base_y = at.y - at.local_y;
            let base_x = at.x - at.local_x;
            for i in range_stepped(UNIT_POS as usize, halo, comptime!(t.units())) {
                let x = base_x + i % halo_x - pad;
                let y = base_y + i / halo_x % halo_y - pad;
                let z = base_z + i / comptime!(halo_x * halo_y) - pad;
                let inside = z < volume.depth && y < volume.height && x < volume.width;
                let index = ((at.batch * volume.depth + z) * volume.height + y) * volume.width + x;
                let index = select(inside, index * volume.inputs + c, 0usize);
                let value = Vector::<f32, I>::cast_from(input[index]);
                shared_input[i] = select(inside, value, Vector::<f32, I>::new(0.0));
            }
        }
        for tap_z in 0..t.kernel {
            // Weights of this channel and plane of taps.
            let plane = (tap_z * volume.inputs + c) * comptime!(lanes * taps) * volume.packed;
            if comptime!(t.staged) {
                if tap_z > 0 {
                    sync_cube();
                }
                let width = comptime!(t.channels() / 4);
                let first = at.out - at.local_out;
                for i in range_stepped(UNIT_POS as usize, staged_weights, comptime!(t.units())) {
                    shared_weights[i] =
                        weights[plane + i / width * volume.packed + first + i % width];
                }
                sync_cube();
            }
            #[unroll]
            for first_tap in range_stepped(0, t.kernel, tap_columns) {
                if comptime!(t.staged) {
                    let start = ((at.local_z + tap_z) * halo_y + at.local_y) * halo_x + at.local_x;
                    #[unroll]
                    for row in 0..high {
                        #[unroll]
                        for column in 0..wide {
                            tile[row * wide + column] =
                                shared_input[start + row * halo_x + column + first_tap];
                        }
                    }
                } else {
                    read_tile::<F, I>(input, &mut tile, &at, &volume, tap_z, c, wide, t);
                }
                #[unroll]
                for lane in 0..lanes {
                    #[unroll]
                    for tap_y in 0..t.kernel {
                        #[unroll]
                        for tap_x in 0..tap_columns {
                            let tap = lane * taps + tap_y * t.kernel + first_tap + tap_x;
                            #[unroll]
                            for out in 0..outs {
                                factors[(tap_y * tap_columns + tap_x) * outs + out] =
                                    if comptime!(t.staged) {
                                        shared_weights
                                            [tap * (t.channels() / 4) + at.local_out + out]
                                    } else {
                                        weights[plane + tap * volume.packed + at.out + out]
                                    };
                            }
                        }
                    }
                    multiply::<I>(&tile, &factors, &mut sums, lane, wide, tap_columns, t);
                }
            }
        }
        if comptime!(t.staged) {
            sync_cube();
        }
    }
    write_sums::<F, O>(output, &sums, &at, &volume, t);
}

/// Reads a thread's inputs of one plane of taps from global memory; zeros outside the volume.
#[cube]
fn read_tile<F: Float, I: Size>(
    input: &[Vector<F, I>],
    tile: &mut Array<Vector<f32, I>>,
    at: &Place,
    volume: &Volume,
    tap_z: usize,
    channel: usize,
    #[comptime] wide: usize,
    #[comptime] t: Tiling,
) {
    let pad = comptime!(t.kernel / 2);
    let z = at.z + tap_z - pad;
    let in_z = z < volume.depth;
    let plane_start = (at.batch * volume.depth + z) * volume.height;
    #[unroll]
    for row in 0..comptime!(t.rows + t.kernel - 1) {
        let y = at.y + row - pad;
        let in_row = in_z && y < volume.height;
        let row_start = (plane_start + y) * volume.width;
        #[unroll]
        for column in 0..wide {
            let x = at.x + column - pad;
            let inside = in_row && x < volume.width;
            let index = (row_start + x) * volume.inputs + channel;
            let value = Vector::<f32, I>::cast_from(input[select(inside, index, 0usize)]);
            tile[row * wide + column] = select(inside, value, Vector::<f32, I>::new(0.0));
        }
    }
}

/// Adds the products of one input channel with some columns of a plane of taps.
#[cube]
fn multiply<I: Size>(
    tile: &Array<Vector<f32, I>>,
    factors: &Array<Vector<f32, Const<4>>>,
    sums: &mut Array<Vector<f32, Const<4>>>,
    #[comptime] lane: usize,
    #[comptime] wide: usize,
    #[comptime] tap_columns: usize,
    #[comptime] t: Tiling,
) {
    let outs = comptime!(t.outs / 4);
    #[unroll]
    for row in 0..t.rows {
        #[unroll]
        for column in 0..t.columns {
            #[unroll]
            for out in 0..outs {
                // All taps of one sum after another: it stays in a register meanwhile.
                let index = comptime!((row * t.columns + column) * outs + out);
                let mut sum = sums[index];
                #[unroll]
                for tap_y in 0..t.kernel {
                    #[unroll]
                    for tap_x in 0..tap_columns {
                        let value = tile[comptime!((row + tap_y) * wide + column + tap_x)];
                        let factor = factors[comptime!((tap_y * tap_columns + tap_x) * outs + out)];
                        sum = fma(Vector::new(value.extract(lane)), factor, sum);
                    }
                }
                sums[index] = sum;
            }
        }
    }
}
