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

/// Calls `work` with the number and the values of every chunk of `out`.
pub fn each_chunk<T: Send>(out: &mut [T], chunk: usize, work: impl Fn(usize, &mut [T]) + Sync) {
    out.chunks_mut(chunk.max(1))
        .enumerate()
        .for_each(|(index, out)| work(index, out));
}
