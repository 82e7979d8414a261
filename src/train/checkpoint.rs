//! Checkpoints: a folder of safetensors files and a manifest that vouches for them.

mod manifest;

pub use manifest::{Manifest, Progress, TensorHash};

use crate::config::StageConfig;
use crate::platform;
use crate::train::TrainError;
use crate::train::checksum::checksum_of;
use crate::train::layout::{
    self, AVERAGE, CHECKPOINTS, FIRST_MOMENT, LAST, MANIFEST, SECOND_MOMENT, WEIGHTS,
};
use crate::train::state::HostState;
use crate::weights::{ParameterInfo, Values, decode, encode};
use manifest::VERSION;
use std::io;
use std::path::Path;

/// How many times as many weights as a checkpoint has its settings may ask for, by an estimate.
const SLACK: u64 = 8;
/// So many are no harm.
const HARMLESS: u64 = 50_000_000;

/// A checkpoint in host memory.
#[derive(Debug, PartialEq)]
pub struct Checkpoint<C> {
    /// Settings and progress.
    pub manifest: Manifest<C>,
    /// Weights by name, in the layout of files.
    pub weights: Values,
    /// Moments, averages.
    pub state: HostState,
}

impl<C: StageConfig> Checkpoint<C> {
    /// Hands every file of a checkpoint to `sink`, one in memory at a time, the manifest last. `weights` are as
    /// [`export`](crate::weights::export) gives them.
    ///
    /// # Errors
    /// Those of the sink; [`TrainError::Weights`] never in practice.
    pub fn write(
        config: &C,
        progress: Progress,
        weights: Vec<(ParameterInfo, Vec<f32>)>,
        state: HostState,
        mut sink: impl FnMut(&str, &[u8]) -> io::Result<()>,
    ) -> Result<(), TrainError> {
        let mut manifest = Manifest {
            version: VERSION,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            stage: C::STAGE.to_owned(),
            config: config.clone(),
            progress,
            updates: state.updates,
            loss_scale: state.loss_scale,
            tensors: Vec::new(),
            checksum: String::new(),
        };
        let flat = |values: Values| -> Vec<_> {
            values
                .into_iter()
                .map(|(name, values)| {
                    let shape = vec![values.len()];
                    (ParameterInfo { name, shape }, values)
                })
                .collect()
        };
        let files = [
            (WEIGHTS, weights),
            (FIRST_MOMENT, flat(state.first)),
            (SECOND_MOMENT, flat(state.second)),
            (AVERAGE, flat(state.average)),
        ];
        for (file, tensors) in files {
            if tensors.is_empty() {
                continue;
            }
            for (info, values) in &tensors {
                manifest.tensors.push(TensorHash {
                    file: file.to_owned(),
                    name: info.name.clone(),
                    blake3: hash(values),
                });
            }
            sink(file, &encode(&tensors, None)?)?;
        }
        let pretty =
            |manifest: &Manifest<C>| serde_json::to_vec_pretty(manifest).map_err(io::Error::other);
        manifest.checksum = checksum_of(&pretty(&manifest)?, "");
        sink(MANIFEST, &pretty(&manifest)?)?;
        Ok(())
    }

    /// Reads a checkpoint folder and checks every hash.
    ///
    /// # Errors
    /// Those of [`Manifest::read`]. [`TrainError::Damaged`] names the file that is not what was written,
    /// [`TrainError::File`] one that cannot be read.
    pub fn read(folder: &Path) -> Result<Self, TrainError> {
        let damaged = |file: &str, reason: String| TrainError::Damaged {
            file: folder.join(file),
            reason,
        };
        let manifest = Manifest::<C>::read(folder)?;
        let mut weights = Values::new();
        let mut state = HostState {
            updates: manifest.updates,
            loss_scale: manifest.loss_scale,
            ..HostState::default()
        };
        for (file, stored) in [
            (WEIGHTS, &mut weights),
            (FIRST_MOMENT, &mut state.first),
            (SECOND_MOMENT, &mut state.second),
            (AVERAGE, &mut state.average),
        ] {
            let expected: Vec<_> = manifest.tensors.iter().filter(|t| t.file == file).collect();
            if expected.is_empty() {
                continue;
            }
            let bytes = match platform::read(&folder.join(file)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Err(damaged(file, "is not there".to_owned()));
                }
                read => read?,
            };
            let values = decode(&bytes).map_err(|e| damaged(file, e.to_string()))?;
            for tensor in &expected {
                let found = values.get(&tensor.name).map(|v| hash(v));
                if found.as_ref() != Some(&tensor.blake3) {
                    let name = &tensor.name;
                    return Err(damaged(
                        file,
                        format!("tensor {name} does not match its hash"),
                    ));
                }
            }
            *stored = values;
        }
        Ok(Checkpoint {
            manifest,
            weights,
            state,
        })
    }

    /// Whether these settings, which are valid, may be of the network whose weights it holds: to be asked before any memory
    /// is taken for one, whose parameters then tell exactly.
    ///
    /// # Errors
    /// [`TrainError::OtherNetwork`] for those of a far larger network.
    pub fn check_proportion(&self, config: &C) -> Result<(), TrainError> {
        // Gradients, two moments and the moving average, where there is one, are as many numbers as the weights.
        let copies = 4 + u64::from(config.optimizer().averages());
        let asked = config.memory().state / (copies * size_of::<f32>() as u64);
        let held: usize = self.weights.values().map(Vec::len).sum();
        let held = held as u64;
        match asked > HARMLESS.max(SLACK.saturating_mul(held)) {
            true => Err(TrainError::OtherNetwork { asked, held }),
            false => Ok(()),
        }
    }

    /// The newest checkpoint of a run's folder (see [`layout::newest`]).
    ///
    /// # Errors
    /// [`TrainError::NoCheckpoint`] where there is none, [`TrainError::Damaged`] where it was changed.
    pub fn latest(run: &Path) -> Result<Self, TrainError> {
        if let Some(folder) = layout::newest(run) {
            return Self::read(&folder);
        }
        let reason = if platform::exists(run) {
            format!("no {CHECKPOINTS}/{LAST} in it; name the folder of a run")
        } else {
            "no such folder".to_owned()
        };
        Err(TrainError::NoCheckpoint {
            folder: run.to_owned(),
            reason,
        })
    }
}

fn hash(values: &[f32]) -> String {
    blake3::hash(bytemuck::cast_slice(values))
        .to_hex()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PretrainConfig;
    use crate::weights::WeightsFile;

    #[test]
    fn a_state_comes_back_as_it_was_and_the_file_of_weights_has_their_shapes() {
        let folder = tempfile::tempdir().unwrap();
        let values = |value| Values::from([("fc.weight".to_owned(), vec![value; 6])]);
        let state = || HostState {
            first: values(0.25),
            second: values(0.125),
            average: values(2.0),
            updates: 3,
            loss_scale: None,
        };
        let info = ParameterInfo {
            name: "fc.weight".to_owned(),
            shape: vec![2, 3],
        };
        let weights = vec![(info, vec![0.5; 6])];
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes);
        let config = PretrainConfig::default();
        Checkpoint::write(&config, Progress::default(), weights, state(), write).unwrap();
        let found = Checkpoint::<PretrainConfig>::read(folder.path()).unwrap();
        assert_eq!((found.weights, found.state), (values(0.5), state()));
        let bytes = std::fs::read(folder.path().join(WEIGHTS)).unwrap();
        let file = WeightsFile::open(&bytes).unwrap();
        assert_eq!(file.tensors.len(), 1);
        assert_eq!(file.tensors[0].shape, [2, 3]);
    }
}
