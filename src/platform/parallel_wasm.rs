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
