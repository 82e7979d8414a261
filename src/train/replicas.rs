//! Copies of a network elsewhere, which compute for a training (data parallelism).

use crate::optim::{GradientMap, accumulate};
use crate::train::parts::upload;
use crate::weights::{self, Named, Values, WeightsError};
use burn::Tensor;
use burn::tensor::{Device, TensorData};
use std::pin::Pin;

/// What a replica comes to, or none if it cannot: then it is computed here.
pub type Reply<'a, T> = Pin<Box<dyn Future<Output = Option<T>> + 'a>>;

/// Copies of the network that is trained, which compute at the same time. What is asked of one is begun at once, and in
/// the order in which it was asked.
pub trait Replicas {
    /// How many there are; they are numbered from 0 until this is asked again.
    fn count(&self) -> usize;

    /// Gives replica `at` weights, as a safetensors file.
    fn take(&self, at: usize, weights: &[u8]);

    /// What replica `at` makes of samples `[count, d, h, w]`: `[count, d, h, w, channels]`. A `tracked` one can go back.
    fn forward(&self, at: usize, samples: &[f32], tracked: bool) -> Reply<'_, Vec<f32>>;

    /// The gradients by parameter name, in the layout of memory, for those of the last tracked outputs of replica `at`.
    fn backward(&self, at: usize, outputs: &[f32]) -> Reply<'_, Values>;
}

/// One of them, where it computes.
#[derive(Debug)]
pub struct Replica<N> {
    network: N,
    forward: fn(&N, Tensor<5>) -> Tensor<5>,
    patch: [usize; 3],
    device: Device,
    outputs: Option<Tensor<5>>,
}

impl<N: Named> Replica<N> {
    /// A replica of any weights on a tracked device. `forward` is the network's own, `patch` the size of a sample.
    pub fn new(
        network: N,
        forward: fn(&N, Tensor<5>) -> Tensor<5>,
        patch: [usize; 3],
        device: Device,
    ) -> Self {
        Replica {
            network,
            forward,
            patch,
            device,
            outputs: None,
        }
    }

    /// See [`Replicas::take`].
    ///
    /// # Errors
    /// [`WeightsError`] for those of another network, with the old ones in place.
    pub fn take(&mut self, weights: &[u8]) -> Result<(), WeightsError> {
        self.network = weights::fill(self.network.clone(), &weights::decode(weights)?)?;
        Ok(())
    }

    /// See [`Replicas::forward`]; the outputs are outside the autodiff graph.
    pub fn forward(&mut self, samples: Vec<f32>, tracked: bool) -> Tensor<5> {
        if !tracked {
            let device = self.device.clone().inner();
            let samples = upload(samples, self.patch, &device);
            return (self.forward)(&self.network.valid(), samples);
        }
        self.forget();
        let samples = upload(samples, self.patch, &self.device);
        let outputs = (self.forward)(&self.network, samples);
        self.outputs.insert(outputs).clone().inner()
    }

    /// See [`Replicas::backward`]: none without outputs of the size of these gradients.
    pub fn backward(&mut self, gradients: Vec<f32>) -> Option<GradientMap> {
        let outputs = self.outputs.take()?;
        let shape = outputs.dims();
        if gradients.len() != shape.iter().product::<usize>() {
            return None;
        }
        let gradients = Tensor::from_data(TensorData::new(gradients, shape), &self.device);
        let mut found = GradientMap::new();
        // A sum's gradient is 1 everywhere, so that of this one is what was given.
        let mut graph = (outputs * gradients).sum().backward();
        accumulate(&self.network, &mut graph, &mut found);
        Some(found)
    }
}

impl<N> Replica<N> {
    /// Frees what was kept to go back from outputs for which nobody asked: only going back does.
    fn forget(&mut self) {
        if let Some(outputs) = self.outputs.take() {
            outputs.sum().backward();
        }
    }
}

impl<N> Drop for Replica<N> {
    fn drop(&mut self) {
        self.forget();
    }
}
