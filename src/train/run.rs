//! The loop of every stage: steps, validations, checkpoints (specification 7, 9).

mod validating;

use crate::config::StageConfig;
use crate::dataset::Prefetch;
use crate::optim::{Schedule, gain};
use crate::platform::{self, Instant};
use crate::train::calendar::Calendar;
use crate::train::readings::{Pending, Readings};
use crate::train::saving::{save_last, with_saved_best};
use crate::train::skips::{SkipLimits, Verdict};
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
/// [`TrainError`]; the last checkpoint stays intact, and is a new one where a volume failed or every step was
/// skipped.
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
        total_steps: runner.calendar.total,
        steps_per_epoch: runner.calendar.per_epoch,
        validations: runner.validations_left(),
        parameters,
    })?;
    let ended = runner.train(observer).await;
    if let Err(error @ TrainError::Data(_)) = ended {
        // It says nothing against the weights. What fails here too leaves the checkpoint before. After an observer failed,
        // what it did not note is noted when the run goes on from there.
        let _ = runner.save(Verdict::Good, observer).await;
        return Err(error);
    }
    ended?;
    let progress = &runner.progress;
    let complete = progress.step >= runner.calendar.total && progress.validated == progress.step;
    // A step that was skipped last is no reason to lose those before it.
    runner.save(Verdict::Doubtful, observer).await?;
    if complete {
        let progress = &runner.progress;
        (runner.skips).check(progress, progress.step)?;
        // However many a run bears: it has learnt nothing.
        if progress.step > 0 && progress.skipped == progress.step {
            return Err(TrainError::NotFinite {
                count: progress.skipped,
                step: progress.step,
            });
        }
    }
    observer.event(&Event::Ended {
        step: runner.progress.step,
        complete,
    })?;
    Ok(Outcome {
        progress: runner.progress,
        total_steps: runner.calendar.total,
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
    calendar: Calendar,
    skips: SkipLimits,
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
        let (config, device) = (run.task.config(), run.device);
        config.validate()?;
        let per_epoch = run.task.steps_per_epoch();
        let total = config.total_steps(per_epoch);
        if let Some(notice) = config.warmup_notice(total) {
            log::warn!("{notice}");
        }
        if let Some(checkpoint) = &run.resume {
            checkpoint.check_proportion(config)?;
        }
        let zeros = T::zeros(config, &TrainState::<T::Network>::tracked(config, &device))?;
        let (state, progress) = match run.resume {
            Some(checkpoint) => {
                let mut progress = checkpoint.manifest.progress;
                if let Some(folder) = &run.folder {
                    progress = with_saved_best::<T::Config>(folder, progress);
                }
                let state = TrainState::restore(zeros, config, &device, checkpoint)?;
                (state, progress)
            }
            None => (
                TrainState::new(run.task.initial(zeros)?, config, &device),
                Progress::default(),
            ),
        };
        let now = Instant::now();
        Ok(Runner {
            schedule: config.schedule(total),
            readings: Readings::new(config.run().log_every, &device),
            device,
            folder: run.folder,
            calendar: Calendar::new(config.run(), total, per_epoch),
            skips: SkipLimits::new(config.run()),
            control,
            state: Some(state),
            progress,
            saved_at: now,
            counted_at: now,
            task: run.task,
        })
    }

    fn state(&self) -> Result<&TrainState<T::Network>, TrainError> {
        self.state
            .as_ref()
            .ok_or(TrainError::Internal("an update was cut off"))
    }

    async fn train(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        // A run stopped between an epoch's last step and its validation makes up for it.
        self.validate_if_due(observer).await?;
        // A checkpoint before the first step: whatever happens from here on, the run can go on, and a disk without
        // room is found now.
        if self.progress.step == 0 {
            self.save(Verdict::Good, observer).await?;
        }
        let workers = self.task.config().data().threads();
        let steps = self.progress.step..self.calendar.total;
        let depth = workers.saturating_add(1).min(MOST_AHEAD);
        let loader = Prefetch::new(workers.min(depth), depth, steps, self.task.batches());
        for batch in loader {
            platform::yield_now().await;
            if self.control.stopped() {
                break;
            }
            self.step(&batch?).await?;
            if self.calendar.validates_after(self.progress.step) || self.readings.due() {
                self.read_losses(observer).await?;
            }
            self.validate_if_due(observer).await?;
            if self.saved_at.elapsed().as_secs_f64()
                >= 60.0 * self.task.config().run().checkpoint_minutes
            {
                self.save(Verdict::Good, observer).await?;
            }
        }
        self.read_losses(observer).await
    }

    async fn step(&mut self, batch: &T::Batch) -> Result<(), TrainError> {
        let state = self
            .state
            .take()
            .ok_or(TrainError::Internal("an update was cut off"))?;
        let config = self.task.config();
        let tracked = TrainState::<T::Network>::tracked(config, &self.device);
        let scale = state.scale.as_ref().map(LossScale::value);
        let output = (self.task)
            .forward_backward(&state.network, batch, &tracked, scale)
            .await?;
        let clip = config.optimizer().clip_norm;
        let gain = gain(&output.gradients, (clip > 0.0).then_some(clip), scale)
            .ok_or(TrainError::Internal("no parameter has a gradient"))?;
        let rate = self.schedule.rate(self.progress.step);
        self.state = Some(state.update(output.gradients, &gain.factor, rate));
        self.progress.step += 1;
        let epoch = self.calendar.epoch_of(self.progress.step);
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
        let broken = self.skips.count(&mut self.progress, &reading.losses);
        observer.event(&Event::Steps {
            losses: &reading.losses,
            crops_per_second: reading.crops_per_second,
        })?;
        broken
    }

    /// Saves what is trained but for weights that the skipped steps make worse than this: they must not replace good ones.
    async fn save(
        &mut self,
        worst: Verdict,
        observer: &mut dyn Observer,
    ) -> Result<(), TrainError> {
        self.read_losses(observer).await?;
        match self.skips.verdict(&self.progress) <= worst {
            true => self.write(observer).await,
            false => Ok(()),
        }
    }

    /// Writes `checkpoints/last` and keeps the one before as `checkpoints/previous`.
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
        self.readings.restart_clock();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
