//! `bench step`: one training step of either stage on numbers without a pattern.

use crate::cli::bench::args::{BenchStage, BenchStepArgs};
use crate::cli::bench::clock::{median, read, wait};
use crate::cli::bench::footprint::{Dispatches, Footprint};
use crate::cli::output::{bytes, print};
use crate::config::{FinetuneConfig, Preset, PretrainConfig, StageConfig, crops_of_part};
use crate::dataset::{LabelledBatch, TrainingBatch};
use crate::device;
use crate::optim::{GradientMap, gain};
use crate::platform::Instant;
use crate::train::{
    Finetuning, LossScale, Pretraining, StepOutput, Task, TrainState, finetune_step, pretrain_step,
};
use crate::weights;
use anyhow::{Context, ensure};
use burn::Tensor;
use burn::tensor::Device;
use serde::Serialize;
use std::collections::BTreeMap;
use std::process::ExitCode;

#[derive(Serialize)]
struct StepResult {
    stage: &'static str,
    device: String,
    crops: usize,
    accumulation: usize,
    roi_size: [usize; 3],
    repeats: usize,
    /// No times where nothing was run.
    #[serde(skip_serializing_if = "Option::is_none")]
    forward_backward_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    update_s: Option<f64>,
    /// Of whole steps one after another, as training runs them, without a wait in between.
    #[serde(skip_serializing_if = "Option::is_none")]
    step_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    crops_per_s: Option<f64>,
    /// Kernels launched in forward, backward and update; 0 on the CPU.
    dispatches: usize,
    /// The same by kernel.
    kernels: BTreeMap<String, usize>,
    #[serde(flatten)]
    footprint: Footprint,
}

impl StepResult {
    fn told(&self) -> String {
        let mut told = format!(
            "{}, {}: {} crops of {:?}",
            self.stage, self.device, self.crops, self.roi_size
        );
        if let (Some(apart), Some(update)) = (self.forward_backward_s, self.update_s) {
            told += &format!(", forward and backward {apart:.4} s, update {update:.4} s");
        }
        if let Some(step) = self.step_s {
            told += &format!(", whole steps in a row {step:.4} s each");
        }
        if self.dispatches > 0 {
            told += &format!(", {} dispatches", self.dispatches);
        }
        if let Some(peak) = self.footprint.peak_memory_bytes {
            told += &format!(", peak memory {}", bytes(peak));
        }
        if let Some(largest) = self.footprint.largest_allocation_bytes {
            told += &format!(", largest allocation {}", bytes(largest));
        }
        told
    }
}

/// Median time of forward with backward, and of the update; memory and dispatches.
pub(super) fn run(args: &BenchStepArgs) -> anyhow::Result<ExitCode> {
    ensure!(
        (1..=1024).contains(&args.crops) && args.repeats > 0,
        "--crops must be from 1 to 1024 and --repeats above 0"
    );
    ensure!(
        args.accumulation > 0,
        "--accumulation is 0: it must be above 0"
    );
    let preset: Preset = match &args.preset {
        Some(name) => name.parse()?,
        None => Preset::Tutorial,
    };
    let selected = pollster::block_on(device::select(args.device.device))?;
    device::check_precision(&selected, args.precision)?;
    ensure!(
        !args.dry_run || Footprint::is_device(&selected.device),
        "--dry-run needs a GPU's allocator, and {} has none: name a --device",
        selected.description
    );
    let result = match args.stage {
        BenchStage::Pretrain => {
            let config: PretrainConfig = preset.settings()?;
            let batch = views(args.crops, config.sampling.roi_size);
            let mut config = config;
            config.run.precision = args.precision;
            config.sampling.batch_volumes = args.crops;
            config.sampling.samples_per_volume = 1;
            config.sampling.accumulation = args.accumulation;
            let roi = config.sampling.roi_size;
            measure::<Pretraining>(args, &config, &selected, roi, |network, device, scale| {
                pretrain_step(network, &batch, &config, device, scale)
            })?
        }
        BenchStage::Finetune => {
            let mut config: FinetuneConfig = preset.settings()?;
            config.run.precision = args.precision;
            let roi = config.crops.roi_size;
            let classes = config.unetr().classes;
            let batch = labelled(args.crops, roi, classes);
            let at_once = crops_of_part(args.crops, args.accumulation);
            measure::<Finetuning>(args, &config, &selected, roi, |network, device, scale| {
                finetune_step(network, &batch, at_once, device, scale)
            })?
        }
    };
    if args.json {
        print(&serde_json::to_string(&result)?)?;
    } else {
        print(&result.told())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn measure<T: Task>(
    args: &BenchStepArgs,
    config: &T::Config,
    selected: &device::Selected,
    roi_size: [usize; 3],
    step: impl Fn(&T::Network, &Device, Option<&Tensor<1>>) -> StepOutput,
) -> anyhow::Result<StepResult> {
    let tracked = TrainState::<T::Network>::tracked(config, &selected.device);
    let network = weights::initialise(T::zeros(config, &tracked)?, config.run().seed)?;
    let mut state = TrainState::new(network, config, &selected.device);
    let dry = args.dry_run.then(Dispatches::dry_run);
    let (mut steps, mut updates, mut kernels) = (Vec::new(), Vec::new(), BTreeMap::new());
    let mut footprint = Footprint::default();
    for repeat in 0..=args.repeats {
        let counted = Dispatches::count();
        let started = Instant::now();
        let scale = state.scale.as_ref().map(LossScale::value);
        let output = step(&state.network, &tracked, scale);
        let gain = gain(&output.gradients, None, scale).context("no gradients")?;
        read(output.losses)?;
        // Reading the norm waits for every gradient.
        read(gain.norm.clone())?;
        let between = Instant::now();
        let first: GradientMap = output.gradients;
        state = state.update(first, &gain.factor, 1e-4);
        settle(&state, &selected.device)?;
        footprint = footprint.max(Footprint::of(&selected.device));
        kernels = counted.so_far();
        if repeat > 0 {
            steps.push((between - started).as_secs_f64());
            updates.push(between.elapsed().as_secs_f64());
        }
    }
    let timed = dry.is_none();
    let mut whole = 0.0;
    if timed {
        let started = Instant::now();
        for _ in 0..args.repeats {
            let scale = state.scale.as_ref().map(LossScale::value);
            let output = step(&state.network, &tracked, scale);
            let gain = gain(&output.gradients, None, scale).context("no gradients")?;
            state = state.update(output.gradients, &gain.factor, 1e-4);
        }
        settle(&state, &selected.device)?;
        whole = started.elapsed().as_secs_f64() / args.repeats as f64;
    }
    Ok(StepResult {
        stage: T::Config::STAGE,
        device: selected.description.clone(),
        crops: args.crops,
        accumulation: args.accumulation,
        roi_size,
        repeats: args.repeats,
        forward_backward_s: timed.then(|| median(steps)),
        update_s: timed.then(|| median(updates)),
        step_s: timed.then_some(whole),
        crops_per_s: timed.then(|| args.crops as f64 / whole),
        dispatches: kernels.values().sum(),
        kernels,
        footprint,
    })
}

/// Waits until a step's update is done.
fn settle<N>(state: &TrainState<N>, device: &Device) -> anyhow::Result<()> {
    if let Some(moments) = state.optimizer.moments.values().next() {
        read(moments.first.clone())?;
    }
    wait(device)
}

/// Values between 0 and 1 that repeat no pattern.
pub(super) fn noise(count: usize, offset: u32) -> Vec<f32> {
    (0..count as u32)
        .map(|i| {
            let bits = i.wrapping_mul(2_654_435_761).wrapping_add(offset) >> 8;
            bits as f32 / (1u32 << 24) as f32
        })
        .collect()
}

fn views(crops: usize, patch: [usize; 3]) -> TrainingBatch {
    let count = crops * patch.iter().product::<usize>();
    TrainingBatch {
        epoch: 0,
        step: 0,
        names: Vec::new(),
        target: noise(count, 0),
        view1: noise(count, 1 << 20),
        view2: noise(count, 1 << 30),
        patches: crops,
        patch,
    }
}

fn labelled(crops: usize, patch: [usize; 3], classes: usize) -> LabelledBatch {
    let count = crops * patch.iter().product::<usize>();
    let label = noise(count, 1 << 20)
        .iter()
        .map(|value| (value * classes as f32) as u8)
        .collect();
    LabelledBatch {
        epoch: 0,
        step: 0,
        names: Vec::new(),
        image: noise(count, 0),
        label,
        patches: crops,
        patch,
    }
}
