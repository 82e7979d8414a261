//! `bench infer`: the fine-tuned network over windows of numbers without a pattern.

use crate::cli::bench::args::BenchInferArgs;
use crate::cli::bench::clock::shortest;
use crate::cli::bench::footprint::Footprint;
use crate::cli::bench::step::noise;
use crate::cli::output::{bytes, print};
use crate::config::{FinetuneConfig, Preset, StageConfig};
use crate::device;
use crate::nn::Segmenter;
use crate::weights;
use anyhow::ensure;
use burn::Tensor;
use burn::tensor::TensorData;
use serde::Serialize;
use std::process::ExitCode;

#[derive(Serialize)]
struct InferResult {
    device: String,
    preset: &'static str,
    roi_size: [usize; 3],
    classes: usize,
    seconds_per_window: f64,
    windows_per_s: f64,
    #[serde(flatten)]
    footprint: Footprint,
}

pub(super) fn run(args: &BenchInferArgs) -> anyhow::Result<ExitCode> {
    ensure!(args.repeats > 0, "--repeats must be above 0");
    let preset: Preset = match &args.preset {
        Some(name) => name.parse()?,
        None => Preset::Tutorial,
    };
    let config: FinetuneConfig = preset.settings()?;
    let selected = pollster::block_on(device::select(args.device.device))?;
    let network = Segmenter::zeros(&config.segmenter(), &selected.device)?;
    let network = weights::initialise(network, config.run().seed)?;
    let [d, h, w] = config.crops.roi_size;
    let values = TensorData::new(noise(d * h * w, 0), [1, d, h, w, 1]);
    let x = Tensor::<5>::from_data(values, &selected.device);
    let seconds = shortest(&selected.device, args.repeats, || {
        Ok(network.forward(x.clone()))
    })?;
    let result = InferResult {
        device: selected.description,
        preset: preset.name(),
        roi_size: config.crops.roi_size,
        classes: network.classes(),
        seconds_per_window: seconds,
        windows_per_s: seconds.recip(),
        footprint: Footprint::of(&selected.device),
    };
    if args.json {
        print(&serde_json::to_string(&result)?)?;
    } else {
        let memory = result
            .footprint
            .peak_memory_bytes
            .map_or_else(String::new, |peak| format!(", peak memory {}", bytes(peak)));
        print(&format!(
            "{}, {}: a window of {:?} with {} classes in {:.3} s{memory}",
            result.preset, result.device, result.roi_size, result.classes, seconds
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}
