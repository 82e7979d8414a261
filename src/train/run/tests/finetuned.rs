//! Runs of fine-tuning that take no time.

use super::super::*;
use crate::config::FinetuneConfig;
use crate::train::finetuning::tests::{cases, config};
use crate::train::{Finetuning, HostState, layout};
use crate::weights::Values;
use std::path::Path;

struct Nobody;

impl Observer for Nobody {
    fn event(&mut self, _: &Event<'_>) -> Result<(), TrainError> {
        Ok(())
    }
}

/// Settings of a run of so many steps on crops as large as the cases, each step validated.
fn short(steps: u64) -> FinetuneConfig {
    let mut config = config();
    config.crops.roi_size = [8; 3];
    config.network.patch_size = 4;
    (config.run.max_steps, config.run.validation_steps) = (Some(steps), 1);
    config
}

/// Runs in a folder, from its newest checkpoint where there is one.
fn run_in(
    folder: Option<&Path>,
    config: &FinetuneConfig,
    control: &Control,
) -> Result<Outcome, TrainError> {
    let task = Finetuning::new(config.clone(), cases(), cases(), Values::new()).unwrap();
    let begun = folder.filter(|folder| layout::newest(folder).is_some());
    let run = Run {
        task,
        device: Device::flex(),
        folder: folder.map(Path::to_owned),
        resume: begun.map(|folder| Checkpoint::latest(folder).unwrap()),
    };
    pollster::block_on(train(run, &mut Nobody, control))
}

#[test]
fn numbers_of_a_validation_that_are_not_finite_are_told_with_its_step() {
    let mut config = short(3);
    // The first update makes every weight infinite.
    config.optimizer.learning_rate = 1e38;
    let ended = run_in(None, &config, &Control::default());
    assert!(
        matches!(ended, Err(TrainError::Score { step: 1 })),
        "{ended:?}"
    );
}

/// The shares of validations that were told.
#[derive(Default)]
struct Shares(Vec<f64>);

impl Observer for Shares {
    fn event(&mut self, event: &Event<'_>) -> Result<(), TrainError> {
        if let Event::PartlyValidated { share, .. } = event {
            self.0.push(*share);
        }
        Ok(())
    }
}

#[test]
fn a_validation_tells_which_share_of_its_cases_is_done() {
    let task = Finetuning::new(short(1), cases(), cases(), Values::new());
    let run = Run {
        task: task.unwrap(),
        device: Device::flex(),
        folder: None,
        resume: None,
    };
    let mut shares = Shares::default();
    pollster::block_on(train(run, &mut shares, &Control::default())).unwrap();
    // Before the only window of each of two cases.
    assert_eq!(shares.0, [0.0, 0.5]);
}

/// A control that was asked to stop.
fn stopped() -> Control {
    let control = Control::default();
    control.stop();
    control
}

/// Has a run's folder look as after a kill before the first checkpoint that follows the one at step 0.
fn set_back(run: &Path, config: &FinetuneConfig) {
    for folder in [layout::last(run), layout::previous(run)] {
        if folder.exists() {
            std::fs::remove_dir_all(folder).unwrap();
        }
    }
    let begun = tempfile::tempdir().unwrap();
    run_in(Some(begun.path()), config, &stopped()).unwrap();
    std::fs::rename(layout::last(begun.path()), layout::last(run)).unwrap();
}

#[test]
fn a_run_killed_after_its_best_validation_knows_it_and_comes_to_the_same_end() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path();
    let config = short(4);
    let whole = run_in(Some(run), &config, &Control::default()).unwrap();
    assert!(whole.progress.best_step > 0);
    let files = [
        run.join(Finetuning::EXPORT),
        layout::best(run).join(layout::WEIGHTS),
    ];
    let read = || files.each_ref().map(|file| std::fs::read(file).unwrap());
    let expected = read();

    set_back(run, &config);
    let best = |outcome: &Outcome| (outcome.progress.best, outcome.progress.best_step);
    let again = run_in(Some(run), &config, &stopped()).unwrap();
    assert_eq!(again.progress.step, 0);
    assert_eq!(best(&again), best(&whole));
    assert!(read() == expected, "the best weights changed");

    // A kill between the two files of the best validation left one of them as it was before.
    set_back(run, &config);
    std::fs::write(&files[0], b"of an earlier step").unwrap();
    let again = run_in(Some(run), &config, &Control::default()).unwrap();
    assert_eq!(best(&again), best(&whole));
    assert!(read() == expected, "the best weights differ");
}

#[test]
fn on_the_way_to_the_best_weights_of_before_a_kill_no_worse_ones_replace_them() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path();
    let config = short(2);
    run_in(Some(run), &config, &stopped()).unwrap();
    let saved = Progress {
        step: 9,
        validated: 9,
        best: Some(2.0),
        best_step: 9,
        ..Progress::default()
    };
    let best = layout::best(run);
    std::fs::create_dir_all(&best).unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(best.join(name), bytes);
    Checkpoint::write(&config, saved, Vec::new(), HostState::default(), write).unwrap();
    let export = run.join(Finetuning::EXPORT);
    std::fs::write(&export, b"the best").unwrap();

    let ended = run_in(Some(run), &config, &Control::default()).unwrap();
    assert_eq!((ended.progress.step, ended.progress.validated), (2, 2));
    assert_eq!(
        (ended.progress.best, ended.progress.best_step),
        (Some(2.0), 9)
    );
    assert_eq!(std::fs::read(&export).unwrap(), b"the best");
}

#[test]
fn activations_that_are_computed_again_change_no_weight() {
    let weights = |recompute: bool| {
        let folder = tempfile::tempdir().unwrap();
        let mut config = short(3);
        config.run.recompute = recompute;
        run_in(Some(folder.path()), &config, &Control::default()).unwrap();
        std::fs::read(layout::last(folder.path()).join(layout::WEIGHTS)).unwrap()
    };
    assert!(weights(true) == weights(false), "the weights differ");
}
