//! All that training changes: weights, moments, average.

use crate::config::StageConfig;
use crate::kernels::{DeviceLost, lasting, read_back_all};
use crate::nn::Precision;
use crate::optim::{Adam, GradientMap, Moments, WeightAverage};
use crate::train::{Checkpoint, LossScale, TrainError};
use crate::weights::{self, Named, Values, WeightsError};
use burn::Tensor;
use burn::tensor::{Device, TensorData};
use std::collections::BTreeMap;

/// Network, optimiser and the average of weights.
#[derive(Debug)]
pub struct TrainState<N> {
    /// The network, on an autodiff device.
    pub network: N,
    /// The optimiser with its moments.
    pub optimizer: Adam,
    /// Moving average of the weights, if asked for.
    pub average: Option<WeightAverage>,
    /// Factor of the loss in half precision.
    pub scale: Option<LossScale>,
}

/// Host values of a state without its weights, in memory layout.
#[derive(Debug, Default, PartialEq)]
pub struct HostState {
    /// First moments by name.
    pub first: Values,
    /// Second moments by name.
    pub second: Values,
    /// Averages by name; empty without an average.
    pub average: Values,
    /// Updates of the optimiser so far.
    pub updates: u64,
    /// Factor of the loss in half precision.
    pub loss_scale: Option<f32>,
}

impl<N: Named> TrainState<N> {
    /// The device that records gradients, with or without recomputation.
    pub fn tracked(config: &impl StageConfig, device: &Device) -> Device {
        let device = device.clone().inner().autodiff();
        if config.run().recompute {
            device.gradient_checkpointing()
        } else {
            device
        }
    }

    /// A state before the first step of a network on a tracked device.
    /// `device` is the plain device.
    pub fn new(network: N, config: &impl StageConfig, device: &Device) -> Self {
        let decay = config.optimizer().ema_decay;
        let half = config.run().precision == Precision::F16;
        TrainState {
            average: (decay > 0.0).then(|| WeightAverage::new(&network, decay)),
            optimizer: Adam::new(config.optimizer().adam()),
            network,
            scale: half.then(|| LossScale::new(device, None)),
        }
    }

    /// The state a checkpoint holds. `zeros` is the network to fill with its weights, `device` the plain device.
    ///
    /// # Errors
    /// [`TrainError::Weights`] when it belongs to another network.
    pub fn restore<C: StageConfig>(
        zeros: N,
        config: &C,
        device: &Device,
        checkpoint: Checkpoint<C>,
    ) -> Result<Self, TrainError> {
        let network = weights::fill(zeros, &checkpoint.weights)?;
        let host = checkpoint.state;
        let parameters = weights::describe(&network).into_iter();
        let lengths: BTreeMap<String, usize> = parameters
            .map(|parameter| (parameter.name, parameter.shape.iter().product()))
            .collect();
        for values in [&host.first, &host.second, &host.average] {
            check_lengths(values, &lengths)?;
        }
        let mut state = Self::new(network, config, device);
        if let Some(scale) = &mut state.scale {
            *scale = LossScale::new(device, host.loss_scale);
        }
        let device = device.clone().inner();
        let tensor = |values: Vec<f32>| {
            let count = values.len();
            lasting::<1>(TensorData::new(values, [count]), &device)
        };
        let mut second = host.second;
        for (name, first) in host.first {
            if let Some(second) = second.remove(&name) {
                let moments = Moments {
                    first: tensor(first),
                    second: tensor(second),
                };
                state.optimizer.moments.insert(name, moments);
            }
        }
        state.optimizer.updates = host.updates;
        if let Some(average) = &mut state.average {
            for (name, values) in host.average {
                average.values.insert(name, tensor(values));
            }
        }
        Ok(state)
    }

    /// One optimiser update.
    pub fn update(self, gradients: GradientMap, factor: &Tensor<1>, rate: f64) -> Self {
        let TrainState {
            network,
            mut optimizer,
            mut average,
            scale,
        } = self;
        let network = optimizer.step(network, gradients, factor, rate);
        if let Some(average) = &mut average {
            average.update(&network, optimizer.updates);
        }
        TrainState {
            network,
            optimizer,
            average,
            scale: scale.map(|scale| scale.next(factor)),
        }
    }

    /// The network that validation and export use: averaged weights if there are any, outside the autodiff graph.
    pub fn evaluated(&self) -> N {
        let network = self.network.clone();
        let network = match &self.average {
            Some(average) => average.apply(network),
            None => network,
        };
        network.valid()
    }

    /// Reads everything but the weights back to the host.
    ///
    /// # Errors
    /// That of a [lost device](TrainError::is_device_lost).
    pub async fn to_host(&self) -> Result<HostState, TrainError> {
        let moments = &self.optimizer.moments;
        let empty = BTreeMap::new();
        let average = self.average.as_ref().map_or(&empty, |a| &a.values);
        Ok(HostState {
            first: read(moments.iter().map(|(name, m)| (name, &m.first))).await?,
            second: read(moments.iter().map(|(name, m)| (name, &m.second))).await?,
            average: read(average.iter()).await?,
            updates: self.optimizer.updates,
            loss_scale: match &self.scale {
                Some(scale) => {
                    let name = "scale".to_owned();
                    let found = read([(&name, scale.value())].into_iter()).await?;
                    found.into_values().flatten().next()
                }
                None => None,
            },
        })
    }
}

/// Whether values are as many as the parameters of their names have. Those of other names nobody asks for.
fn check_lengths(values: &Values, lengths: &BTreeMap<String, usize>) -> Result<(), WeightsError> {
    for (name, values) in values {
        let found = values.len();
        if let Some(&expected) = lengths.get(name)
            && found != expected
        {
            let name = name.clone();
            return Err(WeightsError::Size {
                name,
                found,
                expected,
            });
        }
    }
    Ok(())
}

async fn read<'a>(
    tensors: impl Iterator<Item = (&'a String, &'a Tensor<1>)>,
) -> Result<Values, DeviceLost> {
    let (names, tensors): (Vec<String>, Vec<Tensor<1>>) = tensors
        .map(|(name, tensor)| (name.clone(), tensor.clone()))
        .unzip();
    let values = read_back_all(tensors).await?;
    Ok(names.into_iter().zip(values).collect())
}
