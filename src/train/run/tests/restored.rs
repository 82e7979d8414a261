//! What is taken from a checkpoint, and those whose parts are not of one network.

use super::given::Number;
use super::*;
use crate::weights::WeightsError;

/// Leaves a run in a folder and goes on with what `change` makes of its checkpoint, of so many layers.
fn resumed(
    layers: usize,
    change: impl FnOnce(&mut Checkpoint<PretrainConfig>),
) -> Result<Outcome, TrainError> {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config();
    config.network.layers = layers;
    config.optimizer.ema_decay = 0.5;
    let run = |resume| Run {
        task: Given::<true> {
            config: config.clone(),
            scores: Vec::new(),
            bad: None,
        },
        device: Device::flex(),
        folder: Some(folder.path().to_owned()),
        resume,
    };
    let control = Control::default();
    pollster::block_on(train(run(None), &mut Seen::default(), &control)).unwrap();
    let mut checkpoint = Checkpoint::latest(folder.path()).unwrap();
    change(&mut checkpoint);
    pollster::block_on(train(run(Some(checkpoint)), &mut Seen::default(), &control))
}

#[test]
fn moments_and_averages_of_another_length_than_their_weights_are_refused() {
    assert!(resumed(1, |_| {}).is_ok());
    let longer = || vec![0.0; 2];
    for part in 0..3 {
        let ended = resumed(1, |checkpoint| {
            let state = &mut checkpoint.state;
            let values = [&mut state.first, &mut state.second, &mut state.average];
            let known = values.into_iter().nth(part).unwrap();
            assert!(known.insert("weight".to_owned(), longer()).is_some());
        });
        let refused = matches!(
            &ended,
            Err(TrainError::Weights(WeightsError::Size { name, found: 2, expected: 1 })) if name == "weight"
        );
        assert!(refused, "{part}: {ended:?}");
    }
}

#[test]
fn settings_of_a_far_larger_network_than_the_weights_are_of_are_refused() {
    // The tutorial's, of 89 million weights and an average of them, where there is one number.
    let ended = resumed(12, |_| {});
    let refused = matches!(
        ended,
        Err(TrainError::OtherNetwork {
            asked: 80_000_000..120_000_000,
            held: 1
        })
    );
    assert!(refused, "{ended:?}");
}

#[test]
fn the_seconds_of_earlier_sittings_are_counted_too() {
    let before = 1000.0;
    let ended = resumed(1, |checkpoint| {
        checkpoint.manifest.progress.seconds = before;
    });
    assert!(ended.unwrap().progress.seconds >= before);
}

#[test]
fn half_precision_goes_on_with_the_scale_of_the_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config();
    config.run.precision = Precision::F16;
    let device = Device::flex();
    let run = Run {
        task: Given::<true> {
            config: config.clone(),
            scores: Vec::new(),
            bad: None,
        },
        device: device.clone(),
        folder: Some(folder.path().to_owned()),
        resume: None,
    };
    pollster::block_on(train(run, &mut Seen::default(), &Control::default())).unwrap();
    let mut checkpoint = Checkpoint::<PretrainConfig>::latest(folder.path()).unwrap();
    // Read from the file: the start, grown by five good steps.
    let saved = checkpoint.state.loss_scale;
    assert!(saved.is_some_and(|scale| scale > 16_384.0), "{saved:?}");
    checkpoint.state.loss_scale = Some(256.0);
    let tracked = TrainState::<Number>::tracked(&config, &device);
    let zeros = Given::<true>::zeros(&config, &tracked).unwrap();
    let state = TrainState::restore(zeros, &config, &device, checkpoint).unwrap();
    let found = pollster::block_on(state.to_host()).unwrap();
    assert_eq!(found.loss_scale, Some(256.0));
}
