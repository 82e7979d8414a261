//! What training writes into its folder besides records: checkpoints and weights to use.

use crate::config::StageConfig;
use crate::platform::{self, AtomicFolder};
use crate::train::state::HostState;
use crate::train::{Checkpoint, Manifest, Progress, Task, TrainError, TrainState, layout};
use crate::weights::{self, Named};
use std::path::Path;

/// Writes `checkpoints/last` and keeps the one before as `checkpoints/previous`.
///
/// # Errors
/// [`TrainError::File`] with the old checkpoint in place, or as `checkpoints/previous` where only the last rename failed,
/// and that of a [lost device](TrainError::is_device_lost).
pub(super) async fn save_last<C: StageConfig, N: Named>(
    folder: &Path,
    config: &C,
    progress: Progress,
    state: &TrainState<N>,
) -> Result<(), TrainError> {
    let weights = weights::export(&state.network).await?;
    let state = state.to_host().await?;
    let mut target = AtomicFolder::create(&layout::last(folder))?;
    Checkpoint::write(config, progress, weights, state, |name, bytes| {
        target.file(name, bytes)
    })?;
    Ok(target.commit(Some(&layout::previous(folder)))?)
}

/// Writes `checkpoints/best`, the whole network without moments, and what the stage hands on.
///
/// # Errors
/// As [`save_last`].
pub(super) async fn save_best<T: Task>(
    folder: &Path,
    task: &T,
    progress: Progress,
    network: &T::Network,
) -> Result<(), TrainError> {
    // First what is handed on: a run that fails in between finds the validation of this step not yet the best, and does both,
    // unless its device gives another score then that is no longer better.
    let exported = task.export(network, progress.step).await?;
    platform::write_atomic(&folder.join(T::EXPORT), &exported)?;
    let weights = weights::export(network).await?;
    let state = HostState::default();
    let mut target = AtomicFolder::create(&layout::best(folder))?;
    Checkpoint::write(task.config(), progress, weights, state, |name, bytes| {
        target.file(name, bytes)
    })?;
    target.commit(None)?;
    Ok(())
}

/// How far a run is that goes on from a checkpoint. One that was killed may have found its best weights after that, and
/// finds them again on the way, bit for bit where the device allows: until then no worse ones may take their place, and
/// what is told of the best ones must be true of the file that is there.
pub(super) fn with_saved_best<C: StageConfig>(folder: &Path, mut progress: Progress) -> Progress {
    // What cannot be read here is written anew by the next best validation.
    if let Ok(Manifest::<C> { progress: best, .. }) = Manifest::read(&layout::best(folder))
        && best.step > progress.step
    {
        (progress.best, progress.best_step) = (best.best, best.best_step);
    }
    progress
}
