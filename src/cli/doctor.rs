//! `doctor`: what this machine can compute on, and whether it computes right.

mod table;

use crate::cli::args::DeviceArgs;
use crate::cli::output::print;
use crate::config::{Preset, PretrainConfig, StageConfig};
use crate::device::{
    Adapter, CheckResult, Extent, MemoryEstimate, PassedOver, Selected, SuiteResult, adapters,
    check_precision, half_suite, kernel_suite, select_telling,
};
use crate::nn::Precision;
use anyhow::bail;
use clap::Args;
use serde::Serialize;
use std::process::ExitCode;
use table::table;

#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    #[command(flatten)]
    device: DeviceArgs,
    /// Also hold every operation to double precision, forward and backward, up to the shapes of UNETR, and those of f16 where the device offers it: minutes
    #[arg(long)]
    kernels: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    version: &'static str,
    adapters: Vec<Adapter>,
    /// None where it could not be opened.
    selected: Option<String>,
    /// GPUs that `auto` would rather have taken.
    passed_over: Vec<PassedOver>,
    presets: Vec<PresetMemory>,
    self_test: Option<Vec<CheckResult>>,
    /// Every comparison with double precision, where it was asked for.
    kernels: Option<Vec<SuiteResult>>,
    /// The same in half precision, where the device offers that.
    kernels_f16: Option<Vec<SuiteResult>>,
    error: Option<String>,
}

impl Report {
    /// What is wrong with a device that passed its self-test, or with one that was passed over for it.
    fn wrong(&self) -> Option<String> {
        wrong(&self.kernels, "")
            .or_else(|| wrong(&self.kernels_f16, " with --precision f16"))
            .or_else(|| self.passed_over.first().map(ToString::to_string))
    }
}

#[derive(Serialize)]
struct PresetMemory {
    preset: &'static str,
    views_at_once: usize,
    #[serde(flatten)]
    estimate: MemoryEstimate,
    total: u64,
}

pub(super) fn run(args: &DoctorArgs) -> anyhow::Result<ExitCode> {
    let mut presets = Vec::new();
    for preset in Preset::ALL {
        let config: PretrainConfig = preset.settings()?;
        let estimate = config.memory();
        presets.push(PresetMemory {
            preset: preset.name(),
            views_at_once: config.views_at_once(),
            estimate,
            total: estimate.total(),
        });
    }
    let choice = args.device.device;
    let (adapters, selected) =
        pollster::block_on(async { (adapters().await, select_telling(choice).await) });
    let (selected, passed_over, tested) = match selected {
        Ok((selected, passed_over)) => {
            let tested = pollster::block_on(selected.self_test());
            (Some(selected), passed_over, tested)
        }
        // The list of what there is helps most here.
        Err(error) => (None, Vec::new(), Err(error)),
    };
    let [kernels, kernels_f16] = match (&selected, &tested) {
        (Some(selected), Ok(_)) if args.kernels => compared(selected)?,
        _ => [None, None],
    };
    let error = tested.as_ref().err().map(ToString::to_string);
    let mut report = Report {
        version: env!("CARGO_PKG_VERSION"),
        adapters,
        selected: selected.map(|selected| selected.description),
        passed_over,
        presets,
        error,
        self_test: tested.ok(),
        kernels,
        kernels_f16,
    };
    if report.error.is_none() {
        report.error = report.wrong();
    }
    if args.json {
        print(&serde_json::to_string_pretty(&report)?)?;
    } else {
        print(table(&report)?.trim_end())?;
    }
    match report.error {
        Some(error) => bail!(error),
        None => Ok(ExitCode::SUCCESS),
    }
}

/// Every operation beside double precision, in f32 and where there is such in f16.
fn compared(selected: &Selected) -> anyhow::Result<[Option<Vec<SuiteResult>>; 2]> {
    let device = &selected.device;
    let single = pollster::block_on(kernel_suite(device, Extent::Full))?;
    let half = match check_precision(selected, Precision::F16) {
        Ok(()) => Some(pollster::block_on(half_suite(device, Extent::Full))?),
        Err(_) => None,
    };
    Ok([Some(single), half])
}

/// What the first comparison that does not hold says of training.
fn wrong(results: &Option<Vec<SuiteResult>>, how: &str) -> Option<String> {
    let wrong = results.iter().flatten().find(|result| !result.holds())?;
    Some(format!(
        "{} is off by {:.1e}: do not train on this device{how}, and please report it",
        wrong.name, wrong.error
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(name: &str, error: f64) -> SuiteResult {
        SuiteResult {
            name: name.to_owned(),
            error,
            tolerance: 1e-3,
        }
    }

    fn report(half: Option<Vec<SuiteResult>>) -> String {
        table(&of(half, Vec::new())).unwrap()
    }

    fn of(half: Option<Vec<SuiteResult>>, passed_over: Vec<PassedOver>) -> Report {
        Report {
            version: "0",
            adapters: Vec::new(),
            selected: None,
            passed_over,
            presets: Vec::new(),
            self_test: None,
            kernels: Some(vec![result("a", 1e-6), result("b", 2e-6)]),
            kernels_f16: half,
            error: None,
        }
    }

    #[test]
    fn a_gpu_that_was_passed_over_is_told_and_is_an_error() {
        let gpu = PassedOver {
            device: "vulkan:0".to_owned(),
            name: "Card".to_owned(),
            reason: "computes wrongly".to_owned(),
        };
        let report = of(None, vec![gpu]);
        let told = table(&report).unwrap();
        let line = "\npassed over by --device auto\n  --device vulkan:0   Card: computes wrongly\n";
        assert!(told.contains(line), "{told}");
        let wrong = report.wrong().unwrap();
        assert_eq!(wrong, "Card (vulkan:0) is passed over: computes wrongly");
        assert_eq!(of(None, Vec::new()).wrong(), None);
    }

    #[test]
    fn comparisons_in_f16_are_told_or_why_there_are_none() {
        let with = report(Some(vec![result("c, f16", 5e-4)]));
        assert!(
            with.contains(
                "2 comparisons with double precision or with an operation's parts; worst 2e-6, b\n"
            ),
            "{with}"
        );
        assert!(
            with.contains("1 comparison with double precision or with an operation's parts; worst 5e-4, c, f16"),
            "{with}"
        );
        let without = report(None);
        assert!(
            without.ends_with("f16 is not compared: this device does not offer it\n"),
            "{without}"
        );
    }

    #[test]
    fn a_comparison_that_does_not_hold_is_named_with_what_not_to_do() {
        let results = Some(vec![result("a", 1e-4), result("b", 0.5)]);
        let told = wrong(&results, " with --precision f16").unwrap();
        assert!(
            told.starts_with("b is off by 5.0e-1: do not train on this device with"),
            "{told}"
        );
        assert_eq!(wrong(&Some(vec![result("a", 1e-4)]), ""), None);
        assert!(wrong(&Some(vec![result("a", f64::INFINITY)]), "").is_some());
    }
}
