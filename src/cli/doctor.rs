//! `doctor`: what this machine can compute on, and whether it computes right.

use crate::cli::args::DeviceArgs;
use crate::cli::output::{bytes, print};
use crate::config::{Preset, PretrainConfig, StageConfig};
use crate::device::{
    Adapter, AdapterKind, CheckResult, Extent, MemoryEstimate, SuiteResult, adapters, kernel_suite,
    select, self_test,
};
use anyhow::bail;
use clap::Args;
use serde::Serialize;
use std::fmt::Write;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    #[command(flatten)]
    device: DeviceArgs,
    /// Also hold every operation to double precision, forward and backward, up to the shapes of UNETR: minutes
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
    presets: Vec<PresetMemory>,
    self_test: Option<Vec<CheckResult>>,
    /// Every comparison with double precision, where it was asked for.
    kernels: Option<Vec<SuiteResult>>,
    error: Option<String>,
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
    let (adapters, selected) =
        pollster::block_on(async { (adapters().await, select(args.device.device).await) });
    let (selected, tested) = match selected {
        Ok(selected) => {
            let tested = pollster::block_on(self_test(&selected.device));
            (Some(selected), tested)
        }
        // The list of what there is helps most here.
        Err(error) => (None, Err(error)),
    };
    let kernels = match (&selected, &tested) {
        (Some(selected), Ok(_)) if args.kernels => Some(pollster::block_on(kernel_suite(
            &selected.device,
            Extent::Full,
        ))?),
        _ => None,
    };
    let failure = match &tested {
        Err(error) => Some(error.to_string()),
        Ok(_) => kernels
            .iter()
            .flatten()
            .find(|result| !result.holds())
            .map(|wrong| {
                format!(
                    "{} is off by {:.1e}: do not train on this device, and please report it",
                    wrong.name, wrong.error
                )
            }),
    };
    let report = Report {
        version: env!("CARGO_PKG_VERSION"),
        adapters,
        selected: selected.map(|selected| selected.description),
        presets,
        error: failure.clone(),
        self_test: tested.ok(),
        kernels,
    };
    if args.json {
        print(&serde_json::to_string_pretty(&report)?)?;
    } else {
        print(table(&report)?.trim_end())?;
    }
    match failure {
        Some(failure) => bail!(failure),
        None => Ok(ExitCode::SUCCESS),
    }
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
        let worst = kernels.iter().max_by(|a, b| a.error.total_cmp(&b.error));
        let worst = worst.map_or_else(String::new, |w| {
            format!("; worst {:.0e}, {}", w.error, w.name)
        });
        writeln!(
            out,
            "\n{} comparisons with double precision{worst}",
            kernels.len()
        )?;
    }
    Ok(out)
}
