//! Why training stopped before its end.

use crate::config::SettingsError;
use crate::dataset::DatasetError;
use crate::infer::InferError;
use crate::kernels::DeviceLost;
use crate::metric::MetricError;
use crate::nn::ConfigError;
use crate::platform;
use crate::train::layout::{CHECKPOINTS, LAST, PREVIOUS};
use crate::weights::WeightsError;
use std::io;
use std::path::{Path, PathBuf};

/// A run that cannot start, go on or be resumed.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// Settings that cannot work.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Sizes that make no network.
    #[error(transparent)]
    Network(#[from] ConfigError),
    /// A volume that cannot be used.
    #[error(transparent)]
    Data(#[from] DatasetError),
    /// Weights that do not fit.
    #[error(transparent)]
    Weights(WeightsError),
    /// A volume cannot be segmented.
    #[error(transparent)]
    Infer(InferError),
    /// A prediction cannot be scored.
    #[error(transparent)]
    Metric(#[from] MetricError),
    /// The device failed, whatever it did last.
    #[error(
        "the device failed: {0}; where its memory ran out, go on with --device cpu (unless --precision is f16), or begin a new run with --accumulation or smaller crops (--roi-size)"
    )]
    Device(#[from] DeviceLost),
    /// Nothing to choose the best weights by.
    #[error(
        "no validation case has a voxel of any class but the background, so no weights would score better than others: check the label maps of the validation list"
    )]
    Unlabelled,
    /// The validation's score, or what the network gave in it, is not a number.
    #[error(
        "the validation at step {step} has a score that is not a number: begin a new run with a lower learning rate, with clipped gradients (clip_norm), in pre-training with a smaller contrastive_weight or, where it was in half precision, in f32; a run that goes on keeps those settings"
    )]
    Score {
        /// Where it was.
        step: u64,
    },
    /// A mistake of this program.
    #[error("this should not happen: {0}; the last checkpoint is intact, please report it")]
    Internal(&'static str),
    /// The gradients were not finite for too long.
    #[error(
        "the gradients were not finite for {count} steps in a row, last at step {step}: begin a new run with a lower learning rate, with clipped gradients (clip_norm), in pre-training with a smaller contrastive_weight or, where it was in half precision, in f32; a run that goes on keeps those settings"
    )]
    NotFinite {
        /// Steps in a row.
        count: u64,
        /// The last of them.
        step: u64,
    },
    /// A file of the run could not be written or read.
    #[error(transparent)]
    File(#[from] io::Error),
    /// No checkpoint in a folder.
    #[error("{} holds no usable checkpoint: {reason}", folder.display())]
    NoCheckpoint {
        /// The run's folder.
        folder: PathBuf,
        /// What was found instead.
        reason: String,
    },
    /// A checkpoint of another command.
    #[error("{} is a checkpoint of {stage}, not of {wanted}: use {stage} --resume, or name another folder", folder.display())]
    OtherStage {
        /// The checkpoint's folder.
        folder: PathBuf,
        /// The command that wrote it.
        stage: String,
        /// The command that reads it.
        wanted: &'static str,
    },
    /// A checkpoint that only a later program can read.
    #[error(
        "{}: a newer version of this program wrote the checkpoint, in format {version} where this one reads {known}: update hounsfield",
        file.display()
    )]
    Newer {
        /// What the checkpoint says of itself.
        file: PathBuf,
        /// Its format.
        version: u32,
        /// The newest format that is read.
        known: u32,
    },
    /// A checkpoint whose bytes are not what was written.
    #[error("{}: {reason}; the checkpoint was cut short or edited: {}", file.display(), instead_of(file))]
    Damaged {
        /// The damaged file.
        file: PathBuf,
        /// What does not match.
        reason: String,
    },
    /// Settings of a far larger network than the weights of a checkpoint are of.
    #[error(
        "the settings ask for a network of about {asked} weights, and the checkpoint holds {held} numbers: it was put together from two runs, or edited; take it from a copy, or begin a new run"
    )]
    OtherNetwork {
        /// Weights of the network, by an estimate.
        asked: u64,
        /// Numbers of the weights that are there.
        held: u64,
    },
    /// An observer failed, such as the writer of the run's folder.
    #[error("{0}")]
    Observer(String),
}

/// What to do about a damaged file of a checkpoint.
fn instead_of(file: &Path) -> String {
    let folder = file.parent().unwrap_or(file);
    let of_last = folder.file_name().is_some_and(|name| name == LAST);
    match of_last && platform::exists(&folder.with_file_name(PREVIOUS)) {
        true => format!("move its folder away to go on from {CHECKPOINTS}/{PREVIOUS}"),
        false => "take it from a copy, or begin a new run".to_owned(),
    }
}

impl From<WeightsError> for TrainError {
    fn from(error: WeightsError) -> Self {
        match error {
            WeightsError::Device(lost) => TrainError::Device(lost),
            other => TrainError::Weights(other),
        }
    }
}

impl From<InferError> for TrainError {
    fn from(error: InferError) -> Self {
        match error {
            InferError::Device(lost) => TrainError::Device(lost),
            other => TrainError::Infer(other),
        }
    }
}

impl TrainError {
    /// Whether the device was lost: a new one may help, from the last checkpoint on.
    pub fn is_device_lost(&self) -> bool {
        matches!(self, TrainError::Device(_))
    }

    /// An error of the validation at a step. Numbers that are not finite end the run in half precision too: the same
    /// windows would overflow in every later validation and prediction, unlike gradients, whose scale adapts.
    pub(super) fn of_validation(self, step: u64) -> Self {
        match self {
            TrainError::Infer(InferError::NotFinite) => TrainError::Score { step },
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PretrainConfig;
    use crate::train::Manifest;
    use crate::train::layout::MANIFEST;

    #[test]
    fn a_checkpoint_of_a_later_program_is_told_from_a_damaged_one() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |manifest: &str| {
            std::fs::write(folder.path().join(MANIFEST), manifest).unwrap();
            Manifest::<PretrainConfig>::read(folder.path()).unwrap_err()
        };
        // Whatever else has changed in it.
        for later in [
            r#"{"version": 2}"#,
            r#"{"version": 2, "stage": ["pretrain"], "config": 7}"#,
        ] {
            let error = refused(later);
            assert!(matches!(error, TrainError::Newer { .. }), "{error}");
            assert!(error.to_string().contains("update"), "{error}");
        }
        let error = refused(r#"{"version": 1, "stage": "pretrain"}"#);
        assert!(matches!(error, TrainError::Damaged { .. }), "{error}");
    }

    #[test]
    fn a_lost_device_is_told_wherever_it_was_met() {
        let lost = || DeviceLost("gone".to_owned());
        for error in [
            TrainError::from(lost()),
            TrainError::from(WeightsError::from(lost())),
            TrainError::from(InferError::from(lost())),
        ] {
            assert!(error.is_device_lost(), "{error:?}");
            let text = error.to_string();
            for word in ["gone", "--device cpu", "memory", "--accumulation"] {
                assert!(text.contains(word), "{text}");
            }
        }
        for error in [
            TrainError::from(InferError::NotFinite),
            TrainError::Score { step: 1 },
        ] {
            assert!(!error.is_device_lost(), "{error:?}");
        }
    }
}
