//! How far work is whose parts are counted: a bar in a terminal, plain lines elsewhere.

use crate::cli::bar::Bar;
use crate::cli::output::{duration, say};
use crate::cli::progress::LINE_INTERVAL;
use crate::platform::Instant;
use std::sync::{Mutex, PoisonError};

/// Seconds at the beginning in which only what was there already is done: it takes no time, and tells nothing of the
/// rest.
const BEGINNING: f64 = 1.0;

/// Counts the parts of some work, on any thread.
#[derive(Debug)]
pub(super) struct Counting {
    what: String,
    all: usize,
    bar: Option<Bar>,
    begun: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    pace: Pace,
    /// Seconds from the beginning to the last line.
    line_at: f64,
}

impl Counting {
    /// None of all parts is done yet; `what` is done, in words.
    pub(super) fn new(what: &str, all: usize) -> Self {
        let template = format!("{what} {{wide_bar}} {{pos}}/{{len}}{{msg}}");
        Counting {
            what: what.to_owned(),
            all,
            bar: Bar::show(all as u64, &template),
            begun: Instant::now(),
            state: Mutex::default(),
        }
    }

    /// So many parts are done.
    pub(super) fn reach(&self, done: usize) {
        self.count(|_| done);
    }

    /// One more is done.
    pub(super) fn one_more(&self) {
        self.count(|done| done + 1);
    }

    fn count(&self, next: impl FnOnce(usize) -> usize) {
        let seconds = self.begun.elapsed().as_secs_f64();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { pace, line_at } = &mut *state;
        let done = next(pace.done);
        pace.reach(done, seconds);
        let left = pace.left(self.all);
        let left = left.map_or_else(String::new, |left| format!(", {} left", duration(left)));
        match &self.bar {
            Some(bar) => {
                bar.reach(pace.done as u64);
                bar.message(left);
            }
            None if seconds - *line_at >= LINE_INTERVAL => {
                *line_at = seconds;
                say(&format!(
                    "{}: {} of {}{left}",
                    self.what, pace.done, self.all
                ));
            }
            None => {}
        }
    }
}

/// How fast parts get done.
#[derive(Debug, Default)]
struct Pace {
    done: usize,
    seconds: f64,
    /// How many were done at the beginning, and when.
    first: (usize, f64),
}

impl Pace {
    /// So many are done after so many seconds.
    fn reach(&mut self, done: usize, seconds: f64) {
        if seconds < BEGINNING {
            self.first = (done, seconds);
        }
        (self.done, self.seconds) = (done, seconds);
    }

    /// Seconds until all are done; none where nothing tells.
    fn left(&self, all: usize) -> Option<f64> {
        let (before, began) = self.first;
        let parts = self.done.checked_sub(before).filter(|parts| *parts > 0)?;
        let each = (self.seconds - began) / parts as f64;
        Some(each * all.saturating_sub(self.done) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_told_by_what_takes_time() {
        let mut pace = Pace::default();
        assert_eq!(pace.left(20), None);
        // Scored before the work was stopped.
        for done in 1..=8 {
            pace.reach(done, 0.5);
            assert_eq!(pace.left(20), None);
        }
        pace.reach(9, 30.5);
        assert_eq!(pace.left(20), Some(330.0));
        pace.reach(10, 70.5);
        assert_eq!(pace.left(20), Some(350.0));
        pace.reach(20, 80.0);
        assert_eq!(pace.left(20), Some(0.0));
    }

    #[test]
    fn parts_are_counted_wherever_they_are_done() {
        let counting = Counting::new("scoring", 40);
        counting.reach(10);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| (0..10).for_each(|_| counting.one_more()));
            }
        });
        assert_eq!(counting.state.lock().unwrap().pace.done, 40);
    }
}
