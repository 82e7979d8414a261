//! `bench`: speed of the data path, of the operations, of a training step and of inference.

mod args;
mod clock;
mod data;
mod footprint;
mod infer;
mod kernels;
mod step;
mod tilings;

use anyhow::Context;
use args::Bench;
pub(super) use args::BenchArgs;
use clap::ArgMatches;
use std::process::ExitCode;

pub(super) fn run(args: &BenchArgs, flags: &ArgMatches) -> anyhow::Result<ExitCode> {
    let flags = flags
        .subcommand()
        .map(|(_, flags)| flags)
        .context("name what to measure: data, kernels, step, infer or tilings")?;
    match &args.what {
        Bench::Data(args) => data::run(args, flags),
        Bench::Kernels(args) => kernels::run(args),
        Bench::Step(args) => step::run(args),
        Bench::Infer(args) => infer::run(args),
        Bench::Tilings(args) => tilings::run(args),
    }
}
