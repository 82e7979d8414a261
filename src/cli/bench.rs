//! `bench`: speed of the data path and of a training step.

use crate::augment::{RandomKey, Stage, Transform, views};
use crate::cli::args::{Bench, BenchArgs, BenchDataArgs, BenchStepArgs, layered};
use crate::cli::data::data_list;
use crate::cli::output::print;
use crate::config::Preset;
use crate::dataset::{TrainingBatch, prepare_file};
use crate::device;
use crate::optim::gain;
use crate::platform::{self, Instant};
use crate::train::{TrainState, forward_backward};
use anyhow::{Context, ensure};
use burn::Tensor;
use clap::ArgMatches;
use rayon::prelude::*;
use serde::Serialize;
use std::process::ExitCode;

pub(super) fn run(args: &BenchArgs, flags: &ArgMatches) -> anyhow::Result<ExitCode> {
    let flags = flags
        .subcommand()
        .map(|(_, flags)| flags)
        .context("name what to measure: data or step")?;
    match &args.what {
        Bench::Data(args) => data(args, flags),
        Bench::Step(args) => step(args, flags),
    }
}

#[derive(Serialize)]
struct DataResult {
    volumes: usize,
    crops: usize,
    threads: usize,
    seconds: f64,
    volumes_per_s: f64,
}

/// Read, prepare and draw the views of every training volume once, on all cores and without a cache.
fn data(args: &BenchDataArgs, flags: &ArgMatches) -> anyhow::Result<ExitCode> {
    let (config, _) = layered(&args.source, flags, Some(Preset::Tutorial))?;
    let list = data_list(&config)?.context("bench data measures files: give --datalist")?;
    let transform = config.transform();
    let samples = config.sampling.samples_per_volume as u64;
    let started = Instant::now();
    list.training
        .par_iter()
        .enumerate()
        .try_for_each(|(case, files)| -> anyhow::Result<()> {
            let prepared = prepare_file(&files.image, &transform)?;
            for sample in 0..samples {
                let key = RandomKey {
                    seed: config.run.seed,
                    stage: Stage::Pretraining,
                    epoch: 0,
                    step: case as u64,
                    sample,
                    transform: Transform::Crop,
                };
                let drawn = views(
                    &prepared,
                    config.sampling.roi_size,
                    &config.corruption(),
                    key,
                )?;
                std::hint::black_box(drawn);
            }
            Ok(())
        })?;
    let seconds = started.elapsed().as_secs_f64();
    let volumes = list.training.len();
    let result = DataResult {
        volumes,
        crops: volumes * config.sampling.samples_per_volume,
        threads: platform::threads(),
        seconds,
        volumes_per_s: volumes as f64 / seconds,
    };
    if args.json {
        print(&serde_json::to_string(&result)?)?;
    } else {
        print(&format!(
            "{} volumes and {} crops in {:.2} s on {} threads: {:.1} volumes/s",
            result.volumes, result.crops, result.seconds, result.threads, result.volumes_per_s
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Serialize)]
struct StepResult {
    device: String,
    crops: usize,
    roi_size: [usize; 3],
    repeats: usize,
    forward_backward_s: f64,
    update_s: f64,
    crops_per_s: f64,
}

/// Median time of forward with backward, and of the update, on random numbers.
fn step(args: &BenchStepArgs, flags: &ArgMatches) -> anyhow::Result<ExitCode> {
    ensure!(
        (1..=1024).contains(&args.crops) && args.repeats > 0,
        "--crops must be from 1 to 1024 and --repeats above 0"
    );
    let (config, _) = layered(&args.source, flags, Some(Preset::Tutorial))?;
    let selected = pollster::block_on(device::select(config.run.device))?;
    let mut state = TrainState::new(&config, &selected.device)?;
    let batch = noise(args.crops, config.sampling.roi_size);
    let (mut steps, mut updates) = (Vec::new(), Vec::new());
    for repeat in 0..=args.repeats {
        let started = Instant::now();
        let tracked = state.network.vit.norm.weight.val().device();
        let output = forward_backward(&state.network, &batch, &config, &tracked);
        let gain = gain(&output.gradients, None).context("no gradients")?;
        wait(output.losses)?;
        // Reading the norm waits for every gradient.
        wait(gain.norm.clone())?;
        let between = Instant::now();
        state = state.update(output.gradients, &gain.factor, 1e-4);
        wait(state.network.vit.norm.weight.val().inner())?;
        if repeat > 0 {
            steps.push((between - started).as_secs_f64());
            updates.push(between.elapsed().as_secs_f64());
        }
    }
    let seconds = median(steps);
    let result = StepResult {
        device: selected.description,
        crops: args.crops,
        roi_size: config.sampling.roi_size,
        repeats: args.repeats,
        forward_backward_s: seconds,
        update_s: median(updates),
        crops_per_s: args.crops as f64 / seconds,
    };
    if args.json {
        print(&serde_json::to_string(&result)?)?;
    } else {
        print(&format!(
            "{}: {} crops of {:?}, forward and backward {:.3} s, update {:.3} s",
            result.device,
            result.crops,
            result.roi_size,
            result.forward_backward_s,
            result.update_s
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn wait(tensor: Tensor<1>) -> anyhow::Result<()> {
    pollster::block_on(tensor.into_data_async())
        .map(drop)
        .map_err(|e| anyhow::anyhow!("the device failed: {e:?}"))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Crops and views of values between 0 and 1 that repeat no pattern.
fn noise(crops: usize, patch: [usize; 3]) -> TrainingBatch {
    let count = crops * patch.iter().product::<usize>();
    let values = |offset: u32| -> Vec<f32> {
        (0..count as u32)
            .map(|i| {
                (i.wrapping_mul(2_654_435_761).wrapping_add(offset) >> 8) as f32
                    / (1u32 << 24) as f32
            })
            .collect()
    };
    TrainingBatch {
        epoch: 0,
        step: 0,
        names: Vec::new(),
        target: values(0),
        view1: values(1 << 20),
        view2: values(1 << 30),
        patches: crops,
        patch,
    }
}
