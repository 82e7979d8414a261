//! What a person sees while a run goes: a bar in a terminal, plain lines elsewhere.

use crate::cli::output::{duration, say};
use crate::platform::Instant;
use crate::train::{Event, Observer, StepLosses, TrainError};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;

/// Seconds between plain lines.
const LINE_INTERVAL: f64 = 10.0;

/// Shows a run on standard error.
#[derive(Debug)]
pub(super) struct Progress {
    /// None where standard error is no terminal.
    bar: Option<ProgressBar>,
    total: u64,
    started_step: u64,
    started: Instant,
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
    /// Seconds left of the whole job, from those of this run that are left and those it takes in all.
    fn left(&self, left: f64, whole: f64) -> Option<f64> {
        let (runs, each) = self.following?;
        Some(left + runs as f64 * each.unwrap_or(whole))
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
            bar: std::io::stderr().is_terminal().then(|| ProgressBar::new(0)),
            total: 0,
            started_step: 0,
            started: Instant::now(),
            line_at: None,
            epochs: 0,
            crops_per_second: 0.0,
        }
    }

    fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => say(text),
        }
    }

    fn steps(&mut self, losses: &[StepLosses]) {
        for step in losses.iter().filter(|step| step.skipped) {
            self.say(&format!(
                "step {}: the gradients are not finite, skipped",
                step.step
            ));
        }
        let Some(last) = losses.last() else { return };
        let losses: Vec<String> = last
            .losses
            .iter()
            .map(|(name, value)| format!("{} {value:.4}", spoken(name)))
            .collect();
        let text = format!(
            "epoch {}/{}, {}, {:.1} crops/s",
            last.epoch + 1,
            self.epochs,
            losses.join(", "),
            self.crops_per_second
        );
        let done = last.step.saturating_sub(self.started_step).max(1);
        let each = self.started.elapsed().as_secs_f64() / done as f64;
        let left = self.total.saturating_sub(last.step) as f64 * each;
        let mut left_text = format!("{} left", duration(left));
        let mut label = String::new();
        if let Some(job) = &self.job {
            if let Some(all) = job.left(left, self.total as f64 * each) {
                left_text = format!("{left_text}, {} of the whole experiment", duration(all));
            }
            label = format!("{}, ", job.label);
        }
        match &self.bar {
            Some(bar) => {
                bar.set_position(last.step);
                bar.set_message(format!("{label}{text}, {left_text}"));
            }
            None => {
                let due = self
                    .line_at
                    .is_none_or(|at| at.elapsed().as_secs_f64() >= LINE_INTERVAL);
                if due || last.step == self.total {
                    self.line_at = Some(Instant::now());
                    say(&format!(
                        "{label}step {}/{}: {text}, {left_text}",
                        last.step, self.total,
                    ));
                }
            }
        }
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
        match event {
            Event::Started {
                step,
                total_steps,
                steps_per_epoch,
                parameters,
            } => {
                self.total = *total_steps;
                self.started_step = *step;
                self.epochs = total_steps.div_ceil(*steps_per_epoch);
                self.started = Instant::now();
                let millions = *parameters as f64 / 1e6;
                let plural = if self.epochs == 1 { "" } else { "s" };
                self.say(&format!(
                    "{millions:.1} million weights, {} epoch{plural} of {steps_per_epoch} steps",
                    self.epochs
                ));
                if *step > 0 {
                    self.say(&format!("going on after step {step}"));
                }
                if let Some(bar) = &self.bar {
                    bar.set_length(*total_steps);
                    bar.set_position(*step);
                    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len}\n{msg}")
                    {
                        bar.set_style(style);
                    }
                }
            }
            Event::Steps {
                losses,
                crops_per_second,
            } => {
                self.crops_per_second = *crops_per_second;
                self.steps(losses);
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
                self.say(&format!(
                    "validation after epoch {} (step {step}): {name} {:.4}{mark}",
                    epoch + 1,
                    found.score
                ));
            }
            Event::Saved { step } => log::info!("checkpoint at step {step}"),
            Event::Ended { .. } => {
                if let Some(bar) = &self.bar {
                    bar.finish_and_clear();
                }
            }
        }
        Ok(())
    }
}
