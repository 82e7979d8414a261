//! Letting others have the thread.

/// Whether the thread may wait for a device.
pub const MAY_WAIT: bool = true;

/// Natively every other task has a thread of its own: nothing happens.
pub async fn yield_now() {}
