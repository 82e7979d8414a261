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
