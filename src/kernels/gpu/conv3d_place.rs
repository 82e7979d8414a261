//! Where a thread of the convolution works, and its way to the output.

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
pub(super) struct Place {
    pub(super) batch: usize,
    /// The first position.
    pub(super) z: usize,
    pub(super) y: usize,
    pub(super) x: usize,
    /// The first position relative to the workgroup's.
    pub(super) local_z: usize,
    pub(super) local_y: usize,
    pub(super) local_x: usize,
    /// The first vector of output channels, of all and of the workgroup's.
    pub(super) out: usize,
    pub(super) local_out: usize,
}

/// The work of this thread.
#[cube]
pub(super) fn place(volume: &Volume, #[comptime] t: Tiling) -> Place {
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

/// Index of the first output channel of a thread at a position of its block.
#[cube]
fn output_index(at: &Place, volume: &Volume, row: usize, column: usize) -> usize {
    let index = ((at.batch * volume.depth + at.z) * volume.height + at.y + row) * volume.width;
    (index + at.x + column) * volume.outputs + at.out * 4
}

/// Starts the sums of a thread with what the output holds.
#[cube]
pub(super) fn read_sums<F: Float, O: Size>(
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

/// Writes the sums of a thread.
#[cube]
pub(super) fn write_sums<F: Float, O: Size>(
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
