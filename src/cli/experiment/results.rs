//! What an experiment leaves: `results.json`, `results.csv`, `results.md`, `results.png` and `curves.png`.

mod learning;
mod text;

use crate::cli::experiment::all_runs::{Done, Failed};
use crate::cli::experiment::runs::Ended;
use crate::cli::experiment::seen::{Seen, ToldBy};
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
    /// Foreground Dice of the test cases, compared with the first arm, over those seeds that have all arms; a size
    /// without such a seed is left out.
    sizes: Vec<SizeResult>,
    /// Test cases left out of the comparison, because one has no foreground at all.
    left_out: Vec<String>,
    /// Test cases whose images pre-training has seen, as far as given weights tell, by their names; none where nobody
    /// knows what it has seen.
    seen_in_pretraining: Option<Vec<String>>,
    /// What tells of those.
    #[serde(skip)]
    told_by: ToldBy,
    /// Test cases that are training or validation cases of their own list too, by their names.
    seen_in_finetuning: Vec<String>,
    /// Up to which distance surfaces count as equal, mm.
    tolerance_mm: f64,
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
    /// Runs that could not be brought to their end.
    failed: Vec<Failed>,
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
    pub(super) fn new(plan: &ExperimentPlan, done: &Done, seen: Seen) -> anyhow::Result<Self> {
        let (before, ended) = (&done.before, &done.ended);
        let mut left_out = Vec::new();
        let mut sizes = Vec::new();
        for size in &plan.sizes {
            let seeds = whole_seeds(plan, *size, ended);
            if seeds.is_empty() {
                continue;
            }
            let (methods, missing) = methods(plan, (*size, &seeds), ended)?;
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
            seen_in_pretraining: seen.in_pretraining,
            told_by: seen.told_by,
            seen_in_finetuning: seen.in_finetuning,
            tolerance_mm: plan.scoring.tolerance,
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
            failed: done.failed.clone(),
        })
    }

    /// Whether there is nothing to compare: so many runs failed that no seed has all arms with any number of cases.
    pub(super) fn are_none(&self) -> bool {
        self.sizes.is_empty()
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

/// The seeds that have all arms with `size` training cases: of others the arms would be compared over different seeds.
fn whole_seeds(plan: &ExperimentPlan, size: usize, ended: &[(Trial, Ended)]) -> Vec<u64> {
    let has = |seed: u64, arm: Arm| {
        let mut trials = ended.iter().map(|(trial, _)| trial);
        trials.any(|trial| (trial.size, trial.arm, trial.seed) == (size, arm, seed))
    };
    let whole = |seed: &u64| plan.arms.iter().all(|arm| has(*seed, *arm));
    plan.seeds.iter().copied().filter(whole).collect()
}

/// The scores of each arm with `size` training cases and these seeds, and the cases that are left out: whether a case
/// has a foreground does not depend on the run.
fn methods(
    plan: &ExperimentPlan,
    (size, seeds): (usize, &[u64]),
    ended: &[(Trial, Ended)],
) -> anyhow::Result<(Vec<Method>, Vec<String>)> {
    let counts = |trial: &Trial| trial.size == size && seeds.contains(&trial.seed);
    let of_size = || ended.iter().filter(|(trial, _)| counts(trial));
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
