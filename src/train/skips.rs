//! Steps that were skipped because their gradients were not finite, and how many of them a run bears.

use crate::config::RunConfig;
use crate::nn::Precision;
use crate::train::{Progress, StepLosses, TrainError};

/// How many skipped steps in a row a run bears.
#[derive(Debug, Clone, Copy)]
pub(super) struct SkipLimits {
    /// Skipped steps in a row that end the run.
    fatal: u64,
    /// Skipped steps in a row that cast no doubt on the weights.
    harmless: u64,
}

/// What the steps that were skipped last say of the weights, the better the smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    /// Nothing.
    Good,
    /// They may be no good.
    Doubtful,
    /// They are no good: the run ends.
    Broken,
}

impl SkipLimits {
    /// What these settings allow. In half precision single steps are skipped in the course of things, while the scale
    /// of the loss is found.
    pub(super) fn new(run: &RunConfig) -> Self {
        let fatal = run.max_skipped.max(1);
        let harmless = match run.precision {
            Precision::F16 => fatal - 1,
            Precision::F32 => 0,
        };
        SkipLimits { fatal, harmless }
    }

    /// Counts the skipped ones among steps that were read back, given in order.
    ///
    /// # Errors
    /// [`TrainError::NotFinite`] where so many of them were skipped in a row that the run ends, also if a good one followed.
    pub(super) fn count(
        &self,
        progress: &mut Progress,
        steps: &[StepLosses],
    ) -> Result<(), TrainError> {
        let mut held = Ok(());
        for step in steps {
            progress.skipped += u64::from(step.skipped);
            progress.skipped_in_a_row = match step.skipped {
                true => progress.skipped_in_a_row + 1,
                false => 0,
            };
            held = held.and_then(|()| self.check(progress, step.step));
        }
        held
    }

    /// Ends a run that only skips, at `step`.
    ///
    /// # Errors
    /// [`TrainError::NotFinite`] where it is [broken](Self::broken).
    pub(super) fn check(&self, progress: &Progress, step: u64) -> Result<(), TrainError> {
        match self.broken(progress) {
            true => Err(TrainError::NotFinite {
                count: progress.skipped_in_a_row,
                step,
            }),
            false => Ok(()),
        }
    }

    /// What the last steps say of the weights.
    pub(super) fn verdict(&self, progress: &Progress) -> Verdict {
        match (self.doubtful(progress), self.broken(progress)) {
            (_, true) => Verdict::Broken,
            (true, false) => Verdict::Doubtful,
            (false, false) => Verdict::Good,
        }
    }

    /// Whether the last steps were skipped so that the weights may be no good.
    fn doubtful(&self, progress: &Progress) -> bool {
        progress.skipped_in_a_row > self.harmless
    }

    /// Whether so many steps were skipped in a row that the run ends.
    fn broken(&self, progress: &Progress) -> bool {
        progress.skipped_in_a_row >= self.fatal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skips(max_skipped: u64, precision: Precision) -> SkipLimits {
        SkipLimits::new(&RunConfig {
            max_skipped,
            precision,
            ..RunConfig::default()
        })
    }

    /// A run after so many skipped steps in a row.
    fn after(skipped_in_a_row: u64) -> Progress {
        Progress {
            step: 7,
            skipped_in_a_row,
            ..Progress::default()
        }
    }

    /// A step that was read back.
    fn step((step, skipped): (u64, bool)) -> StepLosses {
        StepLosses {
            step,
            epoch: 0,
            losses: Vec::new(),
            gradient_norm: if skipped { f32::NAN } else { 1.0 },
            learning_rate: 0.1,
            skipped,
        }
    }

    #[test]
    fn skipped_steps_are_counted_and_a_good_one_ends_a_row() {
        let mut progress = after(2);
        let skips = skips(4, Precision::F32);
        let steps = [(8, true), (9, false), (10, true)].map(step);
        skips.count(&mut progress, &steps).unwrap();
        assert_eq!((progress.skipped, progress.skipped_in_a_row), (2, 1));
        let steps = [(11, true)].map(step);
        skips.count(&mut progress, &steps).unwrap();
        assert_eq!((progress.skipped, progress.skipped_in_a_row), (3, 2));
    }

    #[test]
    fn one_skipped_step_casts_doubt_on_weights_in_single_precision() {
        let skips = skips(3, Precision::F32);
        assert_eq!([0, 1].map(|n| skips.doubtful(&after(n))), [false, true]);
        assert_eq!([2, 3].map(|n| skips.broken(&after(n))), [false, true]);
    }

    #[test]
    fn in_half_precision_only_what_ends_a_run_casts_doubt() {
        let skips = skips(3, Precision::F16);
        assert_eq!([2, 3].map(|n| skips.doubtful(&after(n))), [false, true]);
        assert_eq!([2, 3].map(|n| skips.broken(&after(n))), [false, true]);
    }

    #[test]
    fn the_longer_a_row_of_skipped_steps_the_worse_the_verdict() {
        let verdicts = |precision| {
            let skips = skips(3, precision);
            [0, 1, 2, 3, 4].map(|n| skips.verdict(&after(n)))
        };
        use Verdict::{Broken, Doubtful, Good};
        let single = [Good, Doubtful, Doubtful, Broken, Broken];
        assert_eq!(verdicts(Precision::F32), single);
        let half = [Good, Good, Good, Broken, Broken];
        assert_eq!(verdicts(Precision::F16), half);
        assert!(Good < Doubtful && Doubtful < Broken);
    }

    #[test]
    fn no_setting_lets_a_run_end_without_a_skipped_step() {
        let skips = skips(0, Precision::F16);
        assert!(!skips.doubtful(&after(0)) && !skips.broken(&after(0)));
        assert!(skips.broken(&after(1)));
    }

    #[test]
    fn a_broken_run_says_how_many_steps_were_skipped_and_where() {
        let skips = skips(3, Precision::F32);
        // A good step in the same reading does not hide them.
        for last in [None, Some((8, false)), Some((8, true))] {
            let steps = [(5, true), (6, true), (7, true)].into_iter().chain(last);
            let steps: Vec<StepLosses> = steps.map(step).collect();
            let text = skips.count(&mut after(0), &steps).unwrap_err().to_string();
            let told = "the gradients were not finite for 3 steps in a row, last at step 7: ";
            assert!(text.starts_with(told), "{text}");
        }
    }
}
