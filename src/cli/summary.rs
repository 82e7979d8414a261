//! `summary.json`: a run in a few numbers.

use crate::report::metrics::{Record, series};
use crate::train::Summary;
use serde::Serialize;

/// What a run was and what came of it.
#[derive(Debug, Serialize)]
pub(super) struct RunSummary {
    pub version: &'static str,
    pub command: &'static str,
    pub preset: String,
    pub device: String,
    pub training_volumes: usize,
    pub validation_volumes: usize,
    pub parameters: usize,
    pub steps: u64,
    pub total_steps: u64,
    pub complete: bool,
    pub skipped_steps: u64,
    pub seconds: f64,
    pub crops_per_second: f64,
    pub first_validation_l1: Option<f64>,
    pub last_validation_l1: Option<f64>,
    pub best_validation_l1: Option<f64>,
    pub best_step: u64,
    /// How much lower the last validation error is than the first, in per cent.
    pub validation_fall_percent: Option<f64>,
    pub folder: String,
    pub encoder: String,
}

impl RunSummary {
    /// Fills in what the metrics tell.
    pub(super) fn with_metrics(mut self, records: &[Record], summary: &Summary) -> Self {
        let validation = series(records, "val/l1");
        self.first_validation_l1 = validation.first().map(|(_, l1)| *l1);
        self.last_validation_l1 = validation.last().map(|(_, l1)| *l1);
        self.validation_fall_percent = self
            .first_validation_l1
            .zip(self.last_validation_l1)
            .map(|(first, last)| 100.0 * (1.0 - last / first));
        let speeds = series(records, "crops_per_second");
        self.crops_per_second =
            speeds.iter().map(|(_, speed)| speed).sum::<f64>() / speeds.len().max(1) as f64;
        self.parameters = summary.parameters;
        self.steps = summary.progress.step;
        self.total_steps = summary.total_steps;
        self.complete = summary.progress.step >= summary.total_steps;
        self.skipped_steps = summary.progress.skipped;
        self.seconds = summary.progress.seconds;
        self.best_validation_l1 = summary.progress.best_l1;
        self.best_step = summary.progress.best_step;
        self
    }
}
