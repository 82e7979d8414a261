//! The convolution kernel: one thread makes a block of positions times a block of out channels.
//!
//! Per input channel and plane of taps a thread reads the rows it needs once and uses each number for every tap that
//! meets it, so a block of `rows * columns` positions costs `(rows + 2) (columns + 2)` inputs instead of nine times
//! `rows * columns`. On a GPU the workgroup first copies its inputs, with their halo, and the weights to shared
//! memory; on a processor that plays a GPU, where barriers are dear and registers spill to the first cache, the
//! threads read global memory and their blocks are large.

use crate::kernels::gpu::tiling::Tiling;
use cubecl::prelude::*;

/// What the kernel has to know of the tensors.
#[derive(CubeLaunch, CubeType)]
pub(super) struct Volume {
    pub(super) depth: usize,
    pub(super) height: usize,
    pub(super) width: usize,
    /// Input channels in vectors.
    pub(super) inputs: usize,
    /// Output channels.
    pub(super) outputs: usize,
    /// Output channels of the packed weights in vectors of four.
    pub(super) packed: usize,
    /// Workgroups along depth, height, width and output channels, and in all.
    pub(super) blocks_z: usize,
    pub(super) blocks_y: usize,
    pub(super) blocks_x: usize,
    pub(super) blocks_o: usize,
    pub(super) blocks: usize,
}

/// Where a thread works.
#[derive(CubeType)]
struct Place {
    batch: usize,
    /// The first position.
    z: usize,
    y: usize,
    x: usize,
    /// The first position relative to the workgroup's.
    local_z: usize,
    local_y: usize,
    local_x: usize,
    /// The first vector of output channels, of all and of the workgroup's.
    out: usize,
    local_out: usize,
}

#[cube]
fn place(volume: &Volume, #[comptime] t: Tiling) -> Place {
    let unit = UNIT_POS as usize;
    let local_x = unit % t.units_x * t.columns;
    let local_y = unit / t.units_x % t.units_y * t.rows;
    let local_z = unit / comptime!(t.units_x * t.units_y) % t.units_z;
    let local_out = unit / comptime!(t.units_x * t.units_y * t.units_z) * comptime!(t.outs / 4);
    let block = CUBE_POS;
    let x = block % volume.blocks_x * comptime!(t.width()) + local_x;
    let block = block / volume.blocks_x;
    let y = block % volume.blocks_y * comptime!(t.height()) + local_y;
    let block = block / volume.blocks_y;
    let z = block % volume.blocks_z * comptime!(t.units_z) + local_z;
    let block = block / volume.blocks_z;
    let out = block % volume.blocks_o * comptime!(t.channels() / 4) + local_out;
    let batch = block / volume.blocks_o;
    Place {
        batch,
        z,
        y,
        x,
        local_z,
        local_y,
        local_x,
        out,
        local_out,
    }
}

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
    let wide = comptime!(t.columns + t.kernel - 1);
    let high = comptime!(t.rows + t.kernel - 1);
    let outs = comptime!(t.outs / 4);

    let mut sums = Array::<Vector<f32, Const<4>>>::new(comptime!(t.rows * t.columns * outs));
    let mut tile = Array::<Vector<f32, I>>::new(comptime!(high * wide));
    let mut factors = Array::<Vector<f32, Const<4>>>::new(comptime!(taps * outs));

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
                let start = ((at.local_z + tap_z) * halo_y + at.local_y) * halo_x + at.local_x;
                #[unroll]
                for row in 0..high {
                    #[unroll]
                    for column in 0..wide {
                        tile[row * wide + column] = shared_input[start + row * halo_x + column];
                    }
                }
            } else {
                let z = at.z + tap_z - pad;
                let in_z = z < volume.depth;
                let plane_start = (at.batch * volume.depth + z) * volume.height;
                #[unroll]
                for row in 0..high {
                    let y = at.y + row - pad;
                    let in_row = in_z && y < volume.height;
                    let row_start = (plane_start + y) * volume.width;
                    #[unroll]
                    for column in 0..wide {
                        let x = at.x + column - pad;
                        let inside = in_row && x < volume.width;
                        let index = (row_start + x) * volume.inputs + c;
                        let value =
                            Vector::<f32, I>::cast_from(input[select(inside, index, 0usize)]);
                        tile[row * wide + column] =
                            select(inside, value, Vector::<f32, I>::new(0.0));
                    }
                }
            }
            #[unroll]
            for lane in 0..lanes {
                #[unroll]
                for tap in 0..taps {
                    #[unroll]
                    for out in 0..outs {
                        factors[tap * outs + out] = if comptime!(t.staged) {
                            shared_weights
                                [(lane * taps + tap) * (t.channels() / 4) + at.local_out + out]
                        } else {
                            weights[plane + (lane * taps + tap) * volume.packed + at.out + out]
                        };
                    }
                }
                multiply::<I>(&tile, &factors, &mut sums, lane, t);
            }
        }
        if comptime!(t.staged) {
            sync_cube();
        }
    }
    write_sums::<F, O>(output, &sums, &at, &volume, t);
}

/// Adds the products of one input channel and one plane of taps.
#[cube]
fn multiply<I: Size>(
    tile: &Array<Vector<f32, I>>,
    factors: &Array<Vector<f32, Const<4>>>,
    sums: &mut Array<Vector<f32, Const<4>>>,
    #[comptime] lane: usize,
    #[comptime] t: Tiling,
) {
    let wide = comptime!(t.columns + t.kernel - 1);
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
                    for tap_x in 0..t.kernel {
                        let value = tile[comptime!((row + tap_y) * wide + column + tap_x)];
                        let factor = factors[comptime!((tap_y * t.kernel + tap_x) * outs + out)];
                        sum = fma(Vector::new(value.extract(lane)), factor, sum);
                    }
                }
                sums[index] = sum;
            }
        }
    }
}

/// Index of the first output channel of a thread at a position of its block.
#[cube]
fn output_index(at: &Place, volume: &Volume, row: usize, column: usize) -> usize {
    let index = ((at.batch * volume.depth + at.z) * volume.height + at.y + row) * volume.width;
    (index + at.x + column) * volume.outputs + at.out * 4
}

#[cube]
fn read_sums<F: Float, O: Size>(
    output: &mut [Vector<F, O>],
    sums: &mut Array<Vector<f32, Const<4>>>,
    at: &Place,
    volume: &Volume,
    #[comptime] t: Tiling,
) {
    let outs = comptime!(t.outs / 4);
    let vector = O::value().comptime();
    #[unroll]
    for row in 0..t.rows {
        #[unroll]
        for column in 0..t.columns {
            let inside =
                at.z < volume.depth && at.y + row < volume.height && at.x + column < volume.width;
            let start = output_index(at, volume, row, column);
            #[unroll]
            for out in 0..outs {
                let mut sum = Vector::<f32, Const<4>>::new(0.0);
                #[unroll]
                for part in 0..comptime!(4 / vector) {
                    let channel = comptime!(out * 4 + part * vector);
                    let read = inside && at.out * 4 + channel < volume.outputs;
                    let index = select(read, (start + channel) / vector, 0usize);
                    let value = output[index];
                    #[unroll]
                    for lane in 0..vector {
                        sum.insert(
                            comptime!(part * vector + lane),
                            f32::cast_from(value.extract(lane)),
                        );
                    }
                }
                sums[comptime!((row * t.columns + column) * outs + out)] = sum;
            }
        }
    }
}

#[cube]
fn write_sums<F: Float, O: Size>(
    output: &mut [Vector<F, O>],
    sums: &Array<Vector<f32, Const<4>>>,
    at: &Place,
    volume: &Volume,
    #[comptime] t: Tiling,
) {
    let outs = comptime!(t.outs / 4);
    let vector = O::value().comptime();
    #[unroll]
    for row in 0..t.rows {
        #[unroll]
        for column in 0..t.columns {
            let inside =
                at.z < volume.depth && at.y + row < volume.height && at.x + column < volume.width;
            let start = output_index(at, volume, row, column);
            #[unroll]
            for out in 0..outs {
                let sum = sums[comptime!((row * t.columns + column) * outs + out)];
                #[unroll]
                for part in 0..comptime!(4 / vector) {
                    let channel = comptime!(out * 4 + part * vector);
                    if inside && at.out * 4 + channel < volume.outputs {
                        let mut value = Vector::<F, O>::empty();
                        #[unroll]
                        for lane in 0..vector {
                            let part = sum.extract(comptime!(part * vector + lane));
                            value.insert(lane, F::cast_from(part));
                        }
                        output[(start + channel) / vector] = value;
                    }
                }
            }
        }
    }
}
