//! What a person sees while a run goes: a bar in a terminal, plain lines elsewhere.

use crate::cli::bar::Bar;
use crate::cli::output::{count, duration, say};
use crate::platform::Instant;
use crate::train::{Estimate, Event, Observer, StepLosses, Stopwatch, TrainError};

/// Seconds between plain lines.
pub(super) const LINE_INTERVAL: f64 = 10.0;
/// Seconds of a validation that is worth a line when it begins.
const LONG: f64 = 5.0;

/// Shows a run on standard error.
#[derive(Debug)]
pub(super) struct Progress {
    /// While the run goes on, where standard error can show one.
    bar: Option<Bar>,
    total: u64,
    stopwatch: Stopwatch,
    line_at: Option<Instant>,
    epochs: u64,
    crops_per_second: f64,
    job: Option<Job>,
}

/// The longer job that a run is part of.
#[derive(Debug, Clone)]
pub(super) struct Job {
    /// What stands before every line, such as `run 3 of 19`.
    pub label: String,
    /// How many runs like this one follow, and seconds that one took where one has ended; none where others follow.
    pub following: Option<(usize, Option<f64>)>,
}

impl Job {
    /// Seconds left of the whole job, and whether scoring is in it, which no run of training tells the time of.
    fn left(&self, run: &Estimate) -> Option<(f64, bool)> {
        let (runs, each) = self.following?;
        let left = run.left + runs as f64 * each.unwrap_or(run.whole);
        Some((left, each.is_some()))
    }
}

impl Progress {
    /// Shows a run as part of a longer job.
    pub(super) fn within(job: Job) -> Self {
        Progress {
            job: Some(job),
            ..Progress::new()
        }
    }

    pub(super) fn new() -> Self {
        Progress {
            job: None,
            bar: None,
            total: 0,
            stopwatch: Stopwatch::default(),
            line_at: None,
            epochs: 0,
            crops_per_second: 0.0,
        }
    }

    fn steps(&mut self, losses: &[StepLosses]) {
        for step in losses.iter().filter(|step| step.skipped) {
            say(&format!(
                "step {}: the gradients are not finite, skipped",
                step.step
            ));
        }
        let Some(last) = losses.last() else { return };
        let losses: Vec<String> = last
            .losses
            .iter()
            .map(|(name, value)| format!("{} {value:.4}", loss(name)))
            .collect();
        let text = format!(
            "epoch {}/{}, {}, {:.1} crops/s",
            last.epoch + 1,
            self.epochs,
            losses.join(", "),
            self.crops_per_second
        );
        let (label, left) = (self.label(), self.left());
        match &self.bar {
            Some(bar) => {
                bar.reach(last.step);
                bar.message(format!("{label}{text}, {left}"));
            }
            None => {
                let due = self
                    .line_at
                    .is_none_or(|at| at.elapsed().as_secs_f64() >= LINE_INTERVAL);
                if due || last.step == self.total {
                    self.line_at = Some(Instant::now());
                    say(&format!(
                        "{label}step {}/{}: {text}, {left}",
                        last.step, self.total,
                    ));
                }
            }
        }
    }

    /// What stands before what is said of a run that is part of a longer job.
    fn label(&self) -> String {
        let job = self.job.as_ref();
        job.map_or_else(String::new, |job| format!("{}, ", job.label))
    }

    fn left(&self) -> String {
        left(&self.stopwatch.estimate(), self.job.as_ref())
    }

    /// A validation begins, or a share of it is done.
    fn validating(&self, volumes: usize, share: Option<f64>) {
        let text = format!("{}validating, {}", self.label(), count(volumes, "volume"));
        match (&self.bar, share) {
            (Some(bar), share) => {
                let percent = 100.0 * share.unwrap_or(0.0);
                bar.message(format!("{text}, {percent:.0} %, {}", self.left()));
            }
            // Where it takes no time, the line of its end is enough.
            (None, None) if self.stopwatch.validation().is_none_or(|s| s >= LONG) => say(&text),
            (None, _) => {}
        }
    }
}

/// The size of a network.
fn weights(parameters: usize) -> String {
    match parameters {
        0..100_000 => count(parameters, "weight"),
        _ => format!("{:.1} million weights", parameters as f64 / 1e6),
    }
}

/// How much time is left of a run and of the job that it is part of, and what that leaves out.
fn left(run: &Estimate, job: Option<&Job>) -> String {
    let mut text = format!("{} left", duration(run.left));
    let mut without = Vec::new();
    if !run.with_validation {
        without.push("validation");
    }
    if let Some((all, with_scoring)) = job.and_then(|job| job.left(run)) {
        text = format!("{text}, {} of all runs", duration(all));
        if !with_scoring {
            without.push("scoring");
        }
    }
    match without.is_empty() {
        true => text,
        false => format!("{text} (without {})", without.join(" and ")),
    }
}

/// The name of a loss as people say it: that of Dice is what is missing to a Dice of 1.
fn loss(name: &str) -> &str {
    match name {
        "dice" => "Dice loss",
        other => spoken(other),
    }
}

/// The name of a loss or score as people say it.
fn spoken(name: &str) -> &str {
    match name {
        "l1" => "L1",
        "dice" => "Dice",
        "cross_entropy" => "cross-entropy",
        other => other,
    }
}

impl Observer for Progress {
    fn event(&mut self, event: &Event<'_>) -> Result<(), TrainError> {
        self.stopwatch.event(event);
        match event {
            Event::Started {
                step,
                total_steps,
                steps_per_epoch,
                parameters,
                ..
            } => {
                self.total = *total_steps;
                self.epochs = total_steps.div_ceil(*steps_per_epoch);
                let (size, epochs) = (weights(*parameters), count(self.epochs, "epoch"));
                let steps = count(*steps_per_epoch, "step");
                say(&format!("{size}, {epochs} of {steps}"));
                if step >= total_steps {
                    say(&format!("all {total_steps} steps are done already"));
                } else if *step > 0 {
                    say(&format!("going on after step {step}"));
                }
                self.bar = Bar::show(*total_steps, "{wide_bar} {pos}/{len}\n{msg}");
                if let Some(bar) = &self.bar {
                    bar.reach(*step);
                }
            }
            Event::Steps {
                losses,
                crops_per_second,
            } => {
                self.crops_per_second = *crops_per_second;
                self.steps(losses);
            }
            Event::Validating { volumes, .. } => self.validating(*volumes, None),
            Event::PartlyValidated { volumes, share, .. } => {
                self.validating(*volumes, Some(*share));
            }
            Event::Validated {
                step,
                epoch,
                found,
                best,
            } => {
                let mark = if *best { ", the best so far" } else { "" };
                let name = found.values.first().map_or("score", |(name, _)| name);
                let name = spoken(name.trim_start_matches("val/"));
                say(&format!(
                    "validation after epoch {} (step {step}): {name} {:.4}{mark}",
                    epoch + 1,
                    found.score
                ));
                if let Some(bar) = &self.bar {
                    let state = format!("{}validated after step {step}", self.label());
                    bar.message(format!("{state}, {}", self.left()));
                }
            }
            Event::Saved { step } => log::info!("checkpoint at step {step}"),
            Event::Ended { .. } => self.bar = None,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_time_left_leaves_out_is_said() {
        let run = |with_validation| Estimate {
            left: 20.0,
            whole: 60.0,
            step: 1.0,
            with_validation,
        };
        assert_eq!(left(&run(true), None), "20 s left");
        assert_eq!(left(&run(false), None), "20 s left (without validation)");
        let job = |each| Job {
            label: "run 1 of 3".to_owned(),
            following: Some((2, each)),
        };
        assert_eq!(
            left(&run(false), Some(&job(None))),
            "20 s left, 2 min 20 s of all runs (without validation and scoring)"
        );
        assert_eq!(
            left(&run(true), Some(&job(Some(100.0)))),
            "20 s left, 3 min 40 s of all runs"
        );
    }

    #[test]
    fn a_small_network_has_more_than_no_weights() {
        let told = [9_000, 99_999, 100_000, 12_649_376].map(weights);
        let expected = [
            "9000 weights",
            "99999 weights",
            "0.1 million weights",
            "12.6 million weights",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_loss_is_not_called_by_the_name_of_a_score() {
        let names = ["total", "dice", "cross_entropy", "l1"].map(loss);
        assert_eq!(names, ["total", "Dice loss", "cross-entropy", "L1"]);
        assert_eq!(spoken("dice"), "Dice");
    }
}
