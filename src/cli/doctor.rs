//! `doctor`: what this machine can compute on, and whether it computes right.

use crate::cli::args::DeviceArgs;
use crate::cli::output::{bytes, count, print};
use crate::config::{Preset, PretrainConfig, StageConfig};
use crate::device::{
    Adapter, AdapterKind, CheckResult, Extent, MemoryEstimate, PassedOver, Selected, SuiteResult,
    adapters, check_precision, half_suite, kernel_suite, select_telling,
};
use crate::nn::Precision;
use anyhow::bail;
use clap::Args;
use serde::Serialize;
use std::fmt::Write;
use std::process::ExitCode;

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

/// The report as people read it.
fn table(report: &Report) -> Result<String, std::fmt::Error> {
    let mut out = String::new();
    writeln!(out, "hounsfield {}", report.version)?;
    writeln!(out, "\nadapters")?;
    if report.adapters.is_empty() {
        writeln!(out, "  none: the CPU is used")?;
    }
    for adapter in &report.adapters {
        let kind = match adapter.kind {
            AdapterKind::Discrete => "discrete GPU",
            AdapterKind::Integrated => "integrated GPU",
            AdapterKind::Virtual => "virtual GPU",
            AdapterKind::Software => "software, used only when named",
            AdapterKind::Other => "other",
        };
        writeln!(
            out,
            "  --device {:<10} {}, {kind}",
            adapter.device, adapter.name
        )?;
        writeln!(out, "    driver {}", adapter.driver)?;
        writeln!(
            out,
            "    one tensor up to {}, buffers up to {}, {} storage buffers, {} threads and {} KiB a workgroup",
            bytes(adapter.max_binding_bytes),
            bytes(adapter.max_buffer_bytes),
            adapter.max_storage_buffers,
            adapter.max_workgroup_threads,
            adapter.workgroup_memory_bytes / 1024,
        )?;
        let yes = |present: bool| if present { "yes" } else { "no" };
        writeln!(
            out,
            "    f16 {}, subgroups {}, timestamps {}",
            yes(adapter.f16),
            yes(adapter.subgroups),
            yes(adapter.timestamps)
        )?;
    }
    writeln!(out, "\nmemory of a pre-training step, estimated")?;
    for preset in &report.presets {
        writeln!(
            out,
            "  {:<10} {:>9}  ({} views at once, largest tensor {})",
            preset.preset,
            bytes(preset.total),
            preset.views_at_once,
            bytes(preset.estimate.largest_tensor)
        )?;
    }
    if !report.passed_over.is_empty() {
        writeln!(out, "\npassed over by --device auto")?;
    }
    for adapter in &report.passed_over {
        let PassedOver {
            device,
            name,
            reason,
        } = adapter;
        writeln!(out, "  --device {device:<10} {name}: {reason}")?;
    }
    if let Some(selected) = &report.selected {
        writeln!(out, "\nself-test on {selected}")?;
    }
    for check in report.self_test.iter().flatten() {
        writeln!(
            out,
            "  {:<15} ok, relative error {:.0e}",
            check.name, check.error
        )?;
    }
    if let Some(kernels) = &report.kernels {
        writeln!(out, "\n{}", told(kernels))?;
        match &report.kernels_f16 {
            Some(half) => writeln!(out, "{}", told(half))?,
            None => writeln!(out, "f16 is not compared: this device does not offer it")?,
        }
    }
    Ok(out)
}

/// How many comparisons there were, and the worst.
fn told(results: &[SuiteResult]) -> String {
    let worst = results.iter().max_by(|a, b| a.error.total_cmp(&b.error));
    let worst = worst.map_or_else(String::new, |w| {
        format!("; worst {:.0e}, {}", w.error, w.name)
    });
    let all = count(results.len(), "comparison");
    format!("{all} with double precision{worst}")
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
            with.contains("2 comparisons with double precision; worst 2e-6, b\n"),
            "{with}"
        );
        assert!(
            with.contains("1 comparison with double precision; worst 5e-4, c, f16"),
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
