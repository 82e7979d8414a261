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

/// What `work` makes of each item, in their order.
pub fn map_items<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync + Send) -> Vec<R> {
    items.iter().map(work).collect()
}
