//! One run of fine-tuning in an experiment.

use crate::cli::cases::{learned_from, named};
use crate::cli::data::listed;
use crate::cli::inputs::canonical;
use crate::config::{Arm, ExperimentPlan, FinetuneConfig, PretrainPlan};
use crate::dataset::{DataList, check_cases, image_names};
use crate::nn::Architecture;
use anyhow::{Context, ensure};
use std::collections::BTreeSet;
use std::num::NonZeroUsize;
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
    pub(super) fn config(&self, plan: &ExperimentPlan, start: Option<PathBuf>) -> FinetuneConfig {
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

    pub(super) fn data_list(&self, root: &Path) -> anyhow::Result<DataList> {
        Ok(DataList::load(&self.list, Some(root))?)
    }
}

/// The folder of a pre-training run under `runs/`.
pub(super) fn pretraining_folder(seed: Option<u64>) -> String {
    match seed {
        Some(seed) => format!("pretrain-seed{seed}"),
        None => "pretrain".to_owned(),
    }
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

/// Names of the test cases whose images are among those of pre-training, which sees no labels. A result on them says
/// less of new scans than one on others. None where nothing tells which scans given weights have seen; where something
/// does, it tells their names. `lists` are the plan's.
pub(super) fn seen_before(
    plan: &ExperimentPlan,
    lists: &[DataList],
) -> anyhow::Result<Option<Vec<String>>> {
    let seen: BTreeSet<PathBuf> = match (&plan.pretrain, &plan.data.pretrain) {
        (Some(PretrainPlan::Weights(weights)), _) => {
            let Some(names) = learned_from(weights) else {
                return Ok(None);
            };
            let all = lists.iter().flat_map(|list| {
                let cases = list.training.iter().chain(&list.validation);
                cases.chain(&list.test)
            });
            let seen = named(&names, all.map(|case| case.image.as_path()));
            seen.into_iter().map(canonical).collect()
        }
        (Some(PretrainPlan::Run { config, .. }), Some(path)) => {
            let root = (!path.is_dir()).then_some(plan.data.root.as_path());
            let mut before = listed(path, root, false)?;
            if let Some(limit) = config.data.limit.and_then(NonZeroUsize::new) {
                before.limit(limit);
            }
            (before.training.iter().chain(&before.validation))
                .map(|case| canonical(&case.image))
                .collect()
        }
        _ => return Ok(Some(Vec::new())),
    };
    let mut found = BTreeSet::new();
    for list in lists {
        let names = image_names(&list.test).into_iter().zip(&list.test);
        let names = names.filter(|(_, case)| seen.contains(&canonical(&case.image)));
        found.extend(names.map(|(name, _)| name));
    }
    Ok(Some(found.into_iter().collect()))
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
    ensure!(
        plan.finetune.decoder.classes.is_some() || !list.classes.is_empty(),
        "{name} names no classes (its key \"labels\"): name them there, or give finetune.decoder.classes in the plan, \
         background included"
    );
    list.check(true)?;
    check_cases(&list.test, true)?;
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_given_weights_have_seen_is_told_by_their_run_or_not_known() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let list = r#"{"training": ["p0/ct.nii"], "test": ["p1/ct.nii", "p2/ct.nii"]}"#;
        std::fs::write(at("split.json"), list).unwrap();
        let text = "name = \"n\"\nsizes = [1]\narms = [\"pretrained\"]\nseeds = [1]\n\
            [data]\nfinetune = { 1 = \"split.json\" }\n[pretrain]\nweights = \"before\"\n";
        let plan = ExperimentPlan::from_toml(text, "plan.toml").unwrap();
        let lists = [DataList::load(&at("split.json"), None).unwrap()];
        let seen = || seen_before(&plan.clone().located(folder.path(), None), &lists).unwrap();
        assert_eq!(seen(), None);
        std::fs::create_dir(at("before")).unwrap();
        let cases = r#"{"training": ["p7/ct.nii"], "validation": ["p2/ct.nii"]}"#;
        std::fs::write(at("before/cases.json"), cases).unwrap();
        assert_eq!(seen(), Some(vec!["p2/ct.nii".to_owned()]));
    }
}
