//! A copy of a network that another worker trains: what this one computes for it.

use crate::protocol::Stage;
use crate::training::Failure;
use burn::Tensor;
use burn::tensor::Device;
use hounsfield::config::StageConfig;
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
        Ok(match stage {
            Stage::Pretrain => Self::Restorer(replica::<Pretraining>(
                settings,
                device,
                Restorer::forward,
                |config| config.sampling.roi_size,
            )?),
            Stage::Finetune => Self::Segmenter(replica::<Finetuning>(
                settings,
                device,
                Segmenter::forward,
                |config| config.crops.roi_size,
            )?),
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

/// One of a stage; `patch` is the size of its samples.
fn replica<T: Task>(
    settings: &str,
    device: &Device,
    forward: fn(&T::Network, Tensor<5>) -> Tensor<5>,
    patch: fn(&T::Config) -> [usize; 3],
) -> Result<Replica<T::Network>, Failure> {
    let config = T::Config::from_toml(settings, "the settings of the run");
    let config = config.map_err(TrainError::from)?;
    let device = TrainState::<T::Network>::tracked(&config, device);
    let zeros = T::zeros(&config, &device)?;
    Ok(Replica::new(zeros, forward, patch(&config), device))
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
    Ok((parameters, bytemuck::cast_slice(&values.concat()).to_vec()))
}
