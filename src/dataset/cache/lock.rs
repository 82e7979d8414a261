//! Locks that a panic does not close.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A panic in `build` leaves the slot as it was, so a poisoned lock guards nothing broken.
pub(super) fn lock<S>(mutex: &Mutex<S>) -> MutexGuard<'_, S> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
