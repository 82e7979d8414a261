//! Matrix products: those of burn's CPU backend, by the same library, but into memory that nobody clears and copies first.

use crate::platform::{each_chunk, spread_product};
use std::mem::MaybeUninit;

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
#[expect(unsafe_code, reason = "a vector is told its length")]
pub(in crate::kernels) fn product(a: &[f32], b: &[f32], shape: ProductShape) -> Vec<f32> {
    let ProductShape {
        batch,
        edges: [m, n, k],
        transposed,
    } = shape;
    let count = |edges: [usize; 2]| {
        let each = edges[0].checked_mul(edges[1]);
        each.and_then(|each| each.checked_mul(batch))
    };
    assert_eq!(count([m, k]), Some(a.len()), "{shape:?}");
    assert_eq!(count([k, n]), Some(b.len()), "{shape:?}");
    let total = count([m, n]);
    assert!(total.is_some(), "{shape:?}");
    let total = total.unwrap_or_default();
    if total == 0 {
        return Vec::new();
    }
    let work = m.saturating_mul(n).saturating_mul(k);
    let by_thread = batch > 1
        && work.saturating_mul(batch) >= SPREAD_BATCH
        && (batch >= BATCH || work < SPREAD);
    let spread = work >= SPREAD && !by_thread;
    let mut out: Vec<f32> = Vec::with_capacity(total);
    let chunk = if by_thread { m * n } else { total };
    each_chunk(
        &mut out.spare_capacity_mut()[..total],
        chunk,
        |index, out| {
            for (of_chunk, out) in out.chunks_exact_mut(m * n).enumerate() {
                let at = index * (chunk / (m * n)) + of_chunk;
                let (a, b) = (&a[at * m * k..][..m * k], &b[at * k * n..][..k * n]);
                write(out, [a, b], [m, n, k], transposed, spread);
            }
        },
    );
    // SAFETY: the chunks are whole products, `write` has written each, and its threads have been waited for.
    unsafe { out.set_len(total) };
    out
}

/// One product, `[m, n]`, on the thread that asks.
///
/// # Panics
/// As [`product`].
#[expect(unsafe_code, reason = "a vector is told its length")]
pub(super) fn product_here(
    operands: [&[f32]; 2],
    edges: [usize; 3],
    transposed: [bool; 2],
) -> Vec<f32> {
    let total = edges[0].saturating_mul(edges[1]);
    let mut out: Vec<f32> = Vec::with_capacity(total);
    let free = &mut out.spare_capacity_mut()[..total];
    write(free, operands, edges, transposed, false);
    // SAFETY: `write` has written all of them.
    unsafe { out.set_len(total) };
    out
}

/// Adds one product to `out`, on the thread that asks.
///
/// # Panics
/// When an operand or `out` has another length.
#[expect(unsafe_code, reason = "gemm takes pointers")]
pub(super) fn add_product(
    out: &mut [f32],
    operands: [&[f32]; 2],
    edges: [usize; 3],
    transposed: [bool; 2],
) {
    check(out.len(), operands, edges);
    // SAFETY: the lengths have been checked, and these are numbers.
    unsafe { call(out.as_mut_ptr(), true, operands, edges, transposed, false) }
}

/// Writes one product to `out`, all of it, on all threads if `spread` is set.
///
/// # Panics
/// When an operand or `out` has another length.
#[expect(unsafe_code, reason = "gemm takes pointers")]
fn write(
    out: &mut [MaybeUninit<f32>],
    operands: [&[f32]; 2],
    edges: [usize; 3],
    transposed: [bool; 2],
    spread: bool,
) {
    let [m, n, k] = edges;
    // For a vector gemm takes the result as a slice of numbers, which must then be some; of nothing it writes nothing.
    if m == 1 || n == 1 || k == 0 {
        for number in out.iter_mut() {
            number.write(0.0);
        }
    }
    check(out.len(), operands, edges);
    let out = out.as_mut_ptr().cast::<f32>();
    // SAFETY: the lengths have been checked, and the result is not read.
    unsafe { call(out, false, operands, edges, transposed, spread) }
}

/// Lengths counted without wrapping: gemm reads and writes wherever it is told to.
fn check(out: usize, [a, b]: [&[f32]; 2], [m, n, k]: [usize; 3]) {
    let counts = [m.checked_mul(n), m.checked_mul(k), k.checked_mul(n)];
    assert_eq!(counts, [out, a.len(), b.len()].map(Some), "{m} {n} {k}");
}

/// The product in place of `out`, or added to it.
///
/// # Safety
/// `out` points to `m * n` numbers that nobody else uses, which are read where the product is added; the operands hold
/// `m * k` and `k * n`.
#[expect(unsafe_code, reason = "gemm takes pointers")]
unsafe fn call(
    out: *mut f32,
    add: bool,
    [a, b]: [&[f32]; 2],
    [m, n, k]: [usize; 3],
    transposed: [bool; 2],
    spread: bool,
) {
    if m == 0 || n == 0 || k == 0 {
        return;
    }
    // Steps to the next column and the next row.
    let steps = |columns: usize, rows: usize, transposed: bool| match transposed {
        false => [1, columns as isize],
        true => [rows as isize, 1],
    };
    let (a_steps, b_steps) = (steps(k, m, transposed[0]), steps(n, k, transposed[1]));
    let kept = if add { 1.0 } else { 0.0 };
    // SAFETY: these edges and steps reach no other numbers than those that the caller vouches for.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out,
            1,
            n as isize,
            add,
            a.as_ptr(),
            a_steps[0],
            a_steps[1],
            b.as_ptr(),
            b_steps[0],
            b_steps[1],
            kept,
            1.0,
            false,
            false,
            false,
            spread_product(spread),
        );
    }
}
