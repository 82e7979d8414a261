//! A run that something else than its weights ends.

use super::*;

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
