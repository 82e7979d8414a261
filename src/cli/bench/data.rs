//! `bench data`: the data path of pre-training.

use crate::augment::views;
use crate::cli::bench::args::BenchDataArgs;
use crate::cli::data::{data_list, settle_intensity};
use crate::cli::output::{count, print};
use crate::cli::settings::layered;
use crate::config::{Preset, PretrainConfig};
use crate::dataset::prepare_file;
use crate::platform::Instant;
use crate::random::{SampleKey, Stage};
use anyhow::Context;
use clap::ArgMatches;
use rayon::prelude::*;
use serde::Serialize;
use std::process::ExitCode;

#[derive(Serialize)]
struct DataResult {
    volumes: usize,
    crops: usize,
    threads: usize,
    seconds: f64,
    volumes_per_s: f64,
}

/// Read, prepare and draw the views of every training volume once, on all cores and without a cache.
pub(super) fn run(args: &BenchDataArgs, flags: &ArgMatches) -> anyhow::Result<ExitCode> {
    let (mut config, _): (PretrainConfig, _) =
        layered(&args.source, flags, Some(Preset::Tutorial))?;
    let list =
        data_list(&config.data, false)?.context("bench data measures files: give --datalist")?;
    settle_intensity(&mut config.sampling.intensity, Some(&list))?;
    let transform = config.transform();
    let samples = config.sampling.samples_per_volume as u64;
    // 0 is all cores.
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(config.data.workers)
        .build()?;
    let started = Instant::now();
    pool.install(|| {
        let cases = list.training.par_iter().enumerate();
        cases.try_for_each(|(case, files)| -> anyhow::Result<()> {
            let prepared = prepare_file(&files.image, &transform)?;
            for sample in 0..samples {
                let key = SampleKey {
                    seed: config.run.seed,
                    stage: Stage::Pretraining,
                    epoch: 0,
                    step: case as u64,
                    sample,
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
        })
    })?;
    let seconds = started.elapsed().as_secs_f64();
    let volumes = list.training.len();
    let result = DataResult {
        volumes,
        crops: volumes * config.sampling.samples_per_volume,
        threads: pool.current_num_threads(),
        seconds,
        volumes_per_s: volumes as f64 / seconds,
    };
    if args.json {
        print(&serde_json::to_string(&result)?)?;
    } else {
        print(&format!(
            "{} and {} in {:.2} s on {}: {:.1} volumes/s",
            count(result.volumes, "volume"),
            count(result.crops, "crop"),
            result.seconds,
            count(result.threads, "thread"),
            result.volumes_per_s
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}
