//! One run of fine-tuning in an experiment.

use crate::cli::experiment::runs::Tuning;
use crate::config::suits::counted;
use crate::config::{Arm, ExperimentPlan, FinetuneConfig, StageConfig};
use crate::dataset::{DataList, check_cases};
use crate::nn::Architecture;
use anyhow::{Context, ensure};
use std::path::{Path, PathBuf};

/// A size, a way to start and a seed.
#[derive(Debug, Clone)]
pub(super) struct Trial {
    pub size: usize,
    pub arm: Arm,
    pub seed: u64,
    /// Its split file.
    pub list: PathBuf,
}

impl Trial {
    /// Its folder under `runs/`.
    pub(super) fn folder(&self) -> String {
        format!("{:03}-{}-seed{}", self.size, self.arm.key(), self.seed)
    }

    /// What a person calls it.
    pub(super) fn title(&self) -> String {
        format!("{} cases, {}, seed {}", self.size, self.arm, self.seed)
    }

    /// Its settings: those of the plan; arms differ in the weights they start from or in the
    /// encoder, in the optimiser where the plan says so, and in nothing else.
    fn config(&self, plan: &ExperimentPlan, start: Option<PathBuf>) -> FinetuneConfig {
        let mut config = plan.finetune.clone();
        config.data.datalist = Some(self.list.clone());
        config.data.data_root = Some(plan.data.root.clone());
        config.run.seed = self.seed;
        config.optimizer = plan.optimizer(self.arm).clone();
        config.start.pretrained = start;
        if self.arm == Arm::Unet {
            config.decoder.architecture = Architecture::Unet;
        }
        config
    }

    /// The run as a whole.
    pub(super) fn tuning(
        &self,
        plan: &ExperimentPlan,
        start: Option<PathBuf>,
    ) -> anyhow::Result<Tuning> {
        Ok(Tuning {
            folder: self.folder(),
            title: self.title(),
            config: self.config(plan, start),
            list: DataList::load(&self.list, Some(&plan.data.root))?,
            scoring: plan.scoring,
        })
    }
}

/// The folder of the pre-training run that all seeds share.
const PRETRAINING: &str = "pretrain";
/// What that of a single seed begins with.
const PRETRAINING_OF_SEED: &str = "pretrain-seed";

/// The folder of a pre-training run under `runs/`.
pub(super) fn pretraining_folder(seed: Option<u64>) -> String {
    match seed {
        Some(seed) => format!("{PRETRAINING_OF_SEED}{seed}"),
        None => PRETRAINING.to_owned(),
    }
}

/// Whether a folder under `runs/` is of pre-training, by its name.
pub(super) fn is_pretraining(folder: &str) -> bool {
    folder == PRETRAINING || folder.starts_with(PRETRAINING_OF_SEED)
}

/// All runs of a plan, seed by seed, so that every size and arm has been seen once before the second seed begins.
/// Their split files and every file these name are looked at before anything slow; gives the lists too, one a size.
pub(super) fn all(plan: &ExperimentPlan) -> anyhow::Result<(Vec<Trial>, Vec<DataList>)> {
    let (mut files, mut lists) = (Vec::new(), Vec::new());
    let mut named: Option<(&Path, Vec<String>)> = None;
    for size in &plan.sizes {
        let file = plan.data.finetune.get(&size.to_string());
        let file = file.with_context(|| format!("no split file for {size} cases"))?;
        let list = checked_list(file, plan, *size)?;
        if !list.classes.is_empty() {
            let (first, names) =
                named.get_or_insert_with(|| (file.as_path(), list.classes.clone()));
            ensure!(
                same_names(names, &list.classes),
                "{} and {} name different classes (their key \"labels\"): give them the same, in the same order",
                first.display(),
                file.display()
            );
        }
        files.push((*size, file));
        lists.push(list);
    }
    let mut trials = Vec::new();
    for seed in &plan.seeds {
        for (size, list) in &files {
            for arm in &plan.arms {
                trials.push(Trial {
                    size: *size,
                    arm: *arm,
                    seed: *seed,
                    list: (*list).clone(),
                });
            }
        }
    }
    Ok((trials, lists))
}

/// Whether two lists of classes mean the same, in whatever case they are written.
fn same_names(one: &[String], other: &[String]) -> bool {
    let mut pairs = one.iter().zip(other);
    one.len() == other.len() && pairs.all(|(a, b)| a.to_lowercase() == b.to_lowercase())
}

/// The split file of a size, checked.
fn checked_list(path: &Path, plan: &ExperimentPlan, size: usize) -> anyhow::Result<DataList> {
    let list = DataList::load(path, Some(&plan.data.root))?;
    let name = path.display();
    let found = list.training.len();
    ensure!(
        found == size,
        "{name} has {found} training cases, and the plan says {size}"
    );
    ensure!(
        !list.validation.is_empty(),
        "{name} has no validation cases: the checkpoint is chosen on them"
    );
    ensure!(
        !list.test.is_empty(),
        "{name} has no test cases: the arms are compared on them"
    );
    check_classes(path, &list, &plan.finetune)?;
    list.check(true)?;
    check_cases(&list.test, true)?;
    Ok(list)
}

/// Refuses a list that names more classes than fine-tuning has, or a number of them that none can have.
fn check_classes(path: &Path, list: &DataList, config: &FinetuneConfig) -> anyhow::Result<()> {
    let (name, named) = (path.display(), list.classes.len());
    let Some(classes) = config.decoder.classes else {
        ensure!(
            named > 0,
            "{name} names no classes (its key \"labels\"): name them there, or give finetune.decoder.classes in the plan, \
             background included"
        );
        let mut config = config.clone();
        config.decoder.classes = Some(named);
        return config
            .validate()
            .with_context(|| format!("{name} names {}", counted(named, &list.classes)));
    };
    ensure!(
        named <= classes,
        "{name} names {}, and finetune.decoder.classes of the plan is {classes}: give {named}, or leave it out",
        counted(named, &list.classes)
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fine_tuning_has_a_class_for_every_one_that_a_list_names() {
        let checked = |classes: Option<usize>, named: usize| {
            let mut config = FinetuneConfig::default();
            config.decoder.classes = classes;
            let list = DataList {
                classes: (0..named).map(|class| format!("organ {class}")).collect(),
                ..DataList::default()
            };
            let checked = check_classes(Path::new("split.json"), &list, &config);
            checked.map_err(|error| format!("{error:#}"))
        };
        for (classes, named) in [(None, 3), (Some(3), 3), (Some(6), 3), (Some(3), 0)] {
            checked(classes, named).unwrap();
        }
        for (classes, named, part) in [
            (Some(3), 6, "plan is 3: give 6"),
            (None, 0, "names no classes"),
            (None, 1, "must be 2 or more"),
            (None, 257, "256"),
        ] {
            let text = checked(classes, named).unwrap_err();
            assert!(
                text.starts_with("split.json ") && text.contains(part),
                "{text}"
            );
        }
    }

    #[test]
    fn a_run_is_told_from_a_pre_training_by_its_folder() {
        for seed in [None, Some(3)] {
            assert!(is_pretraining(&pretraining_folder(seed)));
        }
        for arm in [Arm::Random, Arm::Pretrained, Arm::Unet] {
            let trial = Trial {
                size: 6,
                arm,
                seed: 3,
                list: PathBuf::new(),
            };
            assert!(!is_pretraining(&trial.folder()));
        }
    }
}
