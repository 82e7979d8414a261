//! The same on the web's single thread.

/// Calls `work` on three slices to change and one to read.
pub fn zip_chunks(
    change: [&mut [f32]; 3],
    read: &[f32],
    work: impl Fn([&mut [f32]; 3], &[f32]) + Sync,
) {
    work(change, read);
}

/// Threads that work at the same time.
pub fn threads() -> usize {
    1
}

/// The threads of a matrix product: there is only one.
pub fn spread_product(_: bool) -> gemm::Parallelism {
    gemm::Parallelism::None
}

/// Calls `work` on each chunk of `out` with the chunk's number. The last chunk may be shorter.
pub fn each_chunk<T: Send>(out: &mut [T], chunk: usize, work: impl Fn(usize, &mut [T]) + Sync) {
    for (index, out) in out.chunks_mut(chunk.max(1)).enumerate() {
        work(index, out);
    }
}

/// The results of `work` for 0 to `count`, in this order.
pub fn map_tasks<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    (0..count).map(work).collect()
}
