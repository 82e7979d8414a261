//! Scaled dot-product attention (Vaswani et al., 2017) in parts that stay below the binding limit.

mod mixed;

use crate::kernels::is_cpu;
use burn::Tensor;
use burn::tensor::DType;
use mixed::mixed;

/// The most scores in one tensor: half of the 128 MiB that every adapter can bind.
pub(crate) const MOST_SCORES: usize = 16 << 20;

/// How many scores there are. Those of fine patches pass 32 bits, which is all that a browser counts in.
fn scores(sizes: [usize; 4]) -> usize {
    sizes.into_iter().fold(1, usize::saturating_mul)
}

/// `softmax(q k^T / sqrt(width)) v` for `[batch, heads, tokens, width]`, differentiable. Heads go together as far as
/// their scores fit; where those of a single head do not, its queries go in parts.
pub fn attention(q: Tensor<4>, k: Tensor<4>, v: Tensor<4>) -> Tensor<4> {
    let [batch, heads, tokens, width] = q.dims();
    // The queries are fewer numbers to scale than the scores.
    let q = q * (width as f64).powf(-0.5);
    let keys = k.dims()[2];
    // The CPU kernel makes only some scores at a time.
    let in_parts = is_cpu(&q.device()) && q.dtype() == DType::F32;
    if in_parts || scores([batch, heads, tokens, keys]) <= MOST_SCORES {
        return mixed(q, k, v);
    }
    let rows = batch * heads;
    let [q, k, v] = [q, k, v].map(|x| {
        let tokens = x.dims()[2];
        x.reshape([1, rows, tokens, width])
    });
    let together = (MOST_SCORES / scores([1, 1, tokens, keys]).max(1)).clamp(1, rows);
    let queries = (MOST_SCORES / keys.max(1)).clamp(1, tokens);
    let mut heads_done = Vec::new();
    for first in (0..rows).step_by(together) {
        let count = together.min(rows - first);
        let [k, v] = [&k, &v].map(|x| x.clone().narrow(1, first, count));
        let mut done = Vec::new();
        for from in (0..tokens).step_by(queries) {
            let some = queries.min(tokens - from);
            let q = q.clone().narrow(1, first, count).narrow(2, from, some);
            done.push(mixed(q, k.clone(), v.clone()));
        }
        heads_done.push(Tensor::cat(done, 2));
    }
    Tensor::cat(heads_done, 1).reshape([batch, heads, tokens, width])
}
