//! The loop of every stage: steps, validations, checkpoints (specification 7, 9).

use crate::config::StageConfig;
use crate::dataset::Prefetch;
use crate::optim::{Schedule, gain};
use crate::platform::{self, Instant};
use crate::train::readings::{Pending, Readings};
use crate::train::saving::{save_best, save_last};
use crate::train::{
    Checkpoint, Control, Event, LossScale, Observer, Progress, Task, TrainError, TrainState,
};
use crate::weights::describe;
use burn::Tensor;
use burn::tensor::Device;
use std::path::PathBuf;

/// What a run works on.
pub struct Run<T: Task> {
    /// The stage with its settings and data.
    pub task: T,
    /// Where to compute.
    pub device: Device,
    /// The run's folder; without one nothing is saved.
    pub folder: Option<PathBuf>,
    /// Where to go on.
    pub resume: Option<Checkpoint<T::Config>>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// How far it came.
    pub progress: Progress,
    /// Steps of the whole run.
    pub total_steps: u64,
    /// Trainable numbers.
    pub parameters: usize,
    /// Whether all steps are done and the weights they came to were validated.
    pub complete: bool,
}

/// Trains until all steps are done or `control` says stop, and saves either way.
///
/// # Errors
/// [`TrainError`]; the last checkpoint stays intact.
pub async fn train<T: Task>(
    run: Run<T>,
    observer: &mut dyn Observer,
    control: &Control,
) -> Result<Outcome, TrainError> {
    let mut runner = Runner::new(run, control.clone())?;
    let parameters = describe(&runner.state()?.network)
        .iter()
        .map(|p| p.shape.iter().product::<usize>())
        .sum();
    observer.event(&Event::Started {
        step: runner.progress.step,
        total_steps: runner.total,
        steps_per_epoch: runner.per_epoch,
        parameters,
    })?;
    runner.train(observer).await?;
    let progress = &runner.progress;
    let complete = progress.step >= runner.total && progress.validated == progress.step;
    runner.save_at_end(observer).await?;
    if complete && runner.broken() {
        return Err(TrainError::NotFinite {
            count: runner.progress.skipped_in_a_row,
            step: runner.progress.step,
        });
    }
    observer.event(&Event::Ended {
        step: runner.progress.step,
        complete,
    })?;
    Ok(Outcome {
        progress: runner.progress,
        total_steps: runner.total,
        parameters,
        complete,
    })
}

/// Batches made ahead: one of the original's size is 85 MB, and machines have many cores.
const MOST_AHEAD: usize = 8;

struct Runner<T: Task> {
    task: T,
    device: Device,
    folder: Option<PathBuf>,
    schedule: Schedule,
    total: u64,
    per_epoch: u64,
    control: Control,
    /// Taken out only while an update consumes it.
    state: Option<TrainState<T::Network>>,
    progress: Progress,
    readings: Readings,
    saved_at: Instant,
    counted_at: Instant,
}

impl<T: Task> Runner<T> {
    fn new(run: Run<T>, control: Control) -> Result<Self, TrainError> {
        let Run {
            task,
            device,
            folder,
            resume,
        } = run;
        let config = task.config();
        config.validate()?;
        let per_epoch = task.steps_per_epoch();
        let total = config.total_steps(per_epoch);
        let zeros = T::zeros(config, &TrainState::<T::Network>::tracked(config, &device))?;
        let (state, progress) = match resume {
            Some(checkpoint) => (
                TrainState::restore(zeros, config, &device, checkpoint.state)?,
                checkpoint.manifest.progress,
            ),
            None => (
                TrainState::new(task.initial(zeros)?, config, &device),
                Progress::default(),
            ),
        };
        let now = Instant::now();
        Ok(Runner {
            schedule: config.schedule(total),
            readings: Readings::new(config.run().log_every, &device),
            device,
            folder,
            total,
            per_epoch,
            control,
            state: Some(state),
            progress,
            saved_at: now,
            counted_at: now,
            task,
        })
    }

    fn state(&self) -> Result<&TrainState<T::Network>, TrainError> {
        self.state
            .as_ref()
            .ok_or(TrainError::Internal("an update was cut off"))
    }

    /// The epoch, from 0, of a step, from 1.
    fn epoch_of(&self, step: u64) -> u64 {
        (step - 1) / self.per_epoch
    }

    /// Whether the last steps were skipped so that the weights may be no good. In half precision single steps are
    /// skipped in the course of things, while the scale of the loss is found.
    fn doubtful(&self) -> bool {
        let scaled = self
            .state
            .as_ref()
            .is_some_and(|state| state.scale.is_some());
        let harmless = if scaled { self.most_skipped() - 1 } else { 0 };
        self.progress.skipped_in_a_row > harmless
    }

    /// Whether so many steps were skipped in a row that a run ends.
    fn broken(&self) -> bool {
        self.progress.skipped_in_a_row >= self.most_skipped()
    }

    /// Skipped steps in a row that end a run.
    fn most_skipped(&self) -> u64 {
        self.task.config().run().max_skipped.max(1)
    }

    async fn train(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        // A run stopped between an epoch's last step and its validation makes up for it.
        self.validate_if_due(observer).await?;
        // A checkpoint before the first step: whatever happens from here on, the run can go on, and a disk without
        // room is found now.
        if self.progress.step == 0 {
            self.save(observer).await?;
        }
        let workers = self.task.config().data().threads();
        let steps = self.progress.step..self.total;
        let depth = workers.saturating_add(1).min(MOST_AHEAD);
        let loader = Prefetch::new(workers.min(depth), depth, steps, self.task.batches());
        for batch in loader {
            platform::yield_now().await;
            if self.control.stopped() {
                break;
            }
            self.step(&batch?)?;
            if self.validation_due() || self.readings.due() {
                self.read_losses(observer).await?;
            }
            self.validate_if_due(observer).await?;
            if self.saved_at.elapsed().as_secs_f64()
                >= 60.0 * self.task.config().run().checkpoint_minutes
            {
                self.save(observer).await?;
            }
        }
        self.read_losses(observer).await
    }

    fn step(&mut self, batch: &T::Batch) -> Result<(), TrainError> {
        let state = self
            .state
            .take()
            .ok_or(TrainError::Internal("an update was cut off"))?;
        let config = self.task.config();
        let tracked = TrainState::<T::Network>::tracked(config, &self.device);
        let scale = state.scale.as_ref().map(LossScale::value);
        let output = (self.task).forward_backward(&state.network, batch, &tracked, scale);
        let clip = config.optimizer().clip_norm;
        let gain = gain(&output.gradients, (clip > 0.0).then_some(clip), scale)
            .ok_or(TrainError::Internal("no parameter has a gradient"))?;
        let rate = self.schedule.rate(self.progress.step);
        self.state = Some(state.update(output.gradients, &gain.factor, rate));
        self.progress.step += 1;
        let epoch = self.epoch_of(self.progress.step);
        self.readings.push(Pending {
            step: self.progress.step,
            epoch,
            rate,
            crops: T::crops(batch),
            values: Tensor::cat(vec![output.losses, gain.norm], 0),
        });
        Ok(())
    }

    /// Reads the losses that wait, reports them, and stops a run that only skips.
    async fn read_losses(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        let Some(reading) = self.readings.read(self.task.loss_names()).await? else {
            return Ok(());
        };
        for step in &reading.losses {
            self.progress.skipped += u64::from(step.skipped);
            self.progress.skipped_in_a_row = match step.skipped {
                true => self.progress.skipped_in_a_row + 1,
                false => 0,
            };
        }
        observer.event(&Event::Steps {
            losses: &reading.losses,
            crops_per_second: reading.crops_per_second,
        })?;
        if self.broken() {
            return Err(TrainError::NotFinite {
                count: self.progress.skipped_in_a_row,
                step: self.progress.step,
            });
        }
        Ok(())
    }

    /// Whether a validation belongs after the steps done: at the end and, as the settings say, after a number of steps
    /// or after the first epoch and every so many epochs from there.
    fn validation_due(&self) -> bool {
        let step = self.progress.step;
        if step == 0 || step == self.total {
            return step > 0;
        }
        let run = self.task.config().run();
        if run.validation_steps > 0 {
            return step.is_multiple_of(run.validation_steps);
        }
        let epoch = self.epoch_of(step);
        step.is_multiple_of(self.per_epoch) && epoch.is_multiple_of(run.validation_interval)
    }

    async fn validate_if_due(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        let step = self.progress.step;
        if !self.validation_due() || self.progress.validated == step {
            return Ok(());
        }
        let epoch = self.epoch_of(step);
        let network = self.state()?.evaluated();
        let found = self
            .task
            .validate(&network, epoch, &self.device, &self.control)
            .await?;
        let Some(found) = found else {
            return Ok(());
        };
        if !found.score.is_finite() {
            return Err(TrainError::Score { step });
        }
        let best = self
            .progress
            .best
            .is_none_or(|best| T::better(found.score, best));
        self.progress.validated = step;
        if best {
            self.progress.best = Some(found.score);
            self.progress.best_step = step;
            if let Some(folder) = &self.folder {
                save_best(folder, &self.task, self.progress, &network).await?;
            }
        }
        observer.event(&Event::Validated {
            step,
            epoch,
            found: &found,
            best,
        })?;
        self.readings.restart_clock();
        Ok(())
    }

    /// Writes `checkpoints/last` and keeps the one before as `checkpoints/previous`.
    async fn save(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        self.read_losses(observer).await?;
        // Weights in doubt must not replace good ones.
        match self.doubtful() {
            true => Ok(()),
            false => self.write(observer).await,
        }
    }

    /// As [`Self::save`], at the end: a step that was skipped last is no reason to lose those before it.
    async fn save_at_end(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        self.read_losses(observer).await?;
        match self.broken() {
            true => Ok(()),
            false => self.write(observer).await,
        }
    }

    async fn write(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        self.progress.seconds += self.counted_at.elapsed().as_secs_f64();
        self.counted_at = Instant::now();
        if let Some(folder) = &self.folder {
            save_last(folder, self.task.config(), self.progress, self.state()?).await?;
            observer.event(&Event::Saved {
                step: self.progress.step,
            })?;
        }
        self.saved_at = Instant::now();
        Ok(())
    }
}
