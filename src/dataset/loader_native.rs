//! The native half of the loader: worker threads that run ahead of the consumer, no further than told.

use std::any::Any;
use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use crate::dataset::WorkerPanic;

/// Makes the items of a range of steps on worker threads and gives them out in order.
///
/// At most `depth` items are in the loader at a time, in the making or finished; the one the consumer
/// holds comes on top. After an error it ends: earlier steps have come out, later ones are dropped. A
/// panic in `make` is an error of its step. Dropping the loader stops the threads and waits for them,
/// which takes as long as the items in the making.
pub struct Prefetch<T, E> {
    shared: Arc<Shared<T, E>>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared<T, E> {
    make: Box<dyn Fn(u64) -> Result<T, E> + Send + Sync>,
    depth: u64,
    state: Mutex<State<T, E>>,
    /// Something a worker waits for has changed.
    room: Condvar,
    /// Something the consumer waits for has changed.
    finished: Condvar,
}

struct State<T, E> {
    /// The next step a worker takes.
    claim: u64,
    /// The next step the consumer gets.
    deliver: u64,
    /// One past the last step.
    end: u64,
    ready: BTreeMap<u64, Result<T, E>>,
}

impl<T, E> Prefetch<T, E>
where
    T: Send + 'static,
    E: From<WorkerPanic> + Send + 'static,
{
    /// A loader for `steps`, whose items are `make(step)`, on `workers` threads and at most `depth` (at
    /// least 1) items ahead. With 0 workers, or where no thread can be started, each item is made when
    /// it is asked for, on the calling thread.
    pub fn new(
        workers: usize,
        depth: usize,
        steps: Range<u64>,
        make: impl Fn(u64) -> Result<T, E> + Send + Sync + 'static,
    ) -> Self {
        let depth = depth.max(1);
        let shared = Arc::new(Shared {
            make: Box::new(make),
            depth: u64::try_from(depth).unwrap_or(u64::MAX),
            state: Mutex::new(State {
                claim: steps.start,
                deliver: steps.start,
                end: steps.end,
                ready: BTreeMap::new(),
            }),
            room: Condvar::new(),
            finished: Condvar::new(),
        });
        let start = |worker| {
            let shared = Arc::clone(&shared);
            thread::Builder::new()
                .name(format!("loader-{worker}"))
                .spawn(move || shared.work())
                .inspect_err(|error| log::warn!("loader thread {worker} did not start: {error}"))
                .ok()
        };
        // More threads than items in the loader could never work at the same time.
        let threads = (0..workers.min(depth)).filter_map(start).collect();
        Prefetch { shared, threads }
    }
}

impl<T, E> Iterator for Prefetch<T, E>
where
    E: From<WorkerPanic>,
{
    type Item = Result<T, E>;

    fn next(&mut self) -> Option<Result<T, E>> {
        let mut state = self.shared.lock();
        loop {
            if state.deliver >= state.end {
                return None;
            }
            let step = state.deliver;
            if let Some(item) = state.ready.remove(&step) {
                state.deliver += 1;
                self.shared.room.notify_one();
                return Some(item);
            }
            if self.threads.is_empty() {
                drop(state);
                let item = self.shared.make_caught(step);
                state = self.shared.lock();
                state.accept(step, item);
            } else {
                state = wait(&self.shared.finished, state);
            }
        }
    }
}

impl<T, E> Drop for Prefetch<T, E> {
    fn drop(&mut self) {
        self.shared.lock().end = 0;
        self.shared.room.notify_all();
        for thread in self.threads.drain(..) {
            // The workers catch the panics of `make`; there is nothing to learn from the result.
            let _ = thread.join();
        }
    }
}

impl<T, E> State<T, E> {
    /// Puts a finished item where the consumer finds it; an error makes its step the last one.
    fn accept(&mut self, step: u64, item: Result<T, E>) {
        if item.is_err() && step < self.end {
            self.end = step + 1;
            let _dropped = self.ready.split_off(&self.end);
        }
        if step < self.end {
            self.ready.insert(step, item);
        }
    }
}

impl<T, E> Shared<T, E> {
    fn lock(&self) -> MutexGuard<'_, State<T, E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T, E: From<WorkerPanic>> Shared<T, E> {
    fn work(&self) {
        let mut state = self.lock();
        loop {
            if state.claim >= state.end {
                // Another worker may be waiting for room that will never come.
                self.room.notify_all();
                return;
            }
            if state.claim - state.deliver >= self.depth {
                state = wait(&self.room, state);
                continue;
            }
            let step = state.claim;
            state.claim += 1;
            drop(state);
            let item = self.make_caught(step);
            state = self.lock();
            state.accept(step, item);
            self.finished.notify_one();
        }
    }

    fn make_caught(&self, step: u64) -> Result<T, E> {
        catch_unwind(AssertUnwindSafe(|| (self.make)(step)))
            .unwrap_or_else(|panic| Err(worker_panic(step, panic.as_ref()).into()))
    }
}

fn wait<'a, S>(condition: &Condvar, guard: MutexGuard<'a, S>) -> MutexGuard<'a, S> {
    condition
        .wait(guard)
        .unwrap_or_else(PoisonError::into_inner)
}

fn worker_panic(item: u64, panic: &(dyn Any + Send)) -> WorkerPanic {
    let message = match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (_, Some(text)) => text.clone(),
        _ => "no message".to_owned(),
    };
    WorkerPanic { item, message }
}

/// Calls `work` for each index below `count` on `workers` threads (the calling one included) until all
/// are done or one returns `Break`.
pub(super) fn for_each(
    workers: usize,
    count: usize,
    work: impl Fn(usize) -> ControlFlow<()> + Sync,
) -> Result<(), WorkerPanic> {
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let failure = Mutex::new(None);
    let run = || {
        while !stop.load(Ordering::Relaxed) {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                return;
            }
            match catch_unwind(AssertUnwindSafe(|| work(index))) {
                Ok(ControlFlow::Continue(())) => continue,
                Ok(ControlFlow::Break(())) => {}
                Err(panic) => {
                    let item = u64::try_from(index).unwrap_or(u64::MAX);
                    let panic = worker_panic(item, panic.as_ref());
                    *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(panic);
                }
            }
            stop.store(true, Ordering::Relaxed);
        }
    };
    thread::scope(|scope| {
        for worker in 1..workers.min(count) {
            let name = format!("worker-{worker}");
            if let Err(error) = thread::Builder::new().name(name).spawn_scoped(scope, run) {
                log::warn!("worker thread {worker} did not start: {error}");
            }
        }
        run();
    });
    match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(panic) => Err(panic),
        None => Ok(()),
    }
}
