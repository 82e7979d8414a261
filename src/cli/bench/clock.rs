//! Timing that waits for the device.

use crate::kernels::is_cpu;
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

/// Shorter work is repeated this long between two waits: on a GPU waiting alone takes tenths of a millisecond.
const SPAN: f64 = 0.005;
/// The most repeats between two waits.
const MOST: f64 = 20.0;

/// Seconds of the fastest of `repeats` measurements, after one run to warm up and one to learn how often the work must be
/// done for the clock.
///
/// On a GPU results live until the wait: fused operations whose results are dropped are never written. On the CPU they
/// are dropped at once, as in training, where freed memory is used again.
pub(super) fn shortest<T>(
    device: &Device,
    repeats: usize,
    mut work: impl FnMut() -> anyhow::Result<T>,
) -> anyhow::Result<f64> {
    let mut seconds = |times: usize| -> anyhow::Result<f64> {
        wait(device)?;
        let started = Instant::now();
        let mut results = Vec::new();
        for _ in 0..times {
            let result = work()?;
            if !is_cpu(device) {
                results.push(result);
            }
        }
        wait(device)?;
        Ok(started.elapsed().as_secs_f64() / times as f64)
    };
    seconds(1)?;
    let once = seconds(1)?;
    let times = (SPAN / once).clamp(1.0, MOST) as usize;
    let mut best = once;
    for _ in 0..repeats {
        best = best.min(seconds(times)?);
    }
    Ok(best)
}

pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
