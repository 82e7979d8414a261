//! The browser's half of the loader: one thread, items made on demand.

use std::ops::{ControlFlow, Range};

use crate::dataset::WorkerPanic;

/// Makes the items of a range of steps, in order, when they are asked for.
///
/// The type of the native program has worker threads; this twin takes the same arguments and ignores
/// `workers` and `depth`. After an error it ends.
pub struct Prefetch<T, E> {
    steps: Range<u64>,
    make: Box<dyn Fn(u64) -> Result<T, E> + Send + Sync>,
}

impl<T, E> Prefetch<T, E> {
    /// A loader for `steps`, whose items are `make(step)`.
    pub fn new(
        _workers: usize,
        _depth: usize,
        steps: Range<u64>,
        make: impl Fn(u64) -> Result<T, E> + Send + Sync + 'static,
    ) -> Self {
        let make = Box::new(make);
        Prefetch { steps, make }
    }
}

impl<T, E> Iterator for Prefetch<T, E> {
    type Item = Result<T, E>;

    fn next(&mut self) -> Option<Result<T, E>> {
        let item = (self.make)(self.steps.next()?);
        if item.is_err() {
            self.steps.end = self.steps.start;
        }
        Some(item)
    }
}

pub(super) fn for_each(
    _workers: usize,
    count: usize,
    work: impl Fn(usize) -> ControlFlow<()> + Sync,
) -> Result<(), WorkerPanic> {
    let _ = (0..count).try_for_each(work);
    Ok(())
}
