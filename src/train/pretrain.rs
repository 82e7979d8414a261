//! The pre-training loop (specification 7).

use crate::augment::Stage;
use crate::config::{PretrainConfig, ValidationMode};
use crate::dataset::{BatchSettings, Batches, Draw, Prefetch, TrainingBatch, VolumeSource};
use crate::device;
use crate::optim::{Schedule, gain};
use crate::platform::{self, Instant};
use crate::train::saving::{save_best, save_last};
use crate::train::{
    Checkpoint, Control, Event, Observer, Progress, StepLosses, TrainError, TrainState,
    forward_backward, picture, validate,
};
use crate::weights::describe;
use burn::Tensor;
use burn::tensor::{Device, Transaction};
use std::path::PathBuf;
use std::sync::Arc;

/// Steps between readings of the losses on a GPU.
const GPU_LOG_EVERY: u64 = 10;

/// What a run works on.
pub struct PretrainRun {
    /// All settings.
    pub config: PretrainConfig,
    /// Where to compute.
    pub device: Device,
    /// Prepared training volumes.
    pub training: Arc<dyn VolumeSource>,
    /// Prepared validation volumes.
    pub validation: Arc<dyn VolumeSource>,
    /// The run's folder; without one nothing is saved.
    pub folder: Option<PathBuf>,
    /// Where to go on.
    pub resume: Option<Checkpoint>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// How far it came.
    pub progress: Progress,
    /// Steps of the whole run.
    pub total_steps: u64,
    /// Trainable numbers.
    pub parameters: usize,
}

/// Trains until all steps are done or `control` says stop, and saves either way.
///
/// # Errors
/// [`TrainError`]; the last checkpoint stays intact.
pub async fn pretrain(
    run: PretrainRun,
    observer: &mut dyn Observer,
    control: &Control,
) -> Result<Summary, TrainError> {
    let mut runner = Runner::new(run, control.clone())?;
    let parameters = describe(&runner.state()?.network)
        .iter()
        .map(|p| p.shape.iter().product::<usize>())
        .sum();
    observer.event(&Event::Started {
        step: runner.progress.step,
        total_steps: runner.total,
        steps_per_epoch: runner.training.steps_per_epoch(),
        parameters,
    })?;
    runner.train(observer).await?;
    let complete = runner.progress.step >= runner.total;
    runner.save(observer).await?;
    if complete && runner.progress.skipped_in_a_row > 0 {
        return Err(TrainError::NotFinite {
            count: runner.progress.skipped_in_a_row,
            step: runner.progress.step,
        });
    }
    observer.event(&Event::Ended {
        step: runner.progress.step,
        complete,
    })?;
    Ok(Summary {
        progress: runner.progress,
        total_steps: runner.total,
        parameters,
    })
}

/// Losses of a step that have not been read back.
struct Pending {
    step: u64,
    rate: f64,
    crops: usize,
    /// Total, L1, contrastive, gradient norm, `[4]`.
    values: Tensor<1>,
}

struct Runner {
    config: PretrainConfig,
    device: Device,
    training: Batches,
    validation: Batches,
    folder: Option<PathBuf>,
    schedule: Schedule,
    total: u64,
    log_every: usize,
    control: Control,
    /// Taken out only while an update consumes it.
    state: Option<TrainState>,
    progress: Progress,
    pending: Vec<Pending>,
    read_at: Instant,
    saved_at: Instant,
    counted_at: Instant,
}

impl Runner {
    fn new(run: PretrainRun, control: Control) -> Result<Self, TrainError> {
        let config = run.config;
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
        let training = Batches::new(run.training, settings(Stage::Pretraining, Draw::EachEpoch))?;
        let validation =
            Batches::new(run.validation, settings(Stage::PretrainingValidation, draw))?;
        let total = config.total_steps(training.steps_per_epoch());
        let log_every = match (config.run.log_every, device::is_cpu(&run.device)) {
            (0, true) => 1,
            (0, false) => GPU_LOG_EVERY,
            (every, _) => every,
        };
        let (state, progress) = match run.resume {
            Some(checkpoint) => (
                TrainState::restore(&config, &run.device, checkpoint.state)?,
                checkpoint.manifest.progress,
            ),
            None => (TrainState::new(&config, &run.device)?, Progress::default()),
        };
        let now = Instant::now();
        Ok(Runner {
            schedule: config.schedule(total),
            config,
            device: run.device,
            training,
            validation,
            folder: run.folder,
            total,
            log_every: usize::try_from(log_every).unwrap_or(usize::MAX),
            control,
            state: Some(state),
            progress,
            pending: Vec::new(),
            read_at: now,
            saved_at: now,
            counted_at: now,
        })
    }

    fn state(&self) -> Result<&TrainState, TrainError> {
        self.state
            .as_ref()
            .ok_or_else(|| TrainError::Device("an update was cut off".to_owned()))
    }

    async fn train(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        // A run stopped between an epoch's last step and its validation makes up for it.
        self.validate_if_due(observer).await?;
        // A checkpoint before the first step: whatever happens from here on, the run can go on, and a disk without
        // room is found now.
        if self.progress.step == 0 {
            self.save(observer).await?;
        }
        let workers = match self.config.data.workers {
            0 => platform::threads(),
            workers => workers,
        };
        let batches = self.training.clone();
        let loader = Prefetch::new(
            workers,
            workers + 1,
            self.progress.step..self.total,
            move |step| batches.at(step),
        );
        for batch in loader {
            if self.control.stopped() {
                break;
            }
            self.step(&batch?)?;
            let epoch_ends = self
                .progress
                .step
                .is_multiple_of(self.training.steps_per_epoch())
                || self.progress.step == self.total;
            if epoch_ends || self.pending.len() >= self.log_every {
                self.read_losses(observer).await?;
            }
            self.validate_if_due(observer).await?;
            if self.saved_at.elapsed().as_secs_f64() >= 60.0 * self.config.run.checkpoint_minutes {
                self.save(observer).await?;
            }
        }
        self.read_losses(observer).await
    }

    fn step(&mut self, batch: &TrainingBatch) -> Result<(), TrainError> {
        let state = self
            .state
            .take()
            .ok_or_else(|| TrainError::Device("an update was cut off".to_owned()))?;
        let tracked = state.network.vit.norm.weight.val().device();
        let output = forward_backward(&state.network, batch, &self.config, &tracked);
        let clip = self.config.optimizer.clip_norm;
        let gain = gain(&output.gradients, (clip > 0.0).then_some(clip))
            .ok_or_else(|| TrainError::Device("no parameter has a gradient".to_owned()))?;
        let rate = self.schedule.rate(self.progress.step);
        self.state = Some(state.update(output.gradients, &gain.factor, rate));
        self.progress.step += 1;
        self.pending.push(Pending {
            step: self.progress.step,
            rate,
            crops: batch.patches,
            values: Tensor::cat(vec![output.losses, gain.norm], 0),
        });
        Ok(())
    }

    /// Reads all pending losses in one transfer, reports them, and stops a run that only skips.
    async fn read_losses(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let pending = std::mem::take(&mut self.pending);
        let mut transaction = Transaction::default();
        for step in &pending {
            transaction = transaction.register(step.values.clone());
        }
        let data = transaction
            .execute_async()
            .await
            .map_err(|e| TrainError::Device(format!("{e:?}")))?;
        let mut losses = Vec::with_capacity(pending.len());
        for (step, data) in pending.iter().zip(data) {
            let values: Vec<f32> = data.iter::<f32>().collect();
            let [total, l1, contrastive, norm] = values[..] else {
                return Err(TrainError::Device(
                    "the losses could not be read".to_owned(),
                ));
            };
            let skipped = !norm.is_finite();
            self.progress.skipped += u64::from(skipped);
            self.progress.skipped_in_a_row = match skipped {
                true => self.progress.skipped_in_a_row + 1,
                false => 0,
            };
            losses.push(StepLosses {
                step: step.step,
                epoch: (step.step - 1) / self.training.steps_per_epoch(),
                total,
                l1,
                contrastive: (self.config.loss.contrastive_weight != 0.0).then_some(contrastive),
                gradient_norm: norm,
                learning_rate: step.rate,
                skipped,
            });
        }
        let seconds = self.read_at.elapsed().as_secs_f64().max(1e-9);
        self.read_at = Instant::now();
        let crops = pending.iter().map(|step| step.crops).sum::<usize>();
        observer.event(&Event::Steps {
            losses: &losses,
            crops_per_second: crops as f64 / seconds,
        })?;
        if self.progress.skipped_in_a_row >= self.config.run.max_skipped.max(1) {
            return Err(TrainError::NotFinite {
                count: self.progress.skipped_in_a_row,
                step: self.progress.step,
            });
        }
        Ok(())
    }

    /// Validates after the first epoch, every `validation_interval` epochs from there, and at the end.
    async fn validate_if_due(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        let per_epoch = self.training.steps_per_epoch();
        let step = self.progress.step;
        let ends_epoch = step > 0 && step.is_multiple_of(per_epoch);
        let epoch = step.saturating_sub(1) / per_epoch;
        let due = step == self.total
            || (ends_epoch && epoch.is_multiple_of(self.config.run.validation_interval));
        if step == 0 || !due || self.progress.validated == step {
            return Ok(());
        }
        let network = self.state()?.evaluated();
        let l1 = validate(
            &network,
            &self.validation,
            epoch,
            &self.device,
            &self.control,
        )
        .await?;
        let Some(l1) = l1 else {
            return Ok(());
        };
        if !l1.is_finite() {
            return Err(TrainError::NotFinite { count: 1, step });
        }
        let picture = picture(&network, &self.validation.make(epoch, 0)?, &self.device).await?;
        let best = self.progress.best_l1.is_none_or(|best| l1 < best);
        self.progress.validated = step;
        if best {
            self.progress.best_l1 = Some(l1);
            self.progress.best_step = step;
            if let Some(folder) = &self.folder {
                save_best(folder, &self.config, self.progress, &network).await?;
            }
        }
        observer.event(&Event::Validated {
            step,
            epoch,
            l1,
            best,
            picture: &picture,
        })?;
        self.read_at = Instant::now();
        Ok(())
    }

    /// Writes `checkpoints/last` and keeps the one before as `checkpoints/previous`.
    async fn save(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        self.read_losses(observer).await?;
        // Skipped steps may mean that the weights are broken: they must not replace good ones.
        if self.progress.skipped_in_a_row > 0 {
            return Ok(());
        }
        self.progress.seconds += self.counted_at.elapsed().as_secs_f64();
        self.counted_at = Instant::now();
        if let Some(folder) = &self.folder {
            save_last(folder, &self.config, self.progress, self.state()?).await?;
            observer.event(&Event::Saved {
                step: self.progress.step,
            })?;
        }
        self.saved_at = Instant::now();
        Ok(())
    }
}
