//! `summary.json`: a run in a few numbers.

use crate::report::metrics::{Record, series};
use crate::train::Outcome;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

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
    /// The weights to use, if there are any yet.
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

/// The file of weights under its key; none before the first validation, which writes it.
pub(super) fn handed_on(key: &'static str, weights: &Path) -> BTreeMap<&'static str, String> {
    let there = weights.exists().then(|| weights.display().to_string());
    there.map(|weights| (key, weights)).into_iter().collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_step_counts_in_the_speed_of_a_run_by_its_time() {
        let step = |step, speed| Record::new(step, 1).with("crops_per_second", speed);
        // Crops a second and a third of a second: two in 4/3 s.
        let speed = crops_per_second(&[step(1, 1.0), step(2, 3.0)]);
        assert!((speed - 1.5).abs() < 1e-12, "{speed}");
        assert_eq!(crops_per_second(&[]), 0.0);
    }

    #[test]
    fn a_summary_names_no_weights_that_are_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let weights = folder.path().join("model.safetensors");
        assert!(handed_on("model", &weights).is_empty());
        std::fs::write(&weights, b"").unwrap();
        let named = weights.display().to_string();
        assert_eq!(handed_on("model", &weights)["model"], named);
    }
}
