//! What training writes into its folder besides records: checkpoints and the encoder.

use crate::config::PretrainConfig;
use crate::nn::ViTAutoEncoder;
use crate::platform::{self, AtomicFolder};
use crate::train::state::HostState;
use crate::train::{Checkpoint, Progress, TrainError, TrainState};
use crate::weights;
use std::path::Path;

/// Writes `checkpoints/last` and keeps the one before as `checkpoints/previous`.
///
/// # Errors
/// [`TrainError::File`] with the old checkpoint in place; [`TrainError::Weights`] for a lost device.
pub(super) async fn save_last(
    folder: &Path,
    config: &PretrainConfig,
    progress: Progress,
    state: &TrainState,
) -> Result<(), TrainError> {
    let checkpoint = Checkpoint::new(config, progress, state.to_host().await?);
    let checkpoints = folder.join("checkpoints");
    let mut target = AtomicFolder::create(&checkpoints.join("last"))?;
    checkpoint.write(|name, bytes| target.file(name, bytes))?;
    Ok(target.commit(Some(&checkpoints.join("previous")))?)
}

/// Writes `checkpoints/best`, the whole network without moments, and `encoder.safetensors`, what fine-tuning
/// starts from.
///
/// # Errors
/// As [`save_last`].
pub(super) async fn save_best(
    folder: &Path,
    config: &PretrainConfig,
    progress: Progress,
    network: &ViTAutoEncoder,
) -> Result<(), TrainError> {
    let exported = weights::export(network).await?;
    let encoder: Vec<_> = exported
        .iter()
        .filter(|(info, _)| !info.name.starts_with("conv3d_transpose"))
        .cloned()
        .collect();
    let step = progress.step;
    let about = format!("ViT encoder under the names of MONAI's ViTAutoEnc, step {step}");
    let state = HostState {
        weights: exported,
        ..HostState::default()
    };
    let mut target = AtomicFolder::create(&folder.join("checkpoints/best"))?;
    Checkpoint::new(config, progress, state).write(|name, bytes| target.file(name, bytes))?;
    target.commit(None)?;
    let bytes = weights::encode(&encoder, Some(("about", &about)))?;
    Ok(platform::write_atomic(
        &folder.join("encoder.safetensors"),
        &bytes,
    )?)
}
