//! Matrix products of batches of matrices, either of them transposed, with long inner axes cut into chunks.
//!
//! burn 0.22.1 picks its WGSL kernels without measuring unless it is built to tune: on an H200 they reach 20 TFLOP/s for
//! large square matrices and 0.8 to 4 at a transformer's shapes (`benches/NOTES.md`). Here a workgroup stages tiles of both matrices in
//! shared memory and each thread keeps a block of sums in registers; products too small to fill a GPU are cut along the
//! inner axis, and the parts are added in a fixed order.

use crate::kernels::gpu::launch::{Machine, blocks, empty_f32, empty_like, storage, vector};
use crate::kernels::gpu::matmul_kernel::{
    Columns, DEPTH, ExtentLaunch, OperandLaunch, TILE, Tiling, UNITS, matmul_kernel,
};
use crate::kernels::gpu::sum::add_runs;
use burn::tensor::DType;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::{ElemType, FloatKind};
use cubecl::prelude::*;

/// Workgroups that fill a large GPU: below, the inner axis is cut.
const BUSY: usize = 512;
/// The shortest and the longest chunk of the inner axis; longer sums of f32 lose digits.
const SHORTEST: usize = 128;
const LONGEST: usize = 8192;
/// The most bytes of all chunks' sums, unless digits ask for more chunks.
const PARTIAL_BYTES: usize = 64 << 20;

/// Whether [`matmul`] is the better choice for a tensor's device and type: not where a processor plays the GPU and
/// barriers are dear, nor for f16 where burn's kernels reach matrix units.
pub(crate) fn prefers_own_matmul(tensor: &CubeTensor) -> bool {
    let units = &tensor.client.properties().features.matmul.cmma;
    let half = cfg!(feature = "spirv") && tensor.dtype != DType::F32 && !units.is_empty();
    !Machine::of(tensor).is_processor() && !half
}

/// How a product is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Rows of a thread, 4 or 8.
    pub(crate) rows: usize,
    /// Chunks of the inner axis.
    pub(crate) chunks: usize,
}

impl Cut {
    /// The cut of `batch` products `[m, k]` by `[k, n]`.
    pub(super) fn of(batch: usize, m: usize, n: usize, k: usize) -> Self {
        let tiles = |rows: usize| batch * m.div_ceil(TILE * rows / 4) * n.div_ceil(TILE);
        let rows = if tiles(8) >= BUSY / 2 { 8 } else { 4 };
        let wanted = (BUSY / tiles(rows).max(1)).min(k / SHORTEST);
        let fitting = PARTIAL_BYTES / 4 / (batch * m * n).max(1);
        let chunks = wanted.min(fitting).max(k.div_ceil(LONGEST)).max(1);
        Cut { rows, chunks }
    }
}

/// `a` `[.., m, k]` times `b` `[.., k, n]`: `[.., m, n]` in the operands' type, f32 or f16, summed in f32. Where
/// `transposed` says so, an operand's last two axes are given the other way round.
pub(crate) fn matmul(a: CubeTensor, b: CubeTensor, transposed: [bool; 2]) -> CubeTensor {
    let [batch, m, n, k] = sizes(&a, &b, transposed);
    matmul_cut(a, b, transposed, Cut::of(batch, m, n, k))
}

/// [`matmul`] with a given cut.
pub(crate) fn matmul_cut(
    a: CubeTensor,
    b: CubeTensor,
    transposed: [bool; 2],
    cut: Cut,
) -> CubeTensor {
    let [batch, m, n, k] = sizes(&a, &b, transposed);
    let [a_transposed, b_transposed] = transposed;
    let [a, b] = [a, b].map(into_contiguous);
    let chunk = k.div_ceil(cut.chunks).next_multiple_of(DEPTH).max(DEPTH);
    let chunks = k.div_ceil(chunk).max(1);
    let mut shape = a.meta.shape().to_vec();
    let rank = shape.len();
    shape[rank - 2] = m;
    shape[rank - 1] = n;
    let tiling = Tiling {
        rows: cut.rows,
        a: Columns::of(a_transposed),
        b: Columns::of(!b_transposed),
    };
    let (tiles_m, tiles_n) = (m.div_ceil(TILE * cut.rows / 4), n.div_ceil(TILE));
    let all = batch * chunks * tiles_m * tiles_n;
    let whole = chunks == 1;
    let output = if whole {
        empty_like(&a, shape.clone())
    } else {
        empty_f32(&a, [chunks, batch * m * n])
    };
    let (client, dtype, stored) = (a.client.clone(), a.dtype, storage(&a));
    let written = if whole {
        stored
    } else {
        ElemType::Float(FloatKind::F32)
    };
    let lanes = |columns: Columns, across: usize| match columns {
        Columns::Together => vector(across),
        Columns::Apart => 1,
    };
    let operand = |columns: Columns, across: usize| {
        let lanes = lanes(columns, across);
        let stride = match columns {
            Columns::Together => across / lanes,
            Columns::Apart => k,
        };
        OperandLaunch::new(stride, across * k / lanes, across)
    };
    matmul_kernel::launch(
        &client,
        blocks(all),
        CubeDim::new_1d(UNITS as u32),
        lanes(tiling.a, m),
        lanes(tiling.b, n),
        vector(n),
        a.into_buffer_arg(),
        b.into_buffer_arg(),
        output.clone().into_buffer_arg(),
        operand(tiling.a, m),
        operand(tiling.b, n),
        ExtentLaunch::new(batch, k, chunk, tiles_m, tiles_n, all),
        tiling,
        stored,
        written,
    );
    if whole {
        return output;
    }
    let sum = burn_cubecl::ops::reshape(add_runs(output, 1, chunks, batch * m * n), shape.into());
    match dtype {
        DType::F32 => sum,
        _ => burn_cubecl::kernel::cast(sum, dtype),
    }
}

/// Matrices, rows, columns and inner numbers of a product.
fn sizes(a: &CubeTensor, b: &CubeTensor, [a_transposed, b_transposed]: [bool; 2]) -> [usize; 4] {
    let (a, b) = (a.meta.shape(), b.meta.shape());
    let rank = a.num_dims();
    let batch = a.iter().take(rank - 2).product();
    let (rows, inner) = (a[rank - 2], a[rank - 1]);
    let (m, k) = if a_transposed {
        (inner, rows)
    } else {
        (rows, inner)
    };
    let n = b[rank - 1 - usize::from(b_transposed)];
    [batch, m, n, k]
}
