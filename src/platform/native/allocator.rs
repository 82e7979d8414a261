//! What becomes of memory that was freed.

/// Keeps freed memory for the next allocation of this process; call it first in `main`.
///
/// A training step allocates and frees the same large tensors again and again. glibc gives each back to the system at
/// once and has its pages cleared anew: a copy of 32 MiB takes six times as long, a step of the original's size a fifth
/// longer (`benches/NOTES.md`). Other systems' allocators are left as they are.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "two calls that set numbers of the C library")]
pub fn keep_freed_memory() {
    const NEVER: i32 = -1;
    // SAFETY: mallopt takes plain numbers; no other thread allocates this early, and one that did would be safe too.
    unsafe {
        libc::mallopt(libc::M_MMAP_MAX, 0);
        libc::mallopt(libc::M_TRIM_THRESHOLD, NEVER);
    }
}

/// See the twin for Linux: here the allocator is left as it is.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn keep_freed_memory() {}
