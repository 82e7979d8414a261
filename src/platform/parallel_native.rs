//! Work over slices on all cores.

use rayon::prelude::*;

/// Numbers one task handles: large enough to hide the hand-over, small enough to balance.
const CHUNK: usize = 1 << 16;

/// Calls `work` on matching chunks of three slices to change and one to read, in parallel. The slices have equal
/// lengths; what is longer is left alone.
pub fn zip_chunks(
    change: [&mut [f32]; 3],
    read: &[f32],
    work: impl Fn([&mut [f32]; 3], &[f32]) + Sync,
) {
    let [a, b, c] = change;
    a.par_chunks_mut(CHUNK)
        .zip(b.par_chunks_mut(CHUNK))
        .zip(c.par_chunks_mut(CHUNK))
        .zip(read.par_chunks(CHUNK))
        .for_each(|(((a, b), c), read)| work([a, b, c], read));
}

/// Threads that work at the same time.
pub fn threads() -> usize {
    rayon::current_num_threads()
}

/// The threads of a matrix product: all, or the one that asks.
pub fn spread_product(all: bool) -> gemm::Parallelism {
    match all {
        true => gemm::Parallelism::Rayon(0),
        false => gemm::Parallelism::None,
    }
}

/// Calls `work` on each chunk of `out` with the chunk's number, in parallel. The last chunk may be shorter.
pub fn each_chunk<T: Send>(out: &mut [T], chunk: usize, work: impl Fn(usize, &mut [T]) + Sync) {
    out.par_chunks_mut(chunk.max(1))
        .enumerate()
        .for_each(|(index, out)| work(index, out));
}

/// The results of `work` for 0 to `count`, in this order, worked out in parallel.
pub fn map_tasks<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    (0..count).into_par_iter().map(&work).collect()
}
