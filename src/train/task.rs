//! What a stage of training adds to the loop all stages share.

use crate::config::StageConfig;
use crate::dataset::DatasetError;
use crate::optim::GradientMap;
use crate::train::{Picture, TrainError};
use crate::weights::Named;
use burn::Tensor;
use burn::tensor::Device;
use std::ops::ControlFlow;

/// Losses and gradients of a batch, still on the device.
#[derive(Debug)]
pub struct StepOutput {
    /// One number for each of [`Task::loss_names`], outside the autodiff graph.
    pub losses: Tensor<1>,
    /// Gradients by parameter name.
    pub gradients: GradientMap,
}

/// What a validation found.
#[derive(Debug, Clone, PartialEq)]
pub struct Validation {
    /// What decides which weights are the best.
    pub score: f64,
    /// Everything measured, by name (`val/l1`), the score among them.
    pub values: Vec<(String, f64)>,
    /// One case to look at.
    pub picture: Picture,
}

/// Asked between the parts of a validation whether to go on, with the share that is done, from 0 to 1.
pub type GoOn<'a> = dyn FnMut(f64) -> ControlFlow<()> + 'a;

/// Makes the batch of a step counted over the whole run, a pure function of it, on any thread.
pub type BatchMaker<B> = Box<dyn Fn(u64) -> Result<B, DatasetError> + Send + Sync>;

/// A stage: its data, network, losses and validation.
#[expect(
    async_fn_in_trait,
    reason = "the loop is driven by one thread, natively and on the web"
)]
pub trait Task {
    /// All settings.
    type Config: StageConfig;
    /// What is trained.
    type Network: Named;
    /// What a step learns from, on the host.
    type Batch: Send + 'static;

    /// Name of the file of weights that the stage hands on, in the run's folder.
    const EXPORT: &'static str;

    /// The settings.
    fn config(&self) -> &Self::Config;

    /// Names of the losses of a step, the one that is minimised first.
    fn loss_names(&self) -> &'static [&'static str];

    /// Steps in which every training volume is seen once.
    fn steps_per_epoch(&self) -> u64;

    /// Volumes that a validation goes through.
    fn validation_volumes(&self) -> usize;

    /// Makes batches.
    fn batches(&self) -> BatchMaker<Self::Batch>;

    /// Crops in a batch.
    fn crops(batch: &Self::Batch) -> usize;

    /// A network of zeros on this device.
    ///
    /// # Errors
    /// [`TrainError::Network`] for sizes that make no network.
    fn zeros(config: &Self::Config, device: &Device) -> Result<Self::Network, TrainError>;

    /// The network before the first step, from one of zeros.
    ///
    /// # Errors
    /// [`TrainError::Weights`] where weights to start from do not fit.
    fn initial(&self, zeros: Self::Network) -> Result<Self::Network, TrainError>;

    /// Forward and backward of a batch, on the tracked device or on replicas that the stage has. Gradients are those of
    /// the loss times `scale`, `[1]`, where there is one; the losses are not scaled.
    ///
    /// # Errors
    /// [`TrainError::Device`] for a device that is found to be lost; it may be found later.
    async fn forward_backward(
        &self,
        network: &Self::Network,
        batch: &Self::Batch,
        device: &Device,
        scale: Option<&Tensor<1>>,
    ) -> Result<StepOutput, TrainError>;

    /// Validates, or gives `None` if `go_on` says to stop. What is random in it is keyed by `draw`, `network` is outside the
    /// autodiff graph, and `device` the plain one.
    ///
    /// # Errors
    /// [`TrainError`] for a volume that cannot be read or a lost device.
    async fn validate(
        &self,
        network: &Self::Network,
        draw: u64,
        device: &Device,
        go_on: &mut GoOn<'_>,
    ) -> Result<Option<Validation>, TrainError>;

    /// Whether one score is better than another.
    fn better(score: f64, than: f64) -> bool;

    /// The bytes of [`Self::EXPORT`], which is written whenever a validation is the best so far.
    ///
    /// # Errors
    /// [`TrainError::Device`] for a lost device.
    async fn export(&self, network: &Self::Network, step: u64) -> Result<Vec<u8>, TrainError>;
}
