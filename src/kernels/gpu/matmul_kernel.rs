//! The kernel of the matrix product.

use cubecl::prelude::*;

/// Threads of a workgroup: 16 along the rows of the result, 16 along its columns.
pub(super) const UNITS: usize = SIDE * SIDE;
const SIDE: usize = 16;
/// Columns of a workgroup; a thread makes four of them and four or eight rows.
pub(super) const TILE: usize = 4 * SIDE;
/// Inner numbers staged at a time.
pub(super) const DEPTH: usize = 16;

/// How an operand's numbers that meet the same inner index lie in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Columns {
    /// Side by side: the inner axis is the slower one.
    Together,
    /// Each in a run of inner numbers of its own.
    Apart,
}

impl Columns {
    /// How they lie.
    pub(super) fn of(together: bool) -> Self {
        if together {
            Columns::Together
        } else {
            Columns::Apart
        }
    }
}

/// The shape of the work; every value compiles its own kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Tiling {
    /// Rows of a thread, 4 or 8.
    pub(super) rows: usize,
    /// How the operands lie.
    pub(super) a: Columns,
    pub(super) b: Columns,
}

/// An operand, in its vectors.
#[derive(CubeLaunch, CubeType)]
pub(super) struct Operand {
    /// From one run of the faster axis to the next.
    pub(super) stride: usize,
    /// From one matrix to the next.
    pub(super) matrix: usize,
    /// Numbers of the result along this operand's own axis.
    pub(super) across: usize,
}

/// Sizes of the whole product.
#[derive(CubeLaunch, CubeType)]
pub(super) struct Extent {
    /// Matrices.
    pub(super) batch: usize,
    /// Inner numbers, of all and of a chunk.
    pub(super) inner: usize,
    pub(super) chunk: usize,
    /// Workgroups along rows and columns, and in all.
    pub(super) tiles_m: usize,
    pub(super) tiles_n: usize,
    pub(super) blocks: usize,
}

/// `[chunk, batch, m, n]`, the sums over each chunk of the inner axis.
#[cube(launch)]
pub(super) fn matmul_kernel<F: Float, G: Float, A: Size, B: Size, O: Size>(
    first: &[Vector<F, A>],
    second: &[Vector<F, B>],
    output: &mut [Vector<G, O>],
    of_a: Operand,
    of_b: Operand,
    extent: Extent,
    #[comptime] t: Tiling,
    #[define(F)] _dtype: ElemType,
    #[define(G)] _written: ElemType,
) {
    if CUBE_POS >= extent.blocks {
        terminate!();
    }
    let slots = comptime!(t.rows / 4);
    let tile_n = CUBE_POS % extent.tiles_n;
    let rest = CUBE_POS / extent.tiles_n;
    let tile_m = rest % extent.tiles_m;
    let rest = rest / extent.tiles_m;
    let batch = rest % extent.batch;
    let chunk = rest / extent.batch;
    let first_m = tile_m * comptime!(SIDE * t.rows);
    let first_n = tile_n * TILE;
    let from = chunk * extent.chunk;
    let to = min(from + extent.chunk, extent.inner);
    let unit = UNIT_POS as usize;
    let (row, column) = (unit / SIDE, unit % SIDE);

    // One more vector a line, so that lines begin in different banks.
    let line_a = comptime!(SIDE * slots + 1);
    let line_b = comptime!(SIDE + 1);
    let mut shared_a = Shared::<[Vector<f32, Const<4>>]>::new_slice(comptime!(DEPTH * line_a));
    let mut shared_b = Shared::<[Vector<f32, Const<4>>]>::new_slice(comptime!(DEPTH * line_b));
    let mut next_a = Array::<Vector<f32, Const<4>>>::new(slots);
    let mut next_b = Array::<Vector<f32, Const<4>>>::new(1usize);
    let mut sums = Array::<Vector<f32, Const<4>>>::new(t.rows);
    #[unroll]
    for i in 0..t.rows {
        sums[i] = Vector::new(0.0);
    }

    let at = Place {
        start_a: batch * of_a.matrix,
        start_b: batch * of_b.matrix,
        first_m,
        first_n,
        end: to,
    };
    read_both::<F, A, B>(
        first,
        second,
        &mut next_a,
        &mut next_b,
        &of_a,
        &of_b,
        &at,
        from,
        t,
    );
    for k in range_stepped(from, to, DEPTH) {
        sync_cube();
        stage(&mut shared_a, &next_a, slots, t.a);
        stage(&mut shared_b, &next_b, 1usize, t.b);
        sync_cube();
        // Read ahead: memory answers while the products are formed.
        if k + DEPTH < to {
            read_both::<F, A, B>(
                first,
                second,
                &mut next_a,
                &mut next_b,
                &of_a,
                &of_b,
                &at,
                k + DEPTH,
                t,
            );
        }
        #[unroll]
        for depth in 0..DEPTH {
            let factor = shared_b[depth * line_b + column];
            #[unroll]
            for slot in 0..slots {
                let values = shared_a[depth * line_a + slot * SIDE + row];
                #[unroll]
                for lane in 0..4usize {
                    let i = comptime!(slot * 4 + lane);
                    sums[i] = fma(Vector::new(values.extract(lane)), factor, sums[i]);
                }
            }
        }
    }

    let matrix = chunk * extent.batch + batch;
    let lanes = O::value().comptime();
    let n = first_n + column * 4;
    #[unroll]
    for i in 0..t.rows {
        let m = first_m + comptime!(i / 4 * TILE) + row * 4 + comptime!(i % 4);
        if m < of_a.across {
            let start = (matrix * of_a.across + m) * of_b.across + n;
            #[unroll]
            for part in 0..comptime!(4 / lanes) {
                if n + comptime!(part * lanes) < of_b.across {
                    let mut value = Vector::<G, O>::empty();
                    #[unroll]
                    for lane in 0..lanes {
                        let number = sums[i].extract(comptime!(part * lanes + lane));
                        value.insert(lane, G::cast_from(number));
                    }
                    output[(start + comptime!(part * lanes)) / lanes] = value;
                }
            }
        }
    }
}

/// Where a workgroup reads.
#[derive(CubeType)]
struct Place {
    /// The first vector of its matrices.
    start_a: usize,
    start_b: usize,
    /// The first row and column of the result.
    first_m: usize,
    first_n: usize,
    /// Where its chunk of the inner axis ends.
    end: usize,
}

/// Reads a thread's share of the next inner numbers of both operands.
#[cube]
fn read_both<F: Float, A: Size, B: Size>(
    first: &[Vector<F, A>],
    second: &[Vector<F, B>],
    next_a: &mut Array<Vector<f32, Const<4>>>,
    next_b: &mut Array<Vector<f32, Const<4>>>,
    of_a: &Operand,
    of_b: &Operand,
    at: &Place,
    inner: usize,
    #[comptime] t: Tiling,
) {
    let slots = comptime!(t.rows / 4);
    read::<F, A>(
        first, next_a, of_a, at.start_a, at.first_m, inner, at.end, slots, t.a,
    );
    read::<F, B>(
        second, next_b, of_b, at.start_b, at.first_n, inner, at.end, 1usize, t.b,
    );
}

/// Which vector of a line a thread stages in a slot, and in which line. Neighbours read neighbouring memory.
#[cube]
fn place(slot: usize, #[comptime] slots: usize, #[comptime] columns: Columns) -> (usize, usize) {
    let index = UNIT_POS as usize + slot * UNITS;
    let width = comptime!(SIDE * slots);
    if comptime!(columns == Columns::Apart) {
        (index / DEPTH, index % DEPTH)
    } else {
        (index % width, index / width)
    }
}

/// Reads a thread's share of `DEPTH` inner numbers from `inner` on; zeros outside the matrix and from `end` on.
#[cube]
fn read<F: Float, N: Size>(
    x: &[Vector<F, N>],
    values: &mut Array<Vector<f32, Const<4>>>,
    of: &Operand,
    start: usize,
    first: usize,
    inner: usize,
    end: usize,
    #[comptime] slots: usize,
    #[comptime] columns: Columns,
) {
    let lanes = N::value().comptime();
    #[unroll]
    for slot in 0..slots {
        let (vector, depth) = place(slot, slots, columns);
        let k = inner + depth;
        let across = first + vector * 4;
        let mut value = Vector::<f32, Const<4>>::new(0.0);
        if comptime!(lanes == 4) {
            let inside = k < end && across < of.across;
            let index = start + k * of.stride + across / 4;
            let found = x[select(inside, index, 0usize)];
            #[unroll]
            for lane in 0..lanes {
                value.insert(
                    lane,
                    select(inside, f32::cast_from(found.extract(lane)), 0.0f32),
                );
            }
        } else {
            #[unroll]
            for lane in 0..4usize {
                let inside = k < end && across + lane < of.across;
                let index = if comptime!(columns == Columns::Apart) {
                    start + (across + lane) * of.stride + k
                } else {
                    start + k * of.stride + across + lane
                };
                let found = f32::cast_from(x[select(inside, index, 0usize)].extract(0usize));
                value.insert(lane, select(inside, found, 0.0f32));
            }
        }
        values[slot] = value;
    }
}

/// Puts what a thread has read where the workgroup finds it.
#[cube]
fn stage(
    shared: &mut Shared<[Vector<f32, Const<4>>]>,
    values: &Array<Vector<f32, Const<4>>>,
    #[comptime] slots: usize,
    #[comptime] columns: Columns,
) {
    #[unroll]
    for slot in 0..slots {
        let (vector, depth) = place(slot, slots, columns);
        shared[depth * comptime!(SIDE * slots + 1) + vector] = values[slot];
    }
}
