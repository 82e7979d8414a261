//! `summary.json`: a run in a few numbers.

use crate::report::metrics::{Record, series};
use crate::train::Outcome;
use serde::Serialize;
use std::collections::BTreeMap;

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
    pub best_step: u64,
    /// What the stage is judged by, by name.
    #[serde(flatten)]
    pub scores: Scores,
    pub folder: String,
    /// The weights to use.
    #[serde(flatten)]
    pub weights: BTreeMap<&'static str, String>,
}

/// First, last and best value of a validation score, `first_<name>` and so on.
pub(super) fn scores(records: &[Record], summary: &Outcome, score: &str, name: &str) -> Scores {
    let validation = series(records, score);
    let values = [
        ("first", validation.first().map(|(_, value)| *value)),
        ("last", validation.last().map(|(_, value)| *value)),
        ("best", summary.progress.best),
    ];
    values
        .into_iter()
        .map(|(which, value)| (format!("{which}_{name}"), value))
        .collect()
}

pub(super) type Scores = BTreeMap<String, Option<f64>>;

/// Crops of all steps in all their time: the harmonic mean of the speeds, for steps of equal size; 0 without a step.
pub(super) fn crops_per_second(records: &[Record]) -> f64 {
    let speeds = series(records, "crops_per_second");
    let seconds: f64 = speeds.iter().map(|(_, speed)| speed.recip()).sum();
    match seconds > 0.0 {
        true => speeds.len() as f64 / seconds,
        false => 0.0,
    }
}
