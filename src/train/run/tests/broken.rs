//! A run that something else than its weights ends.

use super::*;
use std::time::Duration;

#[test]
fn what_was_trained_is_saved_where_a_volume_ends_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config();
    config.run.checkpoint_minutes = 1e9;
    // More steps than there are volumes for.
    config.run.epochs = Some(2 * GRADIENTS.len() as u64);
    let run = Run {
        task: Given::<true> {
            config,
            scores: Vec::new(),
            bad: None,
        },
        device: Device::flex(),
        folder: Some(folder.path().to_owned()),
        resume: None,
    };
    let mut seen = Seen::default();
    let ended = pollster::block_on(train(run, &mut seen, &Control::default()));
    assert!(matches!(ended, Err(TrainError::Data(_))), "{ended:?}");
    let saved = Checkpoint::<PretrainConfig>::latest(folder.path()).unwrap();
    assert_eq!(saved.manifest.progress.step, GRADIENTS.len() as u64);
    // What was not read yet is told before.
    assert_eq!(seen.rates.len(), GRADIENTS.len());
}

/// The steps behind which a run was saved. Each step takes a while.
#[derive(Debug, Default)]
struct Saves(Vec<u64>);

impl Observer for Saves {
    fn event(&mut self, event: &Event<'_>) -> Result<(), TrainError> {
        match event {
            Event::Steps { .. } => std::thread::sleep(Duration::from_millis(10)),
            Event::Saved { step } => self.0.push(*step),
            _ => {}
        }
        Ok(())
    }
}

/// The steps behind which a run is saved whose step `bad`, from 0, is skipped.
fn saves(checkpoint_minutes: f64, bad: u64) -> Vec<u64> {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config();
    config.run.checkpoint_minutes = checkpoint_minutes;
    let run = Run {
        task: Given::<true> {
            config,
            scores: Vec::new(),
            bad: Some(bad),
        },
        device: Device::flex(),
        folder: Some(folder.path().to_owned()),
        resume: None,
    };
    let mut saves = Saves::default();
    pollster::block_on(train(run, &mut saves, &Control::default())).unwrap();
    saves.0
}

#[test]
fn a_run_that_ends_with_a_skipped_step_keeps_the_steps_before_it() {
    assert_eq!(saves(1e9, 4), [0, 5]);
}

#[test]
fn what_is_saved_after_some_minutes_leaves_out_weights_behind_a_skipped_step() {
    // 6 ms, which each step takes.
    assert_eq!(saves(1e-4, 2), [0, 1, 2, 4, 5, 5]);
}

#[test]
fn a_run_whose_every_step_was_skipped_fails_though_it_bears_more() {
    let mut config = config();
    config.run.epochs = Some(1);
    let task = Given::<true> {
        config,
        scores: Vec::new(),
        bad: Some(0),
    };
    let run = Run {
        task,
        device: Device::flex(),
        folder: None,
        resume: None,
    };
    let ended = pollster::block_on(train(run, &mut Seen::default(), &Control::default()));
    let none = matches!(ended, Err(TrainError::NotFinite { count: 1, step: 1 }));
    assert!(none, "{ended:?}");
}
