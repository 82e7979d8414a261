//! A copy of a network that another worker trains: what this one computes for it.

use crate::protocol::Stage;
use crate::training::Failure;
use burn::Tensor;
use burn::tensor::Device;
use hounsfield::config::{FinetuneConfig, PretrainConfig, StageConfig};
use hounsfield::kernels::{read_back, read_back_all};
use hounsfield::nn::{Restorer, Segmenter};
use hounsfield::optim::GradientMap;
use hounsfield::train::{Finetuning, Pretraining, Replica, Task, TrainError, TrainState};

/// A replica of either stage.
pub(crate) enum Replicated {
    Restorer(Replica<Restorer>),
    Segmenter(Replica<Segmenter>),
}

impl Replicated {
    /// One of zeros with the settings of a run.
    pub(crate) fn new(stage: Stage, settings: &str, device: &Device) -> Result<Self, Failure> {
        let source = "the settings of the run";
        Ok(match stage {
            Stage::Pretrain => {
                let config =
                    PretrainConfig::from_toml(settings, source).map_err(TrainError::from)?;
                let device = TrainState::<Restorer>::tracked(&config, device);
                let zeros = Pretraining::zeros(&config, &device)?;
                let patch = config.sampling.roi_size;
                Self::Restorer(Replica::new(zeros, Restorer::forward, patch, device))
            }
            Stage::Finetune => {
                let config =
                    FinetuneConfig::from_toml(settings, source).map_err(TrainError::from)?;
                let device = TrainState::<Segmenter>::tracked(&config, device);
                let zeros = Finetuning::zeros(&config, &device)?;
                let patch = config.crops.roi_size;
                Self::Segmenter(Replica::new(zeros, Segmenter::forward, patch, device))
            }
        })
    }

    /// Takes a safetensors file.
    pub(crate) fn take(&mut self, weights: &[u8]) -> Result<(), Failure> {
        let taken = match self {
            Self::Restorer(replica) => replica.take(weights),
            Self::Segmenter(replica) => replica.take(weights),
        };
        Ok(taken.map_err(TrainError::from)?)
    }

    /// What it makes of samples, both as bytes of floats.
    pub(crate) fn forward(&mut self, samples: &[u8], tracked: bool) -> Tensor<5> {
        let samples = floats(samples);
        match self {
            Self::Restorer(replica) => replica.forward(samples, tracked),
            Self::Segmenter(replica) => replica.forward(samples, tracked),
        }
    }

    /// The gradients of its parameters for those of its outputs.
    pub(crate) fn backward(&mut self, outputs: &[u8]) -> Result<GradientMap, Failure> {
        let outputs = floats(outputs);
        let found = match self {
            Self::Restorer(replica) => replica.backward(outputs),
            Self::Segmenter(replica) => replica.backward(outputs),
        };
        found.ok_or_else(|| Failure::from("there are no outputs of this size".to_owned()))
    }
}

/// Floats from little-endian bytes.
pub(crate) fn floats(bytes: &[u8]) -> Vec<f32> {
    let (numbers, _) = bytes.as_chunks();
    numbers.iter().copied().map(f32::from_le_bytes).collect()
}

/// A tensor's bytes.
pub(crate) async fn bytes(tensor: Tensor<5>) -> Result<Vec<u8>, Failure> {
    let values = read_back(tensor).await.map_err(TrainError::from)?;
    Ok(bytemuck::cast_slice(&values).to_vec())
}

/// Names and sizes of gradients, and their bytes one after the other.
pub(crate) async fn gradients(
    found: GradientMap,
) -> Result<(Vec<(String, usize)>, Vec<u8>), Failure> {
    let (names, tensors): (Vec<_>, Vec<_>) = found.into_iter().unzip();
    let values = read_back_all(tensors).await.map_err(TrainError::from)?;
    let parameters = names.into_iter().zip(values.iter().map(Vec::len)).collect();
    let bytes = values
        .iter()
        .flat_map(|values| bytemuck::cast_slice(values));
    Ok((parameters, bytes.copied().collect()))
}
