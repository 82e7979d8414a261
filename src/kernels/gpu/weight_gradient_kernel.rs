//! Kernels of the convolution's weight gradient.
//!
//! A thread owns a few taps, input channels and output channels, and walks along rows of positions with their sums in
//! registers: each number of the input meets every output channel of the thread, each number of the gradient every
//! tap. Threads of different chunks of rows share nothing; their sums are added in a fixed order afterwards.

use cubecl::prelude::*;

/// The shape of a thread's work; every value compiles its own kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct GradientTiling {
    /// Edge of the convolution kernel, 1 or 3.
    pub(super) kernel: usize,
    /// Rows of taps (all taps of one depth and height) of a thread.
    pub(super) tap_rows: usize,
    /// Output channels of a thread, a multiple of four.
    pub(super) outs: usize,
    /// Positions read at a time.
    pub(super) columns: usize,
    /// Whether rows of positions are whole multiples of `columns`.
    pub(super) exact: bool,
}

/// What the kernel has to know of the tensors.
#[derive(CubeLaunch, CubeType)]
pub(super) struct GradientVolume {
    pub(super) depth: usize,
    pub(super) height: usize,
    pub(super) width: usize,
    /// Input channels in vectors.
    pub(super) inputs: usize,
    /// Output channels, and their blocks of `outs`.
    pub(super) outputs: usize,
    pub(super) blocks_o: usize,
    /// Rows of positions of all volumes, and of a chunk.
    pub(super) rows: usize,
    pub(super) rows_of_chunk: usize,
    /// Threads with work.
    pub(super) threads: usize,
}

/// Sums of `x * grad` over the rows of a chunk: `[chunk, tap, input, output]`, outputs filled up to whole blocks.
#[cube(launch)]
pub(super) fn weight_gradient_kernel<F: Float, I: Size, G: Size>(
    input: &[Vector<F, I>],
    grad: &[Vector<F, G>],
    partial: &mut [Vector<f32, Const<4>>],
    volume: GradientVolume,
    #[comptime] t: GradientTiling,
    #[define(F)] _dtype: ElemType,
) {
    if ABSOLUTE_POS >= volume.threads {
        terminate!();
    }
    let lanes = I::value().comptime();
    let outs = comptime!(t.outs / 4);
    let pad = comptime!(t.kernel / 2);
    let wide = comptime!(t.columns + t.kernel - 1);
    let groups = comptime!(t.kernel * t.kernel / t.tap_rows);

    let channel = ABSOLUTE_POS % volume.inputs;
    let rest = ABSOLUTE_POS / volume.inputs;
    let block = rest % volume.blocks_o;
    let rest = rest / volume.blocks_o;
    let group = rest % groups;
    let chunk = rest / groups;
    let first_out = block * t.outs;

    let mut sums =
        Array::<Vector<f32, Const<4>>>::new(comptime!(t.tap_rows * t.kernel * lanes * outs));
    let mut values = Array::<Vector<f32, I>>::new(comptime!(t.tap_rows * wide));
    let mut grads = Array::<Vector<f32, Const<4>>>::new(comptime!(t.columns * outs));

    let first_row = chunk * volume.rows_of_chunk;
    let last_row = min(first_row + volume.rows_of_chunk, volume.rows);
    for row in first_row..last_row {
        let y = row % volume.height;
        let z = row / volume.height % volume.depth;
        for x in range_stepped(0, volume.width, t.columns) {
            #[unroll]
            for column in 0..t.columns {
                let inside = comptime!(t.exact) || x + column < volume.width;
                let at = (row * volume.width + x + column) * volume.outputs + first_out;
                read_grads::<F, G>(
                    grad,
                    &mut grads,
                    at,
                    inside,
                    volume.outputs - first_out,
                    column,
                    t,
                );
            }
            #[unroll]
            for tap_row in 0..t.tap_rows {
                let tap = group * t.tap_rows + tap_row;
                let in_y = y + tap % t.kernel - pad;
                let in_z = z + tap / t.kernel - pad;
                let in_row = in_z < volume.depth && in_y < volume.height;
                // The row of the input. Pads last: cubecl folds constants in 64 bits, and a negative one is no u32.
                let start = (row + tap / t.kernel * volume.height + tap % t.kernel
                    - (volume.height + 1) * pad)
                    * volume.width;
                #[unroll]
                for column in 0..wide {
                    let in_x = x + column - pad;
                    let inside = if comptime!(t.exact && column >= pad && column < wide - pad) {
                        in_row
                    } else {
                        in_row && in_x < volume.width
                    };
                    let index = (start + in_x) * volume.inputs + channel;
                    let value = Vector::<f32, I>::cast_from(input[select(inside, index, 0usize)]);
                    values[tap_row * wide + column] =
                        select(inside, value, Vector::<f32, I>::new(0.0));
                }
            }
            add_products::<I>(&values, &grads, &mut sums, t);
        }
    }

    let packed = volume.blocks_o * outs;
    let inputs = volume.inputs * lanes;
    let taps = comptime!(t.kernel * t.kernel * t.kernel);
    #[unroll]
    for tap_row in 0..t.tap_rows {
        #[unroll]
        for tap_x in 0..t.kernel {
            let tap = (group * t.tap_rows + tap_row) * t.kernel + tap_x;
            #[unroll]
            for lane in 0..lanes {
                let row = (chunk * taps + tap) * inputs + channel * lanes + lane;
                #[unroll]
                for out in 0..outs {
                    partial[row * packed + block * outs + out] =
                        sums[comptime!(((tap_row * t.kernel + tap_x) * lanes + lane) * outs + out)];
                }
            }
        }
    }
}

/// Reads the gradients at one position; zeros where there are none.
#[cube]
fn read_grads<F: Float, G: Size>(
    grad: &[Vector<F, G>],
    grads: &mut Array<Vector<f32, Const<4>>>,
    at: usize,
    inside: bool,
    left: usize,
    column: usize,
    #[comptime] t: GradientTiling,
) {
    let outs = comptime!(t.outs / 4);
    let vector = G::value().comptime();
    #[unroll]
    for out in 0..outs {
        if comptime!(vector == 4) {
            let read = inside && out * 4 < left;
            let index = (at + out * 4) / 4;
            let value = grad[select(read, index, 0usize)];
            let mut found = Vector::<f32, Const<4>>::new(0.0);
            #[unroll]
            for lane in 0..vector {
                found.insert(lane, f32::cast_from(value.extract(lane)));
            }
            grads[column * outs + out] = select(read, found, Vector::<f32, Const<4>>::new(0.0));
        } else {
            let mut found = Vector::<f32, Const<4>>::new(0.0);
            #[unroll]
            for lane in 0..4usize {
                let read = inside && out * 4 + lane < left;
                let index = at + out * 4 + lane;
                let value = f32::cast_from(grad[select(read, index, 0usize)].extract(0usize));
                found.insert(lane, select(read, value, 0.0f32));
            }
            grads[column * outs + out] = found;
        }
    }
}

#[cube]
fn add_products<I: Size>(
    values: &Array<Vector<f32, I>>,
    grads: &Array<Vector<f32, Const<4>>>,
    sums: &mut Array<Vector<f32, Const<4>>>,
    #[comptime] t: GradientTiling,
) {
    let lanes = I::value().comptime();
    let outs = comptime!(t.outs / 4);
    let wide = comptime!(t.columns + t.kernel - 1);
    #[unroll]
    for tap in 0..comptime!(t.tap_rows * t.kernel) {
        let first = comptime!(tap / t.kernel * wide + tap % t.kernel);
        #[unroll]
        for lane in 0..lanes {
            #[unroll]
            for out in 0..outs {
                let index = comptime!((tap * lanes + lane) * outs + out);
                let mut sum = sums[index];
                #[unroll]
                for column in 0..t.columns {
                    let value = values[comptime!(first + column)].extract(lane);
                    sum = fma(
                        Vector::new(value),
                        grads[comptime!(column * outs + out)],
                        sum,
                    );
                }
                sums[index] = sum;
            }
        }
    }
}

/// From `[tap, input, packed output]` to PyTorch's `[output, input, tap]`.
#[cube(launch)]
pub(super) fn unpack_kernel<F: Float>(
    packed: &[f32],
    weight: &mut [F],
    taps: usize,
    inputs: usize,
    width: usize,
    threads: usize,
    #[define(F)] _dtype: ElemType,
) {
    if ABSOLUTE_POS >= threads {
        terminate!();
    }
    let tap = ABSOLUTE_POS % taps;
    let rest = ABSOLUTE_POS / taps;
    let input = rest % inputs;
    let output = rest / inputs;
    weight[ABSOLUTE_POS] = F::cast_from(packed[(tap * inputs + input) * width + output]);
}
