//! A loader that makes the items of coming steps ahead of time.
//!
//! Every item is a pure function of its step, so the result does not depend on how many workers make
//! them. Natively worker threads claim steps in order and the items come out in order; in the browser,
//! which has no threads here, each item is made when it is asked for. Both come as one type, [`Prefetch`].

use std::ops::ControlFlow;
use std::sync::{Mutex, MutexGuard, PoisonError};

#[cfg(not(target_family = "wasm"))]
#[path = "loader_native.rs"]
mod engine;
#[cfg(target_family = "wasm")]
#[path = "loader_wasm.rs"]
mod engine;

pub use engine::Prefetch;

use super::{DatasetError, ProblemReport, VolumeSource};

/// Runs `work` for each index below `count` on `workers` threads and reports all that failed, in order; `what` the
/// indices stand for, in the plural.
///
/// `progress(done, count)` is called after each one, from any thread; `Break` stops early.
///
/// # Errors
/// [`DatasetError::Problems`] with every error of `work`, [`DatasetError::Stopped`] when `progress` said
/// so, [`DatasetError::Worker`] when `work` panicked.
pub(super) fn run_all(
    workers: usize,
    (count, what): (usize, &'static str),
    work: impl Fn(usize) -> Result<(), DatasetError> + Sync,
    progress: impl Fn(usize, usize) -> ControlFlow<()> + Sync,
) -> Result<(), DatasetError> {
    // The count and the call stand under one lock, so that `progress` never sees it go down.
    let state = Mutex::new((0, Vec::new(), false));
    engine::for_each(workers, count, |index| {
        let result = work(index);
        let mut state = lock(&state);
        let (done, problems, stopped) = &mut *state;
        *done += 1;
        if let Err(error) = result {
            problems.push((index, error));
        }
        let flow = progress(*done, count);
        *stopped |= flow.is_break();
        flow
    })?;
    let (done, mut problems, stopped) = state.into_inner().unwrap_or_else(PoisonError::into_inner);
    if stopped && done < count {
        return Err(DatasetError::Stopped { done, total: count });
    }
    problems.sort_by_key(|(index, _)| *index);
    ProblemReport {
        problems: problems.into_iter().map(|(_, error)| error).collect(),
        checked: count,
        what,
    }
    .into_result()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Goes through all cases of a source once, so that a broken volume is reported before the first step
/// and the caches are filled. At most `workers` volumes are in the making at a time.
///
/// `progress(done, total)` is called after each case, from any thread; `Break` stops early, and what was
/// cached until then stays cached.
///
/// # Errors
/// [`DatasetError::Problems`] naming every case that cannot be used, [`DatasetError::Stopped`] when
/// `progress` said so.
pub fn warm_up<T>(
    source: &dyn VolumeSource<T>,
    workers: usize,
    progress: impl Fn(usize, usize) -> ControlFlow<()> + Sync,
) -> Result<(), DatasetError> {
    let work = |index| source.volume(index).map(drop);
    run_all(workers, (source.len(), "cases"), work, progress)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread::sleep;
    use std::time::Duration;

    use super::*;
    use crate::dataset::WorkerPanic;

    /// A delay that differs from step to step, so that workers finish out of order.
    fn jitter(step: u64) {
        let hash = blake3::hash(&step.to_le_bytes());
        sleep(Duration::from_micros(u64::from(hash.as_bytes()[0]) * 20));
    }

    fn square(step: u64) -> Result<u64, WorkerPanic> {
        jitter(step);
        Ok(step * step)
    }

    #[test]
    fn items_come_in_order_and_do_not_depend_on_the_workers() {
        let expected: Vec<u64> = (5..60).map(|step| step * step).collect();
        for (workers, depth) in [(0, 1), (1, 1), (1, 8), (8, 1), (8, 3), (8, 16)] {
            let items: Result<Vec<u64>, _> = Prefetch::new(workers, depth, 5..60, square).collect();
            assert_eq!(
                items,
                Ok(expected.clone()),
                "{workers} workers, depth {depth}"
            );
        }
    }

    #[test]
    fn an_empty_range_ends_at_once() {
        assert!(Prefetch::new(4, 4, 7..7, square).next().is_none());
    }

    /// Counts the items alive.
    struct Counted(Arc<AtomicUsize>);

    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn no_more_than_depth_items_are_in_the_loader() {
        let alive = Arc::new(AtomicUsize::new(0));
        let most = Arc::new(AtomicUsize::new(0));
        let (count, record) = (Arc::clone(&alive), Arc::clone(&most));
        let make = move |step| {
            record.fetch_max(count.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            jitter(step);
            Ok::<_, WorkerPanic>(Counted(Arc::clone(&count)))
        };
        let loader = Prefetch::new(8, 5, 0..40, make);
        let mut patience = 5000;
        while alive.load(Ordering::SeqCst) < 5 && patience > 0 {
            sleep(Duration::from_millis(1));
            patience -= 1;
        }
        // Time for a sixth, were it allowed.
        sleep(Duration::from_millis(20));
        assert_eq!(alive.load(Ordering::SeqCst), 5);
        assert_eq!(loader.count(), 40);
        // One more is in the consumer's hand.
        assert!((5..=6).contains(&most.load(Ordering::SeqCst)));
        assert_eq!(alive.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn dropping_it_part_way_joins_the_threads() {
        let token = Arc::new(());
        let held = Arc::clone(&token);
        let mut loader = Prefetch::new(4, 6, 0..u64::MAX, move |step| {
            let _held = &held;
            square(step)
        });
        assert_eq!(loader.next(), Some(Ok(0)));
        drop(loader);
        // Each thread held the closure; all gone means all joined.
        assert_eq!(Arc::strong_count(&token), 1);
    }

    #[test]
    fn an_error_stops_at_its_step_and_earlier_items_come_out() {
        for workers in [0, 1, 8] {
            let made = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&made);
            let mut loader = Prefetch::new(workers, 8, 0..1000, move |step| {
                count.fetch_add(1, Ordering::SeqCst);
                // The failing step is fast: it is done before the steps in front of it.
                if step == 6 {
                    return Err(DatasetError::NoBatch("step 6"));
                }
                jitter(step);
                Ok(step)
            });
            let good: Vec<u64> = loader.by_ref().map_while(Result::ok).collect();
            assert_eq!(good, [0, 1, 2, 3, 4, 5], "{workers} workers");
            assert!(loader.next().is_none(), "{workers} workers");
            drop(loader);
            assert!(made.load(Ordering::SeqCst) <= 6 + 8);
        }
    }

    #[test]
    fn a_panic_becomes_an_error_of_its_step() {
        for workers in [0, 3] {
            let mut loader = Prefetch::new(workers, 4, 0..100, |step| {
                assert!(step != 2, "bad step");
                Ok::<_, WorkerPanic>(step)
            });
            assert_eq!(loader.next(), Some(Ok(0)));
            assert_eq!(loader.next(), Some(Ok(1)));
            let message = "bad step".to_owned();
            assert_eq!(loader.next(), Some(Err(WorkerPanic { item: 2, message })));
            assert_eq!(loader.next(), None);
        }
    }

    fn message(result: Result<(), DatasetError>) -> String {
        result
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    }

    #[test]
    fn run_all_reports_every_failure_in_order_and_counts_up() {
        for workers in [1, 4] {
            let seen = Mutex::new(Vec::new());
            let work = |index: usize| match index % 3 {
                1 => Err(DatasetError::NoSuchCase { index, len: 0 }),
                _ => Ok(()),
            };
            let progress = |done, total| {
                lock(&seen).push((done, total));
                ControlFlow::Continue(())
            };
            let text = message(run_all(workers, (10, "files"), work, progress));
            let (one, rest) = text.split_once("case 1 ").unwrap_or_default();
            assert!(one.starts_with("3 of 10 files"), "{text}");
            let (four, seven) = rest.split_once("case 4 ").unwrap_or_default();
            assert!(
                !four.contains("case") && seven.contains("case 7 "),
                "{text}"
            );
            let counted: Vec<_> = (1..=10).map(|done| (done, 10)).collect();
            assert_eq!(seen.into_inner().ok(), Some(counted));
        }
    }

    #[test]
    fn run_all_stops_when_asked_and_survives_a_panic() {
        let stop = run_all(
            3,
            (1000, "cases"),
            |_| Ok(()),
            |_, _| ControlFlow::Break(()),
        );
        assert!(matches!(
            stop,
            Err(DatasetError::Stopped {
                done: 1..=3,
                total: 1000
            })
        ));
        let work = |index| {
            assert!(index != 5, "case five");
            Ok(())
        };
        let text = message(run_all(3, (20, "cases"), work, |_, _| {
            ControlFlow::Continue(())
        }));
        assert!(text.contains("item 5: case five"), "{text}");
    }
}
