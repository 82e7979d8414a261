//! What an experiment leaves: `results.json`, `results.csv`, `results.md`, `results.png` and `curves.png`.

mod learning;
mod text;

use crate::cli::experiment::runs::Ended;
use crate::cli::experiment::trial::{Trial, pretraining_folder};
use crate::cli::resumed::differences;
use crate::config::{Arm, ExperimentPlan, PretrainPlan};
use crate::metric::{CaseScore, Method, SizeResult, Summary, compare_methods};
use crate::platform;
use crate::report::bars;
use crate::report::json::write_json;
use crate::report::results;
use anyhow::Context;
use learning::panels;
pub(super) use learning::write_curves;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// All numbers of an experiment.
#[derive(Debug, Serialize)]
pub(super) struct Results {
    name: String,
    version: &'static str,
    device: String,
    /// Foreground Dice of the test cases, compared with the first arm.
    sizes: Vec<SizeResult>,
    /// Test cases left out of the comparison, because one has no foreground at all.
    left_out: Vec<String>,
    /// Test cases whose images pre-training has seen, as far as given weights tell, by their names; none where nobody
    /// knows what it has seen.
    seen_in_pretraining: Option<Vec<String>>,
    /// Whether the weights of the pre-trained arm were given, not trained by the experiment.
    given_weights: bool,
    /// Whether all pre-trained runs start from the same encoder.
    one_encoder: bool,
    /// Names of the classes by label, the background first.
    classes: Vec<String>,
    /// What is different in the optimisers of arms that have their own, in words.
    optimizers: BTreeMap<Arm, String>,
    pretraining: Vec<Pretraining>,
    runs: Vec<Run>,
}

/// A pre-training run.
#[derive(Debug, Serialize)]
struct Pretraining {
    folder: String,
    training_volumes: usize,
    steps: u64,
    best_step: u64,
    best_validation_l1: Option<f64>,
    seconds: f64,
}

/// A run of fine-tuning.
#[derive(Debug, Serialize)]
struct Run {
    size: usize,
    arm: Arm,
    seed: u64,
    folder: String,
    parameters: usize,
    steps: u64,
    /// The step whose weights were the best on the validation cases; these were scored.
    best_step: u64,
    validation_dice: Option<f64>,
    seconds: f64,
    test: Summary,
    /// Foreground Dice of every test case.
    cases: BTreeMap<String, Option<f64>>,
}

impl Results {
    pub(super) fn new(
        plan: &ExperimentPlan,
        before: &[(Option<u64>, Ended)],
        ended: &[(Trial, Ended)],
        seen_in_pretraining: Option<Vec<String>>,
    ) -> anyhow::Result<Self> {
        let mut left_out = Vec::new();
        let mut sizes = Vec::new();
        for size in &plan.sizes {
            let (methods, missing) = methods(plan, *size, ended)?;
            sizes.push(compare_methods(*size, &methods, &plan.bootstrap)?);
            left_out.extend(missing);
        }
        left_out.sort();
        left_out.dedup();
        let runs = ended.iter().map(|(trial, ended)| run(trial, ended));
        let pretraining = before.iter().map(|(seed, ended)| Pretraining {
            folder: pretraining_folder(*seed),
            training_volumes: ended.finished.training_volumes,
            steps: ended.finished.steps,
            best_step: ended.finished.best_step,
            best_validation_l1: ended.finished.best_validation_l1,
            seconds: ended.finished.seconds,
        });
        // The sittings of an experiment may have had different ones.
        let all = before.iter().map(|(_, ended)| ended);
        let all = all.chain(ended.iter().map(|(_, ended)| ended));
        let devices: BTreeSet<&str> = all.map(|ended| ended.finished.device.as_str()).collect();
        let tests = ended.iter().filter_map(|(_, ended)| ended.test.as_ref());
        let classes = tests.map(|test| test.class_names.clone()).next();
        let mut optimizers = BTreeMap::new();
        for (arm, own) in &plan.optimizers {
            let changes = differences(&plan.finetune.optimizer, own)?;
            let changes: Vec<String> = changes
                .into_iter()
                .map(|change| format!("{} {} instead of {}", change.name, change.new, change.old))
                .collect();
            optimizers.insert(*arm, changes.join(", "));
        }
        Ok(Results {
            name: plan.name.clone(),
            version: env!("CARGO_PKG_VERSION"),
            device: devices.into_iter().collect::<Vec<_>>().join(" and "),
            sizes,
            left_out,
            seen_in_pretraining,
            given_weights: matches!(plan.pretrain, Some(PretrainPlan::Weights(_))),
            one_encoder: match &plan.pretrain {
                Some(PretrainPlan::Weights(_)) => true,
                Some(PretrainPlan::Run { per_seed, .. }) => !per_seed,
                None => false,
            },
            classes: classes.unwrap_or_default(),
            optimizers,
            pretraining: pretraining.collect(),
            runs: runs.collect::<anyhow::Result<_>>()?,
        })
    }

    pub(super) fn write(&self, out: &Path, ended: &[(Trial, Ended)]) -> anyhow::Result<()> {
        write_json(&out.join("results.json"), self)?;
        let csv = results::details(&self.sizes).csv();
        platform::write_atomic(&out.join("results.csv"), csv.as_bytes())?;
        platform::write_atomic(&out.join("results.md"), self.markdown().as_bytes())?;
        let sizes: Vec<usize> = self.sizes.iter().map(|size| size.training_cases).collect();
        let image = bars::draw(
            &self.name,
            "Test Dice, foreground, in percent",
            &self.sizes,
            &panels(&sizes, ended),
        )?;
        platform::write_atomic(&out.join("results.png"), &image.encode_png()?)?;
        Ok(())
    }
}

fn tested(ended: &Ended) -> anyhow::Result<&[CaseScore]> {
    let test = ended.test.as_ref().context("a run was not scored")?;
    Ok(&test.cases)
}

fn run(trial: &Trial, ended: &Ended) -> anyhow::Result<Run> {
    let test = ended.test.as_ref().context("a run was not scored")?;
    Ok(Run {
        size: trial.size,
        arm: trial.arm,
        seed: trial.seed,
        folder: trial.folder(),
        parameters: ended.finished.parameters,
        steps: ended.finished.steps,
        best_step: ended.finished.best_step,
        validation_dice: ended.finished.best_validation_dice,
        seconds: ended.finished.seconds,
        test: test.summary.clone(),
        cases: test
            .cases
            .iter()
            .map(|case| (case.case.clone(), case.foreground_dice()))
            .collect(),
    })
}

/// The scores of each arm with `size` training cases, and the cases that are left out: whether a case has a foreground
/// does not depend on the run.
fn methods(
    plan: &ExperimentPlan,
    size: usize,
    ended: &[(Trial, Ended)],
) -> anyhow::Result<(Vec<Method>, Vec<String>)> {
    let of_size = || ended.iter().filter(|(trial, _)| trial.size == size);
    let mut left_out = Vec::new();
    let mut methods = Vec::new();
    for arm in &plan.arms {
        let mut scores = Vec::new();
        for (_, ended) in of_size().filter(|(trial, _)| trial.arm == *arm) {
            let mut seed = Vec::new();
            for case in tested(ended)? {
                match case.foreground_dice() {
                    Some(dice) => seed.push(dice),
                    None => left_out.push(case.case.clone()),
                }
            }
            scores.push(seed);
        }
        methods.push(Method {
            name: arm.to_string(),
            scores,
        });
    }
    Ok((methods, left_out))
}

#[cfg(test)]
mod tests;
