//! How long a run still takes, by what its steps and its validations took so far.

/// Steps and validations of a run, with the seconds of those that are done.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Steps done before, done by now, and in all.
    first: u64,
    done: u64,
    total: u64,
    step_seconds: f64,
    /// Validations that were to come at first, and those done since.
    due: u64,
    validated: u64,
    validation_seconds: f64,
}

/// What a run takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Estimate {
    /// Seconds left.
    pub left: f64,
    /// Seconds of a whole run like this one.
    pub whole: f64,
    /// Whether validations are in it: none are before the first was timed.
    pub with_validation: bool,
}

impl Pace {
    /// A run that begins, or goes on after `first` of `total` steps, with so many validations to come.
    pub(super) fn new(first: u64, total: u64, due: u64) -> Self {
        Pace {
            first,
            done: first,
            total,
            due,
            ..Pace::default()
        }
    }

    /// All steps up to `step` are done; those since the last call took so many seconds.
    pub(super) fn stepped(&mut self, step: u64, seconds: f64) {
        self.done = step;
        self.step_seconds += seconds;
    }

    /// A validation ended that took so many seconds.
    pub(super) fn validated(&mut self, seconds: f64) {
        self.validated += 1;
        self.validation_seconds += seconds;
    }

    /// Seconds of a validation, once one was timed.
    pub(super) fn validation(&self) -> Option<f64> {
        (self.validated > 0).then(|| self.validation_seconds / self.validated as f64)
    }

    pub(super) fn estimate(&self) -> Estimate {
        let steps = self.done.saturating_sub(self.first).max(1);
        let step = self.step_seconds / steps as f64;
        let validation = self.validation();
        let takes = |steps: u64, validations: u64| {
            steps as f64 * step + validations as f64 * validation.unwrap_or(0.0)
        };
        let coming = self.total.saturating_sub(self.first);
        let share = self.total as f64 / coming.max(1) as f64;
        Estimate {
            left: takes(
                self.total.saturating_sub(self.done),
                self.due.saturating_sub(self.validated),
            ),
            whole: share * takes(coming, self.due),
            with_validation: validation.is_some() || self.due == 0,
        }
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
}
