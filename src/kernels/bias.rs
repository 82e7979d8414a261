//! A bias whose gradient is summed in stages.

use crate::kernels::is_cpu;
use burn::Tensor;

/// The longest run one thread adds up in the backward pass.
const RUN: usize = 512;

/// `x + bias` for `[rows, features]` and `[features]`.
///
/// The gradient of a broadcast bias is a sum over all rows. In one go, burn 0.22's reduction on the WGSL path gives
/// wrong sums over long axes without an error; here the bias is broadcast in steps, and each step's gradient is a
/// sum over at most 512 rows.
pub fn add_bias(x: Tensor<2>, bias: Tensor<1>) -> Tensor<2> {
    let [rows, features] = x.dims();
    if is_cpu(&x.device()) {
        return x + bias.reshape([1, features]);
    }
    let mut bias = bias.reshape([1, features]);
    let mut left = rows;
    loop {
        let have = bias.dims()[0];
        let run = (1..=RUN.min(left))
            .rev()
            .find(|run| left.is_multiple_of(*run))
            .unwrap_or(left);
        left /= run;
        if left <= 1 {
            let x = x.reshape([have, run, features]);
            return (x + bias.reshape([have, 1, features])).reshape([rows, features]);
        }
        if run == 1 {
            // A prime number of rows beyond the run: there are no steps to take.
            let x = x.reshape([have, left, features]);
            return (x + bias.reshape([have, 1, features])).reshape([rows, features]);
        }
        bias = bias
            .reshape([have, 1, features])
            .expand([have, run, features])
            .reshape([have * run, features]);
    }
}
