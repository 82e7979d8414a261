//! Timing that waits for the device.

use crate::platform::Instant;
use burn::Tensor;
use burn::tensor::Device;

/// Waits for everything a device was asked to do.
pub(super) fn wait(device: &Device) -> anyhow::Result<()> {
    device
        .sync()
        .map_err(|e| anyhow::anyhow!("the device failed: {e:?}"))
}

/// Waits until a tensor is worked out, by reading it.
pub(super) fn read(tensor: Tensor<1>) -> anyhow::Result<()> {
    pollster::block_on(tensor.into_data_async())
        .map(drop)
        .map_err(|e| anyhow::anyhow!("the device failed: {e:?}"))
}

/// The shortest of `repeats` runs after one to warm up, in seconds.
pub(super) fn shortest(
    device: &Device,
    repeats: usize,
    mut work: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<f64> {
    let mut best = f64::INFINITY;
    for repeat in 0..=repeats {
        wait(device)?;
        let started = Instant::now();
        work()?;
        wait(device)?;
        if repeat > 0 {
            best = best.min(started.elapsed().as_secs_f64());
        }
    }
    Ok(best)
}

pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
