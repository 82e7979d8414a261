//! Sums over whole tensors that stay parallel on devices without subgroup operations.

use burn::Tensor;

/// The longest run one thread adds up, and the shortest worth a thread.
const RUN: usize = 1024;
const SHORT: usize = 32;

/// Sum of all elements, `[1]`, in stages of at most 1024 terms.
///
/// burn's reduction on WebGPU gives each output to one thread; a sum of millions to one output would be serial.
/// Short runs also keep the rounding error of f32 near that of a pairwise sum.
pub fn sum_all<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    let mut count = x.dims().iter().product::<usize>();
    let mut flat = x.reshape([count]);
    while count > RUN {
        let divisor = (SHORT..=RUN).rev().find(|run| count.is_multiple_of(*run));
        let run = divisor.unwrap_or(RUN);
        let missing = count.next_multiple_of(run) - count;
        if missing > 0 {
            let zeros = Tensor::<1>::zeros([missing], (&flat.device(), flat.dtype()));
            flat = Tensor::cat(vec![flat, zeros], 0);
            count += missing;
        }
        count /= run;
        flat = flat.reshape([count, run]).sum_dim(1).reshape([count]);
    }
    // Not `sum`: on GPUs with atomic additions its order is not fixed.
    flat.reshape([1, count]).sum_dim(1).reshape([1])
}

/// Mean of all elements, `[1]`.
pub fn mean_all<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    let count = x.dims().iter().product::<usize>();
    sum_all(x) / count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, Int};

    #[test]
    fn the_sum_covers_every_element_of_even_odd_and_prime_counts() {
        for count in [1usize, 7, 1024, 1025, 1451, 2 * 1451, 4099, 13 * 1024] {
            let x = Tensor::<1, Int>::arange(0..count as i64, &Device::flex()).float();
            let sum: f32 = sum_all(x).into_scalar();
            let exact = (count * (count - 1) / 2) as f32;
            assert!((sum - exact).abs() <= 1e-6 * exact, "{count}: {sum}");
        }
    }
}
