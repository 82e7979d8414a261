//! What an experiment leaves: `results.json`, `results.csv`, `results.md`, `results.png` and `curves.png`.

use crate::cli::experiment::runs::Ended;
use crate::cli::experiment::trial::{Trial, pretraining_folder};
use crate::cli::resumed::differences;
use crate::config::{Arm, ExperimentPlan, PretrainPlan};
use crate::metric::{CaseScore, Method, SizeResult, Summary, compare_methods};
use crate::platform;
use crate::report::bars::{self, learning_curves};
use crate::report::curves::{self, Panel};
use crate::report::json::write_json;
use crate::report::results;
use crate::report::table::{Cell, Table};
use anyhow::Context;
use serde::Serialize;
use std::collections::BTreeMap;
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
        device: &str,
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
            device: device.to_owned(),
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

    /// The original's table.
    pub(super) fn table(&self) -> Table {
        results::table(&self.sizes)
    }

    /// One row a run, with the test Dice of every class, in percent as in the other table.
    fn by_run(&self) -> Table {
        let mut header = vec![
            "training cases",
            "arm",
            "seed",
            "steps",
            "best step",
            "validation Dice",
            "test Dice",
            "HD95 mm",
            "surface Dice",
            "missed",
            "minutes",
        ];
        // The background is not shown.
        header.extend(self.classes.iter().skip(1).map(String::as_str));
        let mut table = Table::new(&header);
        let percent = |value: Option<f64>| Cell::number(value.map(|value| 100.0 * value), 2);
        for run in &self.runs {
            let mut row = vec![
                run.size.into(),
                run.arm.to_string().into(),
                run.seed.to_string().into(),
                (run.steps as usize).into(),
                (run.best_step as usize).into(),
                percent(run.validation_dice),
                percent(run.test.foreground_dice),
                Cell::number(run.test.foreground_hd95_mm, 2),
                percent(run.test.foreground_nsd),
                run.test.missed().into(),
                Cell::Number(run.seconds / 60.0, 1),
            ];
            let classes = run.test.classes.iter().skip(1);
            row.extend(classes.map(|class| percent(class.dice.map(|dice| dice.mean))));
            table.push(row);
        }
        table
    }

    fn markdown(&self) -> String {
        let level = self
            .sizes
            .first()
            .map_or(95.0, |s| 100.0 * s.bootstrap.level);
        let mut text = format!(
            "# {}\n\nEvery Dice here and in the pictures is in percent; results.csv and results.json have them from 0 to 1. Foreground Dice of the test cases: the mean, ± the deviation over seeds; differences are paired over cases, after averaging over seeds, with their {level} % bootstrap interval over cases, which says nothing of other seeds, and the one over seeds and cases, which does (too narrow for few seeds). Each run was scored once, with the weights that were the best on the validation cases. Validation Dice is on the network's grid with training's windows, test Dice on the scans' own voxels, so the two are no measure of overfitting. \"Missed\" counts structures of the test cases that were not found at all: Dice counts them as 0, HD95 leaves them out. Surface Dice is the share of both surfaces that lie no further apart than the plan's tolerance. The last columns are Dice by class.\n\n{}\n![Results](results.png)\n\n## Runs\n\n{}\n![Validation Dice](curves.png)\n",
            self.name,
            self.table().markdown(),
            self.by_run().markdown(),
        );
        for run in &self.pretraining {
            text.push_str(&format!(
                "\nPre-training `{}`: {} volumes, {} steps in {:.1} min, best validation L1 {}.\n",
                run.folder,
                run.training_volumes,
                run.steps,
                run.seconds / 60.0,
                run.best_validation_l1
                    .map_or("-".to_owned(), |value| format!("{value:.4}")),
            ));
        }
        if self.one_encoder {
            text.push_str(
                "\nAll pre-trained runs start from the same weights: no interval shows how far another pre-training would lie from this one.\n",
            );
        }
        match self.seen_in_pretraining.as_deref() {
            Some([]) => {}
            Some(seen) => {
                let how = match self.given_weights {
                    true => "By their names among the cases that the given weights learnt from",
                    false => "Seen in pre-training, without labels",
                };
                text.push_str(&format!(
                    "\n**{how}: {} of the test cases**, so their results say less of new scans: {}.\n",
                    seen.len(),
                    seen.join(", ")
                ));
            }
            None => text.push_str(
                "\nWhether pre-training has seen test cases was not checked: nothing beside its weights names scans.\n",
            ),
        }
        for (arm, changes) in &self.optimizers {
            text.push_str(&format!(
                "\nThe arm \"{arm}\" has an optimiser of its own: {changes}.\n"
            ));
        }
        if !self.left_out.is_empty() {
            text.push_str(&format!(
                "\nWithout a foreground, and left out: {}.\n",
                self.left_out.join(", ")
            ));
        }
        text
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

/// Validation Dice of all runs so far in percent, a panel for each size.
pub(super) fn write_curves(
    out: &Path,
    plan: &ExperimentPlan,
    ended: &[(Trial, Ended)],
) -> anyhow::Result<()> {
    let image = curves::draw(&plan.name, &panels(&plan.sizes, ended))?;
    platform::write_atomic(&out.join("curves.png"), &image.encode_png()?)?;
    Ok(())
}

fn panels(sizes: &[usize], ended: &[(Trial, Ended)]) -> Vec<Panel> {
    let panel = |size: &usize| {
        let mut arms: Vec<(Arm, Vec<bars::Points>)> = Vec::new();
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
