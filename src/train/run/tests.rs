//! What the loop makes of the gradients of a step: a number is trained on given ones.

mod broken;
mod finetuned;
mod given;
mod restored;

use super::*;
use crate::config::PretrainConfig;
use crate::nn::Precision;
use crate::train::layout;
use given::{GRADIENTS, Given, START};

const RATE: f64 = 0.1;
const WARM_UP: u64 = 2;
const LARGEST_NORM: f64 = 1.0;

/// What a run told, step by step.
#[derive(Debug, Default)]
struct Seen {
    rates: Vec<f64>,
    norms: Vec<f32>,
    /// Weights that were validated.
    weights: Vec<f64>,
}

impl Observer for Seen {
    fn event(&mut self, event: &Event<'_>) -> Result<(), TrainError> {
        match event {
            Event::Steps { losses, .. } => {
                self.rates.extend(losses.iter().map(|s| s.learning_rate));
                self.norms.extend(losses.iter().map(|s| s.gradient_norm));
            }
            Event::Validated { found, .. } => self.weights.push(found.score),
            _ => {}
        }
        Ok(())
    }
}

/// Adam with clipping and a warm-up that is validated after every step.
fn config() -> PretrainConfig {
    let mut config = PretrainConfig::default();
    config.optimizer.learning_rate = RATE;
    config.optimizer.clip_norm = LARGEST_NORM;
    config.optimizer.warmup_steps = WARM_UP;
    config.run.epochs = Some(GRADIENTS.len() as u64);
    config.run.validation_interval = 1;
    config
}

/// Runs to the end before an observer.
fn watched(config: PretrainConfig, observer: &mut dyn Observer) -> Result<Outcome, TrainError> {
    let run = Run {
        task: Given::<true> {
            config,
            scores: Vec::new(),
            bad: None,
        },
        device: Device::flex(),
        folder: None,
        resume: None,
    };
    pollster::block_on(train(run, observer, &Control::default()))
}

/// What an observer saw of a whole run.
fn seen<O: Observer + Default>(config: PretrainConfig) -> O {
    let mut seen = O::default();
    watched(config, &mut seen).unwrap();
    seen
}

/// What the papers make of the gradients: the weight after each step, or its running average that keeps `decay`.
fn expected(decay: f64) -> Vec<f64> {
    let mut weight = f64::from(START);
    let (mut first, mut second, mut average) = (0.0, 0.0, weight);
    let mut found = Vec::new();
    for (step, gradient) in (1i32..).zip(GRADIENTS) {
        let gradient = f64::from(gradient);
        let gradient = gradient * (LARGEST_NORM / (gradient.abs() + 1e-6)).min(1.0);
        first = 0.9 * first + 0.1 * gradient;
        second = 0.999 * second + 0.001 * gradient * gradient;
        let n = f64::from(step);
        let rate = RATE * (n / WARM_UP as f64).min(1.0);
        let root = (second / (1.0 - 0.999f64.powi(step))).sqrt();
        weight -= rate * (first / (1.0 - 0.9f64.powi(step))) / (root + 1e-8);
        let keep = decay.min((1.0 + n) / (10.0 + n));
        average = keep * average + (1.0 - keep) * weight;
        found.push(average);
    }
    found
}

fn assert_close(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() < 1e-5, "{found:?}, not {expected:?}");
    }
}

#[test]
fn a_step_takes_the_clipped_gradient_at_the_rate_of_its_time() {
    let seen: Seen = seen(config());
    assert_close(&seen.weights, &expected(0.0));
    assert_close(&seen.rates, &[0.05, 0.1, 0.1, 0.1, 0.1]);
    // What is told is the norm before clipping.
    assert_eq!(seen.norms, GRADIENTS.map(f32::abs));
}

#[test]
fn the_running_average_is_what_is_validated() {
    let mut config = config();
    config.optimizer.ema_decay = 0.5;
    let seen: Seen = seen(config);
    assert_close(&seen.weights, &expected(0.5));
}

#[test]
fn the_scale_of_the_loss_changes_nothing_but_the_loss() {
    let mut config = config();
    config.run.precision = Precision::F16;
    let seen: Seen = seen(config);
    assert_close(&seen.weights, &expected(0.0));
    for (norm, gradient) in seen.norms.iter().zip(GRADIENTS) {
        assert!((norm / gradient.abs() - 1.0).abs() < 1e-5, "{norm}");
    }
}

#[test]
fn the_running_average_that_was_validated_is_what_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config();
    config.optimizer.ema_decay = 0.5;
    let run = Run {
        task: Given::<true> {
            config,
            scores: vec![0.5, 0.875, 0.125, 0.5, 0.5],
            bad: None,
        },
        device: Device::flex(),
        folder: Some(folder.path().to_owned()),
        resume: None,
    };
    pollster::block_on(train(run, &mut Seen::default(), &Control::default())).unwrap();
    let best = Checkpoint::<PretrainConfig>::read(&layout::best(folder.path())).unwrap();
    let kept: Vec<f64> = (best.weights.values().flatten())
        .map(|weight| f64::from(*weight))
        .collect();
    assert_close(&kept, &expected(0.5)[1..2]);
}

/// The step whose weights a run with these scores keeps, by what it says and by what lies in its folder.
fn kept<const FINETUNING: bool>(scores: [f64; 5]) -> [u64; 2] {
    let folder = tempfile::tempdir().unwrap();
    let run = Run {
        task: Given::<FINETUNING> {
            config: config(),
            scores: scores.to_vec(),
            bad: None,
        },
        device: Device::flex(),
        folder: Some(folder.path().to_owned()),
        resume: None,
    };
    let told = pollster::block_on(train(run, &mut Seen::default(), &Control::default())).unwrap();
    let best = Checkpoint::<PretrainConfig>::read(&layout::best(folder.path())).unwrap();
    let weights: Vec<_> = best.weights.into_values().collect();
    let [weight] = &weights[..] else {
        panic!("one number: {weights:?}");
    };
    // No two steps have the same weight.
    let place = expected(0.0)
        .iter()
        .position(|expected| (expected - f64::from(weight[0])).abs() < 1e-5);
    [told.progress.best_step, place.unwrap() as u64 + 1]
}

#[test]
fn the_weights_of_the_first_largest_dice_or_smallest_error_are_kept() {
    let scores = [0.5, 0.875, 0.125, 0.875, 0.125];
    assert_eq!(kept::<true>(scores), [2, 2]);
    assert_eq!(kept::<false>(scores), [3, 3]);
}

/// The events of validations, in order, and how many were said to come.
#[derive(Debug, Default)]
struct Validations {
    to_come: u64,
    events: Vec<(&'static str, u64)>,
}

impl Observer for Validations {
    fn event(&mut self, event: &Event<'_>) -> Result<(), TrainError> {
        match event {
            Event::Started { validations, .. } => self.to_come = *validations,
            Event::Validating { step, volumes } => {
                assert_eq!(*volumes, 3);
                self.events.push(("begins", *step));
            }
            Event::PartlyValidated { step, share, .. } => {
                assert_eq!(*share, 0.5);
                self.events.push(("goes on", *step));
            }
            Event::Validated { step, .. } => self.events.push(("ended", *step)),
            _ => {}
        }
        Ok(())
    }
}

#[test]
fn every_validation_is_announced_and_all_are_counted_before() {
    let mut config = config();
    config.run.validation_steps = 2;
    let seen: Validations = seen(config);
    assert_eq!(seen.to_come, 3);
    let expected = [2, 4, 5].map(|step| ["begins", "goes on", "ended"].map(|what| (what, step)));
    assert_eq!(seen.events, expected.concat());
}

/// Cannot note how far a validation is.
struct Full;

impl Observer for Full {
    fn event(&mut self, event: &Event<'_>) -> Result<(), TrainError> {
        match event {
            Event::PartlyValidated { .. } => Err(TrainError::Observer("no room".to_owned())),
            _ => Ok(()),
        }
    }
}

#[test]
fn an_observer_that_fails_during_a_validation_ends_the_run() {
    let ended = watched(config(), &mut Full);
    let full = matches!(&ended, Err(TrainError::Observer(why)) if why == "no room");
    assert!(full, "{ended:?}");
}
