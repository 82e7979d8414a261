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

/// Calls `work` on `out` and the inputs, which are as long as `out`.
pub fn map_chunks<const N: usize>(
    out: &mut [f32],
    inputs: [&[f32]; N],
    _: usize,
    work: impl Fn(&mut [f32], [&[f32]; N]) + Sync,
) {
    work(out, inputs);
}

/// Calls `work(index, part)` on consecutive parts of `out`, `chunk` numbers each but for the last.
pub fn fill_chunks(out: &mut [f32], chunk: usize, work: impl Fn(usize, &mut [f32]) + Sync) {
    for (index, part) in out.chunks_mut(chunk.max(1)).enumerate() {
        work(index, part);
    }
}

/// The results of `work(0)` to `work(count - 1)` in this order.
pub fn map_tasks<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    (0..count).map(work).collect()
}
