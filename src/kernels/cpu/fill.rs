//! Results that are cleared where they are filled: part by part, by the thread that fills a part, just before it does.
//!
//! Zeros that `vec!` makes of memory used before are written by one thread, before any other begins, and leave its cache.

use crate::platform::each_chunk;
use std::mem::MaybeUninit;

/// Numbers of a part where nothing but zeros is wanted.
const ZEROS: usize = 1 << 16;

/// `N` vectors of `runs` times `run` numbers, filled in parallel: `work(index, start, parts)` gets the numbers of each
/// vector from `start` of a run on, at most `part` of them and all zeros.
#[expect(unsafe_code, reason = "a vector is told its length")]
pub(in crate::kernels) fn fill<const N: usize>(
    runs: usize,
    run: usize,
    part: usize,
    work: impl Fn(usize, usize, [&mut [f32]; N]) + Sync,
) -> [Vec<f32>; N] {
    let (total, part) = (runs.saturating_mul(run), part.max(1));
    let mut vectors: [Vec<f32>; N] = std::array::from_fn(|_| Vec::with_capacity(total));
    let mut parts = Vec::new();
    let mut free = vectors
        .each_mut()
        .map(|vector| vector.spare_capacity_mut()[..total].chunks_mut(run.max(1)));
    for index in 0..runs {
        let mut free = free
            .each_mut()
            .map(|runs| runs.next().unwrap_or_default().chunks_mut(part));
        for start in (0..run).step_by(part) {
            let numbers = free
                .each_mut()
                .map(|parts| parts.next().unwrap_or_default());
            parts.push((index, start, numbers));
        }
    }
    each_chunk(&mut parts, 1, |_, parts| {
        for (index, start, numbers) in parts {
            work(*index, *start, numbers.each_mut().map(|part| cleared(part)));
        }
    });
    let mut filled = [0; N];
    for (_, _, numbers) in &parts {
        for (filled, part) in filled.iter_mut().zip(numbers) {
            *filled += part.len();
        }
    }
    assert_eq!(filled, [total; N], "{runs} runs of {run}");
    for vector in &mut vectors {
        // SAFETY: the parts do not overlap, together they are as long as the vector, and each has been cleared.
        unsafe { vector.set_len(total) };
    }
    vectors
}

/// So many zeros, cleared on all cores.
pub(super) fn zeros(count: usize) -> Vec<f32> {
    if count <= ZEROS {
        return vec![0.0; count];
    }
    let [zeros] = fill(1, count, ZEROS, |_, _, _| ());
    zeros
}

/// The numbers, all zero.
#[expect(unsafe_code, reason = "memory is told to hold numbers")]
fn cleared(part: &mut [MaybeUninit<f32>]) -> &mut [f32] {
    for number in part.iter_mut() {
        number.write(0.0);
    }
    // SAFETY: every number has just been written.
    unsafe { part.assume_init_mut() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_every_vector_is_filled_once_and_was_zero_before() {
        for (runs, run, part) in [(1, 10, 4), (3, 10, 4), (3, 10, 10), (2, 7, 100), (4, 5, 1)] {
            let filled = fill(runs, run, part, |index, start, parts: [&mut [f32]; 2]| {
                for (which, part) in parts.into_iter().enumerate() {
                    for (at, number) in part.iter_mut().enumerate() {
                        *number += (which * 1000 + index * run + start + at) as f32;
                    }
                }
            });
            for (which, vector) in filled.iter().enumerate() {
                let expected = (0..runs * run).map(|at| (which * 1000 + at) as f32);
                assert!(
                    vector.iter().copied().eq(expected),
                    "{runs} x {run} by {part}"
                );
            }
        }
    }

    #[test]
    fn nothing_to_fill_is_nothing() {
        for (runs, run, part) in [(0, 5, 2), (5, 0, 2), (0, 0, 0), (3, 4, 0)] {
            let [found] = fill(runs, run, part, |_, _, _| ());
            assert_eq!(found, vec![0.0; runs * run]);
        }
    }

    #[test]
    fn many_zeros_are_zeros() {
        for count in [0, 1, ZEROS, ZEROS + 1, 3 * ZEROS + 5] {
            let found = zeros(count);
            assert!(found.len() == count && found.iter().all(|x| *x == 0.0));
        }
    }
}
