//! How long a run still takes, by what its steps and its validations took so far.

use crate::platform::Instant;
use crate::train::Event;
use serde::Serialize;

/// Steps and validations of a run, with the seconds of those that are done.
#[derive(Debug, Default)]
struct Pace {
    /// Steps done before, done by now, and in all.
    first: u64,
    done: u64,
    total: u64,
    /// Steps of the first reading and their seconds, in which a device may compile its programs: they count until there
    /// are others.
    opening: (u64, f64),
    timed: (u64, f64),
    /// Validations that were to come at first, and those done since.
    due: u64,
    validated: u64,
    validation_seconds: f64,
    /// The share of the validation at hand that is done, and its seconds.
    under_way: (f64, f64),
}

/// What a run takes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// Seconds left.
    pub left: f64,
    /// Seconds of a whole run like this one.
    pub whole: f64,
    /// Seconds of a step.
    pub step: f64,
    /// Whether validations are in it: none are before a part of one was timed.
    pub with_validation: bool,
}

impl Pace {
    /// A run that begins, or goes on after `first` of `total` steps, with so many validations to come.
    fn new(first: u64, total: u64, due: u64) -> Self {
        Pace {
            first,
            done: first,
            total,
            due,
            ..Pace::default()
        }
    }

    /// All steps up to `step` are done; those since the last call took so many seconds.
    fn stepped(&mut self, step: u64, seconds: f64) {
        let steps = step.saturating_sub(self.done);
        match self.opening {
            (0, _) => self.opening = (steps, seconds),
            _ => self.timed = (self.timed.0 + steps, self.timed.1 + seconds),
        }
        self.done = step;
    }

    /// This share of the validation at hand took so many seconds.
    fn validating(&mut self, share: f64, seconds: f64) {
        self.under_way = (share, seconds);
    }

    /// A validation ended that took so many seconds.
    fn validated(&mut self, seconds: f64) {
        self.validated += 1;
        self.validation_seconds += seconds;
        self.under_way = (0.0, 0.0);
    }

    /// Seconds of a validation, once a part of one was timed.
    fn validation(&self) -> Option<f64> {
        let (share, seconds) = self.under_way;
        let timed = self.validated as f64 + share;
        (timed > 0.0).then(|| (self.validation_seconds + seconds) / timed)
    }

    fn estimate(&self) -> Estimate {
        let (steps, seconds) = match self.timed {
            (0, _) => self.opening,
            timed => timed,
        };
        let step = seconds / steps.max(1) as f64;
        let validation = self.validation();
        let takes = |steps: u64, validations: f64| {
            steps as f64 * step + validations * validation.unwrap_or(0.0)
        };
        let coming = self.total.saturating_sub(self.first);
        let share = self.total as f64 / coming.max(1) as f64;
        let validations = self.due.saturating_sub(self.validated) as f64 - self.under_way.0;
        Estimate {
            left: takes(self.total.saturating_sub(self.done), validations.max(0.0)),
            whole: share * takes(coming, self.due as f64),
            step,
            with_validation: validation.is_some() || self.due == 0,
        }
    }
}

/// Times a run by its events.
#[derive(Debug)]
pub struct Stopwatch {
    pace: Pace,
    /// When the steps or the validation at hand began.
    since: Instant,
}

impl Default for Stopwatch {
    fn default() -> Self {
        Stopwatch {
            pace: Pace::default(),
            since: Instant::now(),
        }
    }
}

impl Stopwatch {
    /// To be told of every event as it comes.
    pub fn event(&mut self, event: &Event<'_>) {
        let seconds = self.since.elapsed().as_secs_f64();
        match event {
            Event::Started {
                step,
                total_steps,
                validations,
                ..
            } => self.pace = Pace::new(*step, *total_steps, *validations),
            Event::Steps { losses, .. } => match losses.last() {
                Some(last) => self.pace.stepped(last.step, seconds),
                None => return,
            },
            Event::Validating { .. } => self.pace.validating(0.0, 0.0),
            Event::PartlyValidated { share, .. } => {
                self.pace.validating(*share, seconds);
                return;
            }
            Event::Validated { .. } => self.pace.validated(seconds),
            Event::Saved { .. } | Event::Ended { .. } => return,
        }
        self.since = Instant::now();
    }

    /// What the run takes, as far as is known.
    pub fn estimate(&self) -> Estimate {
        self.pace.estimate()
    }

    /// Seconds of a validation, once a part of one was timed.
    pub fn validation(&self) -> Option<f64> {
        self.pace.validation()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_and_validations_are_timed_apart() {
        let mut pace = Pace::new(0, 10, 2);
        pace.stepped(5, 10.0);
        let before = pace.estimate();
        assert_eq!((before.left, before.with_validation), (10.0, false));
        pace.validated(30.0);
        let after = pace.estimate();
        assert_eq!((after.left, after.whole), (40.0, 80.0));
        assert!(after.with_validation);
        // The last step is done and its validation is not.
        pace.stepped(10, 10.0);
        assert_eq!(pace.estimate().left, 30.0);
        pace.validated(30.0);
        assert_eq!(pace.estimate().left, 0.0);
    }

    #[test]
    fn a_run_that_goes_on_counts_what_is_left_of_it() {
        let mut pace = Pace::new(5, 10, 1);
        pace.stepped(6, 2.0);
        pace.validated(5.0);
        let found = pace.estimate();
        assert_eq!((found.left, found.whole), (8.0, 30.0));
        assert!(Pace::new(10, 10, 0).estimate().with_validation);
    }

    #[test]
    fn what_a_device_takes_to_begin_does_not_count_among_later_steps() {
        let mut pace = Pace::new(0, 10, 0);
        pace.stepped(1, 60.0);
        assert_eq!(pace.estimate().step, 60.0);
        pace.stepped(4, 6.0);
        let found = pace.estimate();
        assert_eq!((found.step, found.left), (2.0, 12.0));
    }

    #[test]
    fn a_validation_under_way_tells_how_long_it_takes() {
        let mut pace = Pace::new(0, 4, 2);
        pace.stepped(2, 2.0);
        pace.validating(0.25, 5.0);
        let found = pace.estimate();
        assert!(found.with_validation);
        // 2 steps, three quarters of this validation, and the last.
        assert_eq!(found.left, 2.0 + 15.0 + 20.0);
        pace.validated(20.0);
        assert_eq!(pace.estimate().left, 22.0);
    }
}
