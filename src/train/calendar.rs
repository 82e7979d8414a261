//! When validations of a run are due, told by the number of steps done.

use crate::config::RunConfig;

/// The epochs and validations of a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Calendar {
    /// Steps of the whole run.
    pub total: u64,
    /// Steps of one epoch.
    pub per_epoch: u64,
    /// Steps between validations; 0 where epochs tell.
    validation_steps: u64,
    /// Epochs between validations.
    validation_interval: u64,
}

impl Calendar {
    /// The calendar of a run of `total` steps.
    pub(super) fn new(run: &RunConfig, total: u64, per_epoch: u64) -> Self {
        Calendar {
            total,
            per_epoch,
            validation_steps: run.validation_steps,
            validation_interval: run.validation_interval,
        }
    }

    /// The epoch, from 0, of a step, from 1.
    pub(super) fn epoch_of(&self, step: u64) -> u64 {
        step.saturating_sub(1) / self.per_epoch
    }

    /// What random numbers of the validation after so many steps are keyed by: its epoch, or where validations are counted in
    /// steps, of which an epoch may have several, the step.
    pub(super) fn draw_of(&self, step: u64) -> u64 {
        match self.validation_steps {
            0 => self.epoch_of(step),
            _ => step,
        }
    }

    /// Whether a validation belongs after so many steps: at the end and, as the settings say, after a number of steps
    /// or after the first epoch and every so many epochs from there.
    pub(super) fn validates_after(&self, step: u64) -> bool {
        if step == 0 || step == self.total {
            return step > 0;
        }
        if self.validation_steps > 0 {
            return step.is_multiple_of(self.validation_steps);
        }
        let epoch = self.epoch_of(step);
        step.is_multiple_of(self.per_epoch) && epoch.is_multiple_of(self.validation_interval)
    }

    /// How many validations are due after more steps than these.
    pub(super) fn validations_after(&self, step: u64) -> u64 {
        if step >= self.total {
            return 0;
        }
        // The last step is always validated: those before it are counted, and then it.
        self.regular_until(self.total - 1) - self.regular_until(step) + 1
    }

    /// Validations that do not wait for the end, in so many steps.
    fn regular_until(&self, step: u64) -> u64 {
        match self.validation_steps {
            0 => (step / self.per_epoch).div_ceil(self.validation_interval),
            steps => step / steps,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Validations of a run, by the steps done before them.
    fn validations(steps: u64, interval: u64, total: u64, per_epoch: u64) -> Vec<u64> {
        let run = RunConfig {
            validation_steps: steps,
            validation_interval: interval,
            ..RunConfig::default()
        };
        let calendar = Calendar::new(&run, total, per_epoch);
        (0..=total)
            .filter(|step| calendar.validates_after(*step))
            .collect()
    }

    #[test]
    fn steps_count_from_one_and_epochs_from_zero() {
        let calendar = Calendar::new(&RunConfig::default(), 9, 3);
        let epochs = [1, 3, 4, 9].map(|step| calendar.epoch_of(step));
        assert_eq!(epochs, [0, 0, 1, 2]);
    }

    #[test]
    fn no_two_validations_of_a_run_are_drawn_alike() {
        for (steps, interval) in [(0, 1), (0, 2), (2, 1), (5, 1)] {
            let run = RunConfig {
                validation_steps: steps,
                validation_interval: interval,
                ..RunConfig::default()
            };
            let calendar = Calendar::new(&run, 30, 10);
            let all = validations(steps, interval, 30, 10);
            let mut draws: Vec<u64> = all.iter().map(|step| calendar.draw_of(*step)).collect();
            draws.dedup();
            assert_eq!(draws.len(), all.len(), "{steps} {interval}");
        }
    }

    #[test]
    fn the_first_epoch_and_every_so_many_from_there_are_validated() {
        assert_eq!(validations(0, 1, 9, 3), [3, 6, 9]);
        assert_eq!(validations(0, 2, 15, 3), [3, 9, 15]);
    }

    #[test]
    fn the_last_step_is_validated_wherever_it_falls() {
        assert_eq!(validations(0, 2, 12, 3), [3, 9, 12]);
        assert_eq!(validations(0, 1, 5, 3), [3, 5]);
        assert_eq!(validations(4, 1, 6, 3), [4, 6]);
        assert_eq!(validations(0, 1, 2, 3), [2]);
    }

    #[test]
    fn an_interval_beyond_the_run_leaves_its_first_epoch_and_its_end() {
        assert_eq!(validations(0, 100, 9, 3), [3, 9]);
        assert_eq!(validations(100, 1, 9, 3), [9]);
    }

    #[test]
    fn a_number_of_steps_goes_before_epochs() {
        assert_eq!(validations(4, 1, 12, 3), [4, 8, 12]);
    }

    #[test]
    fn those_to_come_are_counted_without_going_through_the_steps() {
        for (steps, interval, total, per_epoch) in [
            (0, 1, 9, 3),
            (0, 2, 12, 3),
            (0, 3, 20, 3),
            (0, 100, 9, 3),
            (4, 1, 12, 3),
            (4, 1, 6, 3),
            (100, 1, 9, 3),
            (1, 1, 0, 3),
        ] {
            let run = RunConfig {
                validation_steps: steps,
                validation_interval: interval,
                ..RunConfig::default()
            };
            let calendar = Calendar::new(&run, total, per_epoch);
            let all = validations(steps, interval, total, per_epoch);
            for step in 0..=total {
                let expected = all.iter().filter(|at| **at > step).count() as u64;
                let found = calendar.validations_after(step);
                assert_eq!(found, expected, "{all:?} after {step}");
            }
        }
    }

    #[test]
    fn a_run_without_steps_is_not_validated() {
        assert!(validations(1, 1, 0, 3).is_empty());
    }
}
