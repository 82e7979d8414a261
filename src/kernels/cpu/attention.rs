//! Attention head by head, some queries at a time: their scores stay in the cache of the core that works on them, forward
//! and, worked out again, backward.

use super::fill::{fill, zeros};
use super::matmul::{add_product, product_here};
use super::softmax::{softmax, softmax_gradient};
use crate::kernels::host::vectorised;
use crate::platform::each_chunk;

/// Scores of the queries of one head that are worked on together, about: 256 KiB.
const SCORES: usize = 1 << 16;

/// Sizes of attention: queries `[heads, queries, width]`, keys `[heads, keys, width]`, values `[heads, keys, values]`.
#[derive(Clone, Copy, Debug)]
pub(in crate::kernels) struct AttentionShape {
    /// Heads of all samples.
    pub(in crate::kernels) heads: usize,
    /// Queries of a head.
    pub(in crate::kernels) queries: usize,
    /// Keys of a head.
    pub(in crate::kernels) keys: usize,
    /// Numbers of a query or a key.
    pub(in crate::kernels) width: usize,
    /// Numbers of a value.
    pub(in crate::kernels) values: usize,
}

impl AttentionShape {
    /// Queries that are worked on together: about as many each time, whatever the threads are.
    fn together(&self) -> usize {
        let most = (SCORES / self.keys.max(1)).max(1);
        let times = self.queries.div_ceil(most).max(1);
        self.queries.div_ceil(times).max(1)
    }
}

/// `softmax(q k^T) v`: `[heads, queries, values]`.
pub(in crate::kernels) fn attention([q, k, v]: [&[f32]; 3], shape: AttentionShape) -> Vec<f32> {
    let AttentionShape {
        heads,
        queries,
        keys,
        width,
        values,
    } = shape;
    let (all, part) = (queries * values, shape.together() * values);
    let [out] = fill(heads, all, part, |head, start, [out]| {
        let (first, count) = (head * queries + start / values, out.len() / values);
        let q = &q[first * width..][..count * width];
        let k = &k[head * keys * width..][..keys * width];
        let v = &v[head * keys * values..][..keys * values];
        let shares = shares([q, k], [count, keys, width]);
        add_product(out, [&shares, v], [count, values, keys], [false, false]);
    });
    out
}

/// `softmax(q k^T)` of some queries: `[queries, keys]`.
fn shares(operands: [&[f32]; 2], edges: [usize; 3]) -> Vec<f32> {
    let mut shares = product_here(operands, edges, [false, true]);
    vectorised(
        #[inline(always)]
        || {
            for row in shares.chunks_mut(edges[1].max(1)) {
                softmax(row);
            }
        },
    );
    shares
}

/// Gradients of queries, keys and values from that of what [`attention`] gave.
pub(in crate::kernels) fn attention_backward(
    [q, k, v]: [&[f32]; 3],
    grad: &[f32],
    shape: AttentionShape,
) -> [Vec<f32>; 3] {
    let AttentionShape {
        heads,
        queries,
        keys,
        width,
        values,
    } = shape;
    let sizes = [queries * width, keys * width, keys * values];
    let mut all = sizes.map(|size| zeros(heads * size));
    let [of_q, of_k, of_v] = &mut all;
    let gradients = of_q
        .chunks_mut(sizes[0].max(1))
        .zip(of_k.chunks_mut(sizes[1].max(1)))
        .zip(of_v.chunks_mut(sizes[2].max(1)));
    let mut tasks: Vec<Gradients<'_>> =
        gradients.map(|((q, k), v)| Gradients { q, k, v }).collect();
    each_chunk(&mut tasks, 1, |first, tasks| {
        for (head, of) in (first..).zip(tasks) {
            let k = &k[head * sizes[1]..][..sizes[1]];
            let v = &v[head * sizes[2]..][..sizes[2]];
            for start in (0..queries).step_by(shape.together()) {
                let count = shape.together().min(queries - start);
                let row = head * queries + start;
                let q = &q[row * width..][..count * width];
                let grad = &grad[row * values..][..count * values];
                let of_q = &mut of.q[start * width..][..count * width];
                let shares = shares([q, k], [count, keys, width]);
                add_product(of.v, [&shares, grad], [keys, values, count], [true, false]);
                let of_scores = of_scores(&shares, [grad, v], [count, keys, values]);
                add_product(of_q, [&of_scores, k], [count, width, keys], [false, false]);
                add_product(of.k, [&of_scores, q], [keys, width, count], [true, false]);
            }
        }
    });
    all
}

/// Where the gradients of one head's queries, keys and values go.
struct Gradients<'a> {
    q: &'a mut [f32],
    k: &'a mut [f32],
    v: &'a mut [f32],
}

/// Gradient of the scores from the shares and that of the output.
fn of_scores(shares: &[f32], operands: [&[f32]; 2], edges: [usize; 3]) -> Vec<f32> {
    let mut grad = product_here(operands, edges, [false, true]);
    let keys = edges[1].max(1);
    vectorised(
        #[inline(always)]
        || {
            for (grad, shares) in grad.chunks_mut(keys).zip(shares.chunks(keys)) {
                softmax_gradient(grad, shares);
            }
        },
    );
    grad
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values with a pattern of their own.
    fn values(count: usize, seed: usize) -> Vec<f32> {
        (0..count)
            .map(|n| ((n * 37 + seed * 11) % 101) as f32 / 50.0 - 1.0)
            .collect()
    }

    #[test]
    fn queries_that_are_worked_on_apart_give_what_each_gives_alone() {
        let shape = AttentionShape {
            heads: 2,
            queries: 3,
            keys: SCORES / 2 + 1,
            width: 2,
            values: 1,
        };
        assert_eq!(shape.together(), 1);
        let q = values(2 * 3 * 2, 1);
        let k = values(2 * shape.keys * 2, 2);
        let v = values(2 * shape.keys, 3);
        let grad = [1.0, -2.0, 3.0, 0.5, -1.5, 2.5];
        let out = attention([&q, &k, &v], shape);
        let [of_q, ..] = attention_backward([&q, &k, &v], &grad, shape);
        let alone = AttentionShape {
            heads: 1,
            queries: 1,
            ..shape
        };
        for query in 0..6 {
            let head = query / 3;
            let one = [
                &q[query * 2..][..2],
                &k[head * shape.keys * 2..][..shape.keys * 2],
                &v[head * shape.keys..][..shape.keys],
            ];
            assert_eq!(out[query..=query], attention(one, alone));
            let [of_one, ..] = attention_backward(one, &grad[query..=query], alone);
            assert_eq!(of_q[query * 2..][..2], of_one);
        }
    }
}
