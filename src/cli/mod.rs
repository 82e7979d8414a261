//! The commands of the native program.

mod args;
mod bench;
mod doctor;
mod output;
mod phantom;
mod preview;
mod pretrain;
mod progress;
mod recorder;
mod run_folder;
mod signal;
mod summary;

use clap::{CommandFactory, FromArgMatches};
use std::process::ExitCode;

/// Reads the arguments, runs the command, and turns an error into one line on standard error and exit code 1;
/// wrong usage is code 2, a run stopped by Ctrl-C is code 130.
pub fn main() -> ExitCode {
    let matches = args::Cli::command().get_matches();
    let cli = match args::Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    output::init_log(cli.verbose);
    match run(&cli, &matches) {
        Ok(code) => code,
        Err(error) => {
            // Downstream closed the pipe: nothing is left to say.
            if !output::is_broken_pipe(&error) {
                eprintln!("error: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &args::Cli, matches: &clap::ArgMatches) -> anyhow::Result<ExitCode> {
    let flags = matches
        .subcommand()
        .map(|(_, flags)| flags)
        .ok_or_else(|| anyhow::anyhow!("no command given: see --help"))?;
    match &cli.command {
        args::Command::Pretrain(args) => pretrain::run(args, flags),
        args::Command::Preview(args) => preview::run(args, flags),
        args::Command::Phantom(args) => phantom::run(args),
        args::Command::Bench(args) => bench::run(args, flags),
        args::Command::Doctor(args) => doctor::run(args),
    }
}
