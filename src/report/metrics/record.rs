//! The scalars of one moment of a run, and how they stand in a line.

use crate::report::ReportError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The scalars of one moment of a run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(from = "Line")]
pub struct Record {
    /// Optimizer steps done since the start of the run.
    pub step: u64,
    /// Epochs done since the start of the run.
    pub epoch: u64,
    /// Values by name, such as `train/total`, `val/l1`, `learning_rate`, `gradient_norm`, `crops_per_second`.
    /// NaN and infinity are written as `null` and read as NaN.
    #[serde(flatten)]
    pub scalars: BTreeMap<String, f64>,
}

/// A record as it stands in the file, with `null` for what JSON cannot say.
#[derive(Deserialize)]
struct Line {
    step: u64,
    epoch: u64,
    #[serde(flatten)]
    scalars: BTreeMap<String, Option<f64>>,
}

impl From<Line> for Record {
    fn from(line: Line) -> Record {
        let scalars = line.scalars.into_iter();
        Record {
            step: line.step,
            epoch: line.epoch,
            scalars: scalars
                .map(|(name, value)| (name, value.unwrap_or(f64::NAN)))
                .collect(),
        }
    }
}

impl Record {
    /// A record without scalars.
    pub fn new(step: u64, epoch: u64) -> Record {
        Record {
            step,
            epoch,
            ..Record::default()
        }
    }

    /// The record with one more scalar.
    #[must_use]
    pub fn with(mut self, name: &str, value: f64) -> Record {
        self.scalars.insert(name.to_owned(), value);
        self
    }

    /// The scalar called `name`.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.scalars.get(name).copied()
    }

    /// The record as one line of JSON, with its line end.
    ///
    /// # Errors
    /// [`ReportError::ReservedName`] for a scalar called `step` or `epoch`.
    pub fn to_line(&self) -> Result<String, ReportError> {
        for name in ["step", "epoch"] {
            if self.scalars.contains_key(name) {
                return Err(ReportError::ReservedName(name.to_owned()));
            }
        }
        let mut line = serde_json::to_string(self).map_err(|error| ReportError::Json {
            file: "metrics".to_owned(),
            cause: error.to_string(),
        })?;
        line.push('\n');
        Ok(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_names_are_refused() {
        let line = Record::new(1, 0).with("step", 2.0).to_line();
        assert!(matches!(line, Err(ReportError::ReservedName(name)) if name == "step"));
    }
}
