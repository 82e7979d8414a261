//! The commands of the native program.

mod args;
mod bar;
mod bench;
mod cases;
mod classes;
mod commands;
mod convert;
mod counting;
mod cross_validation;
mod data;
mod doctor;
mod evaluate;
mod experiment;
mod finetune;
mod going_on;
mod idle;
mod inputs;
mod loaded;
mod model;
mod output;
mod phantom;
mod predict;
mod pretrain;
mod preview;
mod progress;
mod recorder;
mod resumed;
mod run_folder;
mod settings;
mod signal;
mod split;
mod suits;
mod summary;
mod trained;
mod training;
mod weights_path;
mod windows;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches};
use commands::{Cli, Command};
use std::process::ExitCode;

/// Reads the arguments, runs the command, and turns an error into one line on standard error and exit code 1;
/// wrong usage is code 2, a run stopped by Ctrl-C is code 130.
pub fn main() -> ExitCode {
    let mut command = with_negative_numbers(Cli::command());
    let parsed = command
        .try_get_matches_from_mut(std::env::args_os())
        .and_then(|matches| Ok((Cli::from_arg_matches(&matches)?, matches)));
    let (cli, matches) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return wrong_usage(&error),
    };
    output::init_log(cli.verbose);
    match run(&cli, &matches) {
        Ok(code) => {
            // Some are refused instead, with the reason.
            for flag in settings::idle_flags(&command, &matches) {
                log::warn!("--{flag} does nothing here: leave it out");
            }
            code
        }
        Err(error) => {
            // Downstream closed the pipe: nothing is left to say.
            if !output::is_broken_pipe(&error) {
                output::say(&format!("error: {}", output::one_line(&error)));
            }
            ExitCode::FAILURE
        }
    }
}

/// Takes a number below zero for the value of the flag before it, which then says what it allows, and not for a flag.
fn with_negative_numbers(command: clap::Command) -> clap::Command {
    command
        .mut_args(|arg| {
            let valued = arg.get_action().takes_values() && !arg.is_positional();
            match valued {
                true => arg.allow_negative_numbers(true),
                false => arg,
            }
        })
        .mut_subcommands(with_negative_numbers)
}

/// Help that was asked for goes out as it is, an error in one line.
fn wrong_usage(error: &clap::Error) -> ExitCode {
    use ErrorKind::{DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion};
    if matches!(
        error.kind(),
        DisplayHelp | DisplayVersion | DisplayHelpOnMissingArgumentOrSubcommand
    ) {
        error.exit();
    }
    let text = error.render().to_string();
    let first: Vec<&str> = text
        .lines()
        .map(str::trim)
        .take_while(|line| !line.is_empty())
        .collect();
    // Such as "tip: a similar argument exists: '--max-steps'".
    let tip = text
        .lines()
        .map(str::trim)
        .find(|line| line.starts_with("tip: a similar"));
    let tip = tip.map_or_else(String::new, |tip| {
        format!("; {}", tip.trim_start_matches("tip: "))
    });
    output::say(&format!("{}{tip}; see --help", first.join(" ")));
    ExitCode::from(2)
}

fn run(cli: &Cli, matches: &clap::ArgMatches) -> anyhow::Result<ExitCode> {
    let flags = matches
        .subcommand()
        .map(|(_, flags)| flags)
        .ok_or_else(|| anyhow::anyhow!("no command given: see --help"))?;
    match &cli.command {
        Command::Pretrain(args) => pretrain::run(args, flags),
        Command::Finetune(args) => finetune::run(args, flags),
        Command::Predict(args) => predict::run(args),
        Command::Evaluate(args) => evaluate::run(args),
        Command::CrossValidate(args) => cross_validation::run(args, flags),
        Command::Experiment(args) => experiment::run(args),
        Command::Preview(args) => preview::run(args, flags),
        Command::Phantom(args) => phantom::run(args),
        Command::Convert(args) => convert::run(args),
        Command::Bench(args) => bench::run(args, flags),
        Command::Doctor(args) => doctor::run(args),
    }
}
