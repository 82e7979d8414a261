//! `curves.png`: how the runs learned.

use crate::cli::experiment::runs::Ended;
use crate::cli::experiment::trial::Trial;
use crate::config::{Arm, ExperimentPlan};
use crate::platform;
use crate::report::curves::{self, Panel};
use crate::report::learning::{Points, learning_curves};
use std::path::Path;

/// Writes the validation Dice of all runs so far in percent, a panel for each size.
pub(in crate::cli::experiment) fn write_curves(
    out: &Path,
    plan: &ExperimentPlan,
    ended: &[(Trial, Ended)],
) -> anyhow::Result<()> {
    let image = curves::draw(&plan.name, &panels(&plan.sizes, ended))?;
    platform::write_atomic(&out.join("curves.png"), &image.encode_png()?)?;
    Ok(())
}

/// Those panels.
pub(super) fn panels(sizes: &[usize], ended: &[(Trial, Ended)]) -> Vec<Panel> {
    let panel = |size: &usize| {
        let mut arms: Vec<(Arm, Vec<Points>)> = Vec::new();
        for (trial, ended) in ended.iter().filter(|(trial, _)| trial.size == *size) {
            let curve = ended.curve.iter();
            let curve = curve.map(|(step, dice)| (*step, 100.0 * dice)).collect();
            match arms.iter_mut().find(|(arm, _)| *arm == trial.arm) {
                Some((_, curves)) => curves.push(curve),
                None => arms.push((trial.arm, vec![curve])),
            }
        }
        let arms: Vec<_> = arms
            .into_iter()
            .map(|(arm, curves)| (arm.to_string(), curves))
            .collect();
        let title = format!("Validation Dice in percent, {size} cases");
        learning_curves(&title, "step", &arms)
    };
    sizes.iter().map(panel).collect()
}
