//! A run's events as records of its metrics file, the same for every program that trains.

use crate::report::metrics::Record;
use crate::train::{Progress, StepLosses, Validation};

/// What begins the names of a validation's scalars.
const VALIDATION: &str = "val/";

/// Losses, gradient norm, learning rate and speed of a step.
pub fn of_step(step: &StepLosses, crops_per_second: f64) -> Record {
    let mut record = Record::new(step.step, step.epoch + 1);
    for (name, value) in &step.losses {
        record = record.with(&format!("train/{name}"), f64::from(*value));
    }
    record
        .with("gradient_norm", f64::from(step.gradient_norm))
        .with("learning_rate", step.learning_rate)
        .with("crops_per_second", crops_per_second)
}

/// Everything measured in a validation after `step`; `epoch` counts from 0.
pub fn of_validation(step: u64, epoch: u64, found: &Validation) -> Record {
    let mut record = Record::new(step, epoch + 1);
    for (name, value) in &found.values {
        record = record.with(name, *value);
    }
    record
}

/// Whether a checkpoint covers a record. A run stopped within a validation was saved before that validation.
pub fn covered(record: &Record, progress: &Progress) -> bool {
    let of_validation = |name: &String| name.starts_with(VALIDATION);
    let saved = match record.scalars.keys().any(of_validation) {
        true => progress.validated,
        false => progress.step,
    };
    record.step <= saved
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::Picture;
    use crate::volume::Affine;

    #[test]
    fn a_validation_is_recorded_in_the_epoch_counted_from_one() {
        let found = Validation {
            score: 0.5,
            values: vec![("val/dice".to_owned(), 0.5)],
            picture: Picture::Reconstruction {
                shape: [0; 3],
                affine: Affine::identity(),
                original: Vec::new(),
                view1: Vec::new(),
                view2: Vec::new(),
                reconstruction: Vec::new(),
            },
        };
        let expected = Record::new(7, 3).with("val/dice", 0.5);
        assert_eq!(of_validation(7, 2, &found), expected);
    }

    #[test]
    fn a_validation_that_the_checkpoint_was_saved_within_is_not_covered() {
        let progress = Progress {
            step: 10,
            validated: 5,
            ..Progress::default()
        };
        for (step, name, expected) in [
            (5, "val/dice", true),
            (10, "val/dice", false),
            (10, "train/total", true),
            (11, "train/total", false),
        ] {
            let record = Record::new(step, 1).with(name, 0.5);
            assert_eq!(covered(&record, &progress), expected, "{step} {name}");
        }
    }
}
