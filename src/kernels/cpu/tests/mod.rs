//! The kernels against plain f64 loops.

mod case;
mod conv;
mod matmul;
mod norm;

use super::*;
use case::Case;

/// Random numbers in -1..1.
fn random(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

#[test]
fn results_have_the_same_bits_on_any_number_of_threads() {
    let case = Case::new(2, [9, 10, 11], 3, &[20, 3], 18);
    let wide = Case::new(2, [9, 10, 11], 3, &[20, 8], 18);
    let shape = NormShape {
        batch: 2,
        positions: 990,
        channels: 20,
    };
    let all = || {
        let grad = (&case.grad[..], case.out);
        let stats = stats(&case.x[0], shape);
        let y = apply(&case.x[0], &stats, None, 0.1, shape);
        let both = [&stats[..], &stats[..]];
        let sum = add_norms([&case.x[0], &y], both, 0.1, shape);
        let [first, second] = add_norms_backward([&sum, &y], both, &case.x[0], 0.1, shape);
        [
            forward(&case.inputs(), &case.weight, case.out, case.shape),
            data_gradient(grad, &case.weight, 20, 3, case.shape),
            weight_gradient((&case.x[0], 20), grad, case.shape),
            weight_gradient((&case.x[1], 3), grad, case.shape),
            forward(&wide.inputs(), &wide.weight, wide.out, wide.shape),
            data_gradient((&wide.grad, wide.out), &wide.weight, 20, 8, wide.shape),
            backward(&y, &stats, None, &case.x[0], 0.1, shape),
            first,
            second,
            stats,
        ]
    };
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(all)
    };
    let one = on(1);
    for threads in [2, 3, 8] {
        assert!(on(threads) == one, "{threads} threads");
    }
}
