//! The validations of a run.

use super::Runner;
use crate::train::saving::save_best;
use crate::train::{Event, Observer, Task, TrainError};
use std::ops::ControlFlow;

impl<T: Task> Runner<T> {
    /// Validations to come, with one that the last step is owed.
    pub(super) fn validations_left(&self) -> u64 {
        let step = self.progress.step;
        let owed = self.calendar.validates_after(step) && self.progress.validated != step;
        self.calendar.validations_after(step) + u64::from(owed)
    }

    /// Validates where the calendar says so and the step at hand has not been, and keeps what is the best so far.
    pub(super) async fn validate_if_due(
        &mut self,
        observer: &mut dyn Observer,
    ) -> Result<(), TrainError> {
        let step = self.progress.step;
        if !self.calendar.validates_after(step) || self.progress.validated == step {
            return Ok(());
        }
        let volumes = self.task.validation_volumes();
        observer.event(&Event::Validating { step, volumes })?;
        let epoch = self.calendar.epoch_of(step);
        let network = self.state()?.evaluated();
        let mut told = Ok(());
        let mut go_on = |share: f64| {
            told = observer.event(&Event::PartlyValidated {
                step,
                volumes,
                share,
            });
            match told {
                Ok(()) => self.control.flow(),
                Err(_) => ControlFlow::Break(()),
            }
        };
        let found = self
            .task
            .validate(
                &network,
                self.calendar.draw_of(step),
                &self.device,
                &mut go_on,
            )
            .await
            .map_err(|error| error.of_validation(step))?;
        told?;
        let Some(found) = found else {
            return Ok(());
        };
        if !found.score.is_finite() {
            return Err(TrainError::Score { step });
        }
        // The best validation of before a crash, reached again, counts once more: its files may not all be there.
        let again = |best: f64| step == self.progress.best_step && found.score == best;
        let best = self
            .progress
            .best
            .is_none_or(|best| T::better(found.score, best) || again(best));
        self.progress.validated = step;
        if best {
            self.progress.best = Some(found.score);
            self.progress.best_step = step;
            if let Some(folder) = &self.folder {
                save_best(folder, &self.task, self.progress, &network).await?;
            }
        }
        observer.event(&Event::Validated {
            step,
            epoch,
            found: &found,
            best,
        })?;
        self.readings.restart_clock();
        Ok(())
    }
}
