//! Readings of the losses: when they are fetched from the device, and what they tell.

use crate::device;
use crate::kernels::read_back_all;
use crate::platform::Instant;
use crate::train::{StepLosses, TrainError};
use burn::Tensor;
use burn::tensor::Device;

/// Most steps between readings on a GPU: each waits until all that was asked for is computed.
const GPU_LOG_EVERY: usize = 10;
/// Seconds between readings on a GPU, where that takes no more steps.
const GPU_LOG_SECONDS: f64 = 1.0;

/// Losses of a step that have not been read back.
pub(super) struct Pending {
    /// Steps done, this one included.
    pub step: u64,
    /// Epoch of the step, from 0.
    pub epoch: u64,
    /// Learning rate of the step.
    pub rate: f64,
    /// Crops of the step.
    pub crops: usize,
    /// The losses, then the gradient norm, on the device.
    pub values: Tensor<1>,
}

/// What a reading found.
pub(super) struct Reading {
    /// One entry for each step since the last reading, in order.
    pub losses: Vec<StepLosses>,
    /// Crops trained on a second, since the last reading.
    pub crops_per_second: f64,
}

/// Steps whose losses wait on the device, and how long they wait.
pub(super) struct Readings {
    /// Steps between readings.
    every: usize,
    /// Whether that follows the time a step takes.
    adapts: bool,
    pending: Vec<Pending>,
    /// When the last reading, validation or checkpoint ended.
    since: Instant,
}

impl Readings {
    /// Readings every so many steps; 0 for every step on the CPU and for an interval that adapts on a GPU.
    pub(super) fn new(log_every: u64, device: &Device) -> Self {
        Readings {
            every: usize::try_from(log_every).unwrap_or(usize::MAX).max(1),
            adapts: log_every == 0 && !device::is_cpu(device),
            pending: Vec::new(),
            since: Instant::now(),
        }
    }

    /// Takes note of a step.
    pub(super) fn push(&mut self, step: Pending) {
        self.pending.push(step);
    }

    /// Whether enough steps wait.
    pub(super) fn due(&self) -> bool {
        self.pending.len() >= self.every
    }

    /// Leaves the time until now out of the speed: something else than training was done.
    pub(super) fn restart_clock(&mut self) {
        self.since = Instant::now();
    }

    /// Reads everything that waits in one transfer; none where nothing does. `names` are those of the losses.
    ///
    /// # Errors
    /// [`TrainError::Device`] for a lost device, [`TrainError::Internal`] for losses that do not fit their names.
    pub(super) async fn read(
        &mut self,
        names: &[&'static str],
    ) -> Result<Option<Reading>, TrainError> {
        if self.pending.is_empty() {
            return Ok(None);
        }
        let pending = std::mem::take(&mut self.pending);
        let values = read_back_all(pending.iter().map(|step| step.values.clone())).await?;
        let read = pending.iter().zip(&values);
        let losses = read
            .map(|(step, values)| step.losses(names, values))
            .collect::<Result<_, _>>()?;
        let seconds = self.since.elapsed().as_secs_f64().max(1e-9);
        self.restart_clock();
        if self.adapts {
            self.every = adapted(pending.len(), seconds);
        }
        let crops = pending.iter().map(|step| step.crops).sum::<usize>();
        Ok(Some(Reading {
            losses,
            crops_per_second: crops as f64 / seconds,
        }))
    }
}

impl Pending {
    /// What the values read back say of the step.
    fn losses(&self, names: &[&'static str], values: &[f32]) -> Result<StepLosses, TrainError> {
        let (norm, values) = values
            .split_last()
            .filter(|(_, values)| values.len() == names.len())
            .ok_or(TrainError::Internal(
                "the losses that were read back do not fit their names",
            ))?;
        Ok(StepLosses {
            step: self.step,
            epoch: self.epoch,
            losses: names.iter().copied().zip(values.iter().copied()).collect(),
            gradient_norm: *norm,
            learning_rate: self.rate,
            skipped: !norm.is_finite(),
        })
    }
}

/// Steps between readings on a GPU that did so many in so many seconds.
fn adapted(steps: usize, seconds: f64) -> usize {
    let in_time = steps as f64 * GPU_LOG_SECONDS / seconds;
    (in_time as usize).clamp(1, GPU_LOG_EVERY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::TensorData;

    #[test]
    fn a_gpu_is_read_once_a_second_and_at_least_every_tenth_step() {
        assert_eq!(adapted(1, 3.0), 1);
        assert_eq!(adapted(1, 0.25), 4);
        assert_eq!(adapted(4, 0.1), GPU_LOG_EVERY);
    }

    #[test]
    fn steps_come_back_in_order_and_a_skipped_one_is_told_by_its_norm() {
        let device = Device::flex();
        let mut readings = Readings::new(2, &device);
        let empty = pollster::block_on(readings.read(&["total"])).unwrap();
        assert!(empty.is_none());
        for (step, norm) in [(1, 0.5), (2, f32::NAN)] {
            assert!(!readings.due());
            readings.push(Pending {
                step,
                epoch: 0,
                rate: 0.1,
                crops: 3,
                values: Tensor::from_data(TensorData::new(vec![step as f32, norm], [2]), &device),
            });
        }
        assert!(readings.due());
        let read = pollster::block_on(readings.read(&["total"])).unwrap();
        let losses = read.unwrap().losses;
        let found: Vec<_> = losses
            .iter()
            .map(|step| (step.step, step.skipped))
            .collect();
        assert_eq!(found, [(1, false), (2, true)]);
        assert_eq!(losses[1].losses, [("total", 2.0)]);
        assert!(!readings.due());
    }
}
