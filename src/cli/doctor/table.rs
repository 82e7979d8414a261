//! What `doctor` found, as people read it.

use super::Report;
use crate::cli::output::{bytes, count};
use crate::device::{AdapterKind, PassedOver, SuiteResult};
use std::fmt::Write;

/// The report as people read it.
pub(super) fn table(report: &Report) -> Result<String, std::fmt::Error> {
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
    format!("{all} with double precision or with an operation's parts{worst}")
}
