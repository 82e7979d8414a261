//! Checkpoints whose parts are not of one network.

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
