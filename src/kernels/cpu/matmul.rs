//! Matrix products: those of burn's CPU backend, by the same library, but into memory that nobody clears and copies first.

use crate::platform::{each_chunk, spread_product};

/// Multiplications from which a product is worth more than one thread.
const SPREAD: usize = 192 * 192 * 192;

/// Multiplications from which a batch is.
const SPREAD_BATCH: usize = 128 * 128 * 128;

/// Products from which those of a batch are one thread's each, however large.
const BATCH: usize = 4;

/// Sizes of a batch of products.
#[derive(Clone, Copy, Debug)]
pub(in crate::kernels) struct ProductShape {
    /// Products.
    pub(in crate::kernels) batch: usize,
    /// Rows of the first operand, columns of the second, and what they share.
    pub(in crate::kernels) edges: [usize; 3],
    /// Whether an operand is given transposed.
    pub(in crate::kernels) transposed: [bool; 2],
}

/// `a` `[batch, m, k]` times `b` `[batch, k, n]`, either given transposed where its flag is set: `[batch, m, n]`.
///
/// # Panics
/// When an operand has another length, or the result more numbers than can be counted.
#[expect(unsafe_code, reason = "gemm takes pointers")]
pub(in crate::kernels) fn product(a: &[f32], b: &[f32], shape: ProductShape) -> Vec<f32> {
    let ProductShape {
        batch,
        edges: [m, n, k],
        transposed,
    } = shape;
    // Counted without wrapping: gemm writes wherever it is told to.
    let count = |edges: [usize; 2]| {
        let each = edges[0].checked_mul(edges[1]);
        each.and_then(|each| each.checked_mul(batch))
    };
    assert_eq!(count([m, k]), Some(a.len()), "{shape:?}");
    assert_eq!(count([k, n]), Some(b.len()), "{shape:?}");
    let total = count([m, n]);
    assert!(total.is_some(), "{shape:?}");
    let total = total.unwrap_or_default();
    if total == 0 || k == 0 {
        return vec![0.0; total];
    }
    let work = m.saturating_mul(n).saturating_mul(k);
    let by_thread = batch > 1
        && work.saturating_mul(batch) >= SPREAD_BATCH
        && (batch >= BATCH || work < SPREAD);
    let parallelism = spread_product(work >= SPREAD && !by_thread);
    // Steps to the next column and the next row.
    let steps = |columns: usize, rows: usize, transposed: bool| match transposed {
        false => [1, columns as isize],
        true => [rows as isize, 1],
    };
    let (a_steps, b_steps) = (steps(k, m, transposed[0]), steps(n, k, transposed[1]));
    let mut out: Vec<f32> = Vec::with_capacity(total);
    if m == 1 || n == 1 {
        // For a vector gemm takes the result as a slice of numbers, which must then be some.
        out.resize(total, 0.0);
        out.clear();
    }
    let chunk = if by_thread { m * n } else { total };
    each_chunk(
        &mut out.spare_capacity_mut()[..total],
        chunk,
        |index, out| {
            for (of_chunk, out) in out.chunks_exact_mut(m * n).enumerate() {
                let at = index * (chunk / (m * n)) + of_chunk;
                let (a, b) = (&a[at * m * k..][..m * k], &b[at * k * n..][..k * n]);
                // SAFETY: the slices hold m * k, k * n and m * n numbers, which is what these edges and steps reach, and the
                // result, which is not read first, overlaps neither operand.
                unsafe {
                    gemm::gemm(
                        m,
                        n,
                        k,
                        out.as_mut_ptr().cast::<f32>(),
                        1,
                        n as isize,
                        false,
                        a.as_ptr(),
                        a_steps[0],
                        a_steps[1],
                        b.as_ptr(),
                        b_steps[0],
                        b_steps[1],
                        0.0,
                        1.0,
                        false,
                        false,
                        false,
                        parallelism,
                    );
                }
            }
        },
    );
    // SAFETY: gemm writes all m * n numbers of a result that it does not read, m, n and k being at least 1, and its threads
    // have been waited for.
    unsafe { out.set_len(total) };
    out
}
