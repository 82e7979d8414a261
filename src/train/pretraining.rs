//! Stage one: an auto-encoder learns to undo corruption (specification 3, 6, 7).

use crate::config::{Learned, ModelCard, PretrainConfig, StageConfig, ValidationMode};
use crate::dataset::{BatchSettings, Batches, Draw, TrainingBatch, VolumeSource};
use crate::kernels::{mean_all, read_back, read_back_all};
use crate::nn::{Restoration, Restorer};
use crate::platform;
use crate::random::Stage;
use crate::train::parts::upload;
use crate::train::pretrain_step::pretrain_parts;
use crate::train::spread;
use crate::train::task::BatchMaker;
use crate::train::{GoOn, Picture, Replicas, StepOutput, Task, TrainError, Validation};
use crate::volume::Affine;
use crate::weights::{self, CARD_ENTRY, HEAD};
use burn::Tensor;
use burn::tensor::Device;
use std::rc::Rc;
use std::sync::Arc;

/// Pre-training with its settings and data.
pub struct Pretraining {
    config: PretrainConfig,
    training: Batches,
    validation: Batches,
    replicas: Option<Rc<dyn Replicas>>,
}

impl Pretraining {
    /// Pre-training on prepared volumes.
    ///
    /// # Errors
    /// [`TrainError::Settings`] for settings that cannot work, [`TrainError::Data`] for sources without a case.
    pub fn new(
        config: PretrainConfig,
        training: Arc<dyn VolumeSource>,
        validation: Arc<dyn VolumeSource>,
    ) -> Result<Self, TrainError> {
        config.validate()?;
        let settings = |stage, draw| BatchSettings {
            seed: config.run.seed,
            stage,
            batch_volumes: config.sampling.batch_volumes,
            samples_per_volume: config.sampling.samples_per_volume,
            patch: config.sampling.roi_size,
            corruption: config.corruption(),
            draw,
        };
        let draw = match config.run.validation {
            ValidationMode::Fixed => Draw::Fixed,
            ValidationMode::Random => Draw::EachEpoch,
        };
        Ok(Pretraining {
            training: Batches::new(training, settings(Stage::Pretraining, Draw::EachEpoch))?,
            validation: Batches::new(validation, settings(Stage::PretrainingValidation, draw))?,
            config,
            replicas: None,
        })
    }

    /// The same with copies of its network that compute for it. It stays on this thread.
    pub fn with_replicas(self, replicas: Rc<dyn Replicas>) -> Self {
        Pretraining {
            replicas: Some(replicas),
            ..self
        }
    }

    /// Mean over all validation crops of `|f(view 1) - crop|` (specification 7.4, each crop with the same weight), or
    /// `None` if stopped. Only the first view passes the network.
    async fn reconstruction_error(
        &self,
        network: &Restorer,
        draw: u64,
        device: &Device,
        go_on: &mut GoOn<'_>,
    ) -> Result<Option<f64>, TrainError> {
        let mut replicas = spread::holding(network, self.replicas.as_deref(), usize::MAX).await?;
        // One crop at a time, one on each replica: a validation needs no more memory than a step does.
        let at_once = replicas.map_or(1, |(_, count)| count);
        let (mut sum, mut count) = (0.0, 0_usize);
        let steps = self.validation.steps_per_epoch();
        for step in 0..steps {
            let mut errors = Vec::new();
            let batch = self.validation.make(draw, step)?;
            let (patch, voxels) = (batch.patch, batch.patch.iter().product::<usize>());
            let crops = (batch.view1.chunks(at_once * voxels))
                .zip(batch.target.chunks(at_once * voxels))
                .enumerate();
            for (part, (views, targets)) in crops {
                platform::yield_now().await;
                let part = (part * at_once) as f64 / batch.patches as f64;
                if go_on((step as f64 + part) / steps as f64).is_break() {
                    return Ok(None);
                }
                let mut elsewhere = None;
                if let Some(some) = replicas {
                    elsewhere = spread::forward(some, views, voxels, false).await;
                    // After a failure the rest is computed here.
                    replicas = elsewhere.is_some().then_some(some);
                }
                let own = |view: &[f32]| network.forward(upload(view.to_vec(), patch, device));
                let outputs: Vec<Tensor<5>> = match elsewhere {
                    Some(outputs) => (outputs.chunks_exact(voxels))
                        .map(|output| upload(output.to_vec(), patch, device))
                        .collect(),
                    None => views.chunks_exact(voxels).map(own).collect(),
                };
                for (output, target) in outputs.into_iter().zip(targets.chunks_exact(voxels)) {
                    let target = upload(target.to_vec(), patch, device);
                    errors.push(mean_all((output - target).abs()));
                }
            }
            // Read a batch at a time: a browser would take in the work of the whole validation at once, and neither a stop nor
            // what is said of how far it is would mean anything.
            let errors = read_back_all(errors).await?;
            count += errors.len();
            for error in errors.iter().flatten() {
                sum += f64::from(*error);
            }
        }
        Ok(Some(sum / count.max(1) as f64))
    }
}

impl Task for Pretraining {
    type Config = PretrainConfig;
    type Network = Restorer;
    type Batch = TrainingBatch;

    const EXPORT: &'static str = "encoder.safetensors";

    fn config(&self) -> &PretrainConfig {
        &self.config
    }

    fn loss_names(&self) -> &'static [&'static str] {
        if self.config.loss.contrastive_weight == 0.0 {
            &["total", "l1"]
        } else {
            &["total", "l1", "contrastive"]
        }
    }

    fn steps_per_epoch(&self) -> u64 {
        self.training.steps_per_epoch()
    }

    fn validation_volumes(&self) -> usize {
        self.validation.volumes()
    }

    fn batches(&self) -> BatchMaker<TrainingBatch> {
        let batches = self.training.clone();
        Box::new(move |step| batches.at(step))
    }

    fn crops(batch: &TrainingBatch) -> usize {
        batch.patches
    }

    fn zeros(config: &PretrainConfig, device: &Device) -> Result<Restorer, TrainError> {
        Ok(Restorer::zeros(&config.restorer(), device)?.with_precision(config.run.precision))
    }

    fn initial(&self, zeros: Restorer) -> Result<Restorer, TrainError> {
        Ok(weights::initialise(zeros, self.config.run.seed)?)
    }

    async fn forward_backward(
        &self,
        network: &Restorer,
        batch: &TrainingBatch,
        device: &Device,
        scale: Option<&Tensor<1>>,
    ) -> Result<StepOutput, TrainError> {
        pretrain_parts(batch, &self.config, device, scale)
            .run_anywhere(network, self.replicas.as_deref())
            .await
    }

    async fn validate(
        &self,
        network: &Restorer,
        draw: u64,
        device: &Device,
        go_on: &mut GoOn<'_>,
    ) -> Result<Option<Validation>, TrainError> {
        let device = device.clone().inner();
        let error = self
            .reconstruction_error(network, draw, &device, go_on)
            .await?;
        let Some(score) = error else {
            return Ok(None);
        };
        let batch = self.validation.make(draw, 0)?;
        let affine = *self.validation.first_volume(draw, 0)?.affine();
        Ok(Some(Validation {
            score,
            values: vec![("val/l1".to_owned(), score)],
            picture: picture(network, &batch, affine, &device).await?,
        }))
    }

    fn better(score: f64, than: f64) -> bool {
        score < than
    }

    /// What fine-tuning starts from, with a [`ModelCard`]: the last layer alone stays behind.
    async fn export(&self, network: &Restorer, step: u64) -> Result<Vec<u8>, TrainError> {
        let mut encoder = weights::export(network).await?;
        let what = match self.config.decoder.restoration {
            Restoration::Linear => {
                encoder.retain(|(info, _)| !info.name.starts_with("conv3d_transpose"));
                "ViT encoder under the names of MONAI's ViTAutoEnc"
            }
            Restoration::Unetr => {
                encoder.retain(|(info, _)| !info.name.starts_with(HEAD));
                "UNETR without its last layer under the names of MONAI's UNETR"
            }
        };
        let about = format!("{what}, step {step}");
        let card = ModelCard::new(about, &self.config, &Learned::default())?.to_toml()?;
        Ok(weights::encode(&encoder, Some((CARD_ENTRY, &card)))?)
    }
}

/// The first crop of a batch with its views and what the network makes of the first. `affine` is that of its volume.
async fn picture(
    network: &Restorer,
    batch: &TrainingBatch,
    affine: Affine,
    device: &Device,
) -> Result<Picture, TrainError> {
    let voxels = batch.patch.iter().product::<usize>();
    let first = |values: &[f32]| values.get(..voxels).unwrap_or_default().to_vec();
    let view1 = first(&batch.view1);
    let input = upload(view1.clone(), batch.patch, device);
    let output = network.forward(input);
    let reconstruction = read_back(output).await?;
    Ok(Picture::Reconstruction {
        shape: batch.patch,
        affine,
        original: first(&batch.target),
        view1,
        view2: first(&batch.view2),
        reconstruction,
    })
}

#[cfg(test)]
mod tests;
