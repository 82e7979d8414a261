//! A step and windows spread over replicas: each puts its share of the samples through the network.
//!
//! The loss is formed here, from the outputs of all of them: the contrastive term of pre-training compares samples.

use crate::infer::{DeviceNetwork, InferError, SlidingWindow, WindowNetwork};
use crate::kernels::read_back;
use crate::optim::add_gradient;
use crate::train::parts::{Parts, Sum, Work, upload_samples};
use crate::train::{Replicas, StepOutput, TrainError};
use crate::weights::{self, Named, WeightsError};
use burn::Tensor;
use burn::tensor::TensorData;
use std::cell::Cell;
use std::ops::Range;

/// Replicas that have the weights, and their number.
type Taken<'a> = (&'a dyn Replicas, usize);

/// Replicas with the weights of a network and their number, at most `samples`, where there are enough to gain anything.
///
/// # Errors
/// That of a lost device.
pub(super) async fn holding<'a>(
    network: &impl Named,
    replicas: Option<&'a dyn Replicas>,
    samples: usize,
) -> Result<Option<Taken<'a>>, WeightsError> {
    let Some(replicas) = replicas else {
        return Ok(None);
    };
    let count = replicas.count().min(samples);
    if count < 2 {
        return Ok(None);
    }
    let weights = weights::export(network).await?;
    let weights = weights::encode(&weights, None)?;
    for at in 0..count {
        replicas.take(at, &weights);
    }
    Ok(Some((replicas, count)))
}

/// Ranges of so many samples of `size` numbers, in order: the largest share is as small as it can be, and the last
/// replicas may have none.
fn shares(samples: usize, replicas: usize, size: usize) -> impl Iterator<Item = Range<usize>> {
    let share = samples.div_ceil(replicas).max(1);
    (0..samples)
        .step_by(share)
        .map(move |start| start * size..samples.min(start + share) * size)
}

/// What replicas make of samples of `size` numbers, each of its share.
pub(super) async fn forward(
    (replicas, count): Taken<'_>,
    samples: &[f32],
    size: usize,
    tracked: bool,
) -> Option<Vec<f32>> {
    let asked: Vec<_> = shares(samples.len() / size.max(1), count, size)
        .enumerate()
        .map(|(at, share)| replicas.forward(at, &samples[share], tracked))
        .collect();
    let mut outputs = Vec::new();
    for reply in asked {
        outputs.extend(reply.await?);
    }
    // So many channels of each voxel.
    (!outputs.is_empty() && outputs.len() % samples.len() == 0).then_some(outputs)
}

impl<W: Work> Parts<'_, W> {
    /// As [`Parts::run`], with the network's passes on replicas where there are enough of them, more than one sample, and
    /// none fails.
    ///
    /// # Errors
    /// That of a [lost device](TrainError::is_device_lost).
    pub(super) async fn run_anywhere(
        &self,
        network: &W::Network,
        replicas: Option<&dyn Replicas>,
    ) -> Result<StepOutput, TrainError> {
        let elsewhere = match holding(network, replicas, self.samples_at_once()).await? {
            Some(replicas) => self.run_on(replicas).await?,
            None => None,
        };
        Ok(elsewhere.unwrap_or_else(|| self.run(network)))
    }

    /// The same on these alone; none if one fails.
    async fn run_on(&self, replicas: Taken<'_>) -> Result<Option<StepOutput>, TrainError> {
        let mut sum = Sum::default();
        for crops in self.crops() {
            if self.part_on(&crops, replicas, &mut sum).await?.is_none() {
                return Ok(None);
            }
        }
        Ok(Some(self.output(sum)))
    }

    /// Adds losses and gradients of one part.
    async fn part_on(
        &self,
        crops: &Range<usize>,
        (replicas, count): Taken<'_>,
        sum: &mut Sum,
    ) -> Result<Option<()>, TrainError> {
        let (inputs, patch) = (self.work.inputs(crops), self.work.patch());
        let voxels = patch.iter().product::<usize>();
        let samples = inputs.len() / voxels.max(1);
        let Some(outputs) = forward((replicas, count), &inputs, voxels, true).await else {
            return Ok(None);
        };
        let outputs = upload_samples(outputs, samples, patch, self.device).require_grad();
        let Some(graph) = self.backward(outputs.clone(), crops, sum) else {
            return Ok(Some(()));
        };
        let Some(gradient) = outputs.grad(&graph) else {
            return Ok(Some(()));
        };
        let gradient = read_back(gradient).await?;
        let size = gradient.len() / samples.max(1);
        let asked: Vec<_> = shares(samples, count, size)
            .enumerate()
            .map(|(at, share)| replicas.backward(at, &gradient[share]))
            .collect();
        let device = self.device.clone().inner();
        for reply in asked {
            let Some(found) = reply.await else {
                return Ok(None);
            };
            for (name, values) in found {
                let length = values.len();
                let found = Tensor::from_data(TensorData::new(values, [length]), &device);
                add_gradient(&mut sum.gradients, name, found);
            }
        }
        Ok(Some(()))
    }
}

/// A segmentation network here and in replicas, which take windows in turn.
pub(super) struct ReplicatedNetwork<'a> {
    own: DeviceNetwork<'a>,
    replicas: Option<Taken<'a>>,
    next: Cell<usize>,
}

impl<'a> ReplicatedNetwork<'a> {
    /// A network whose weights replicas are given, where there are any.
    ///
    /// # Errors
    /// That of a lost device.
    pub(super) async fn new(
        own: DeviceNetwork<'a>,
        replicas: Option<&'a dyn Replicas>,
    ) -> Result<Self, WeightsError> {
        Ok(ReplicatedNetwork {
            replicas: holding(own.network, replicas, usize::MAX).await?,
            own,
            next: Cell::new(0),
        })
    }
}

impl WindowNetwork for ReplicatedNetwork<'_> {
    fn classes(&self) -> usize {
        self.own.classes()
    }

    /// One more than there are replicas, so that none waits while windows are put together here.
    fn at_once(&self) -> usize {
        self.replicas.map_or(1, |(_, count)| count + 1)
    }

    fn logits(
        &self,
        input: Vec<f32>,
        settings: &SlidingWindow,
    ) -> impl Future<Output = Result<Vec<f32>, InferError>> {
        let replicas = self.replicas.filter(|_| !settings.mirror);
        let asked = replicas.map(|(replicas, count)| {
            let at = self.next.replace(self.next.get() + 1) % count;
            replicas.forward(at, &input, false)
        });
        async move {
            if let Some(asked) = asked
                && let Some(logits) = asked.await
                && logits.len() == input.len() * self.classes()
            {
                return Ok(logits);
            }
            self.own.logits(input, settings).await
        }
    }
}

#[cfg(test)]
mod tests;
