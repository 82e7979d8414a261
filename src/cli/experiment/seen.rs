//! Test cases that something has learned from before they are scored.

use crate::cli::cases::{learned_from, named};
use crate::cli::data::listed;
use crate::cli::inputs::canonical;
use crate::config::{ExperimentPlan, PretrainPlan};
use crate::dataset::{Case, DataList, Notice, image_names};
use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

/// Names of test cases whose images something has learned from.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Seen {
    /// In pre-training, which sees no labels: a result on them says less of new scans than one on others. None where
    /// nothing tells which scans given weights have seen.
    pub in_pretraining: Option<Vec<String>>,
    /// What tells of those.
    pub told_by: ToldBy,
    /// In fine-tuning, being training or validation cases of their own list too: results on them are too good.
    pub in_finetuning: Vec<String>,
}

/// What tells which scans pre-training has seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum ToldBy {
    /// The list that the experiment itself pre-trains on.
    #[default]
    Run,
    /// The names of cases beside given weights.
    Names,
    /// The plan's list, beside given weights of which nothing else tells.
    List,
}

impl Seen {
    /// Those of a plan and its lists, one a size.
    pub(super) fn of(plan: &ExperimentPlan, lists: &[DataList]) -> anyhow::Result<Self> {
        let (before, told_by) = before(plan, lists)?;
        let in_pretraining = before.map(|before| {
            let found = lists.iter().flat_map(|list| among(&list.test, &before));
            each_once(found)
        });
        let own = lists
            .iter()
            .flat_map(|list| among(&list.test, &learned_from_itself(list)));
        Ok(Seen {
            in_pretraining,
            told_by,
            in_finetuning: each_once(own),
        })
    }

    /// Warns of them before anything is trained.
    pub(super) fn warn(&self) {
        if let Some(all @ [first, ..]) = self.in_pretraining.as_deref() {
            log::warn!(
                "{} test scans, such as {first}, are among those of pre-training, or have their names: their results say less of new scans",
                all.len()
            );
        }
        if let all @ [first, ..] = self.in_finetuning.as_slice() {
            log::warn!(
                "{} test scans, such as {first}, are training or validation cases of the same list: their results will be too good",
                all.len()
            );
        }
    }
}

/// The images that a list trains or chooses on, and those of its test cases that are of the same scans.
fn learned_from_itself(list: &DataList) -> BTreeSet<PathBuf> {
    let mut learned = images(list.training.iter().chain(&list.validation));
    for notice in list.notices() {
        if let Notice::Shared {
            lists: [_, "test"],
            image,
        } = notice
        {
            learned.insert(canonical(&image));
        }
    }
    learned
}

/// The list of pre-training as its run takes it. Its files are not looked at.
pub(super) fn pretraining_list(plan: &ExperimentPlan, path: &Path) -> anyhow::Result<DataList> {
    // A folder has no paths that start somewhere.
    let root = (!path.is_dir()).then_some(plan.data.root.as_path());
    let mut list = listed(path, root, false)?;
    if let Some(PretrainPlan::Run { config, .. }) = &plan.pretrain
        && let Some(limit) = config.data.limit.and_then(NonZeroUsize::new)
    {
        list.limit(limit);
    }
    Ok(list)
}

/// The images that pre-training has seen, as far as anything tells, and what does.
fn before(
    plan: &ExperimentPlan,
    lists: &[DataList],
) -> anyhow::Result<(Option<BTreeSet<PathBuf>>, ToldBy)> {
    let of_list = |path: &Path| -> anyhow::Result<BTreeSet<PathBuf>> {
        let list = pretraining_list(plan, path)?;
        Ok(images(list.training.iter().chain(&list.validation)))
    };
    let list = plan.data.pretrain.as_deref();
    Ok(match &plan.pretrain {
        None => (Some(BTreeSet::new()), ToldBy::Run),
        Some(PretrainPlan::Run { .. }) => (list.map(of_list).transpose()?, ToldBy::Run),
        Some(PretrainPlan::Weights(weights)) => match (learned_from(weights), list) {
            (Some(names), _) => {
                let all = lists.iter().flat_map(|list| list.all());
                let seen = named(&names, all.map(|case| case.image.as_path()));
                let seen = seen.into_iter().map(canonical).collect();
                (Some(seen), ToldBy::Names)
            }
            // Nothing is trained on the list, so one that cannot be read is no obstacle.
            (None, list) => match list.and_then(|list| of_list(list).ok()) {
                Some(seen) => (Some(seen), ToldBy::List),
                None => (None, ToldBy::Names),
            },
        },
    })
}

/// The files of these cases' images, whichever way leads to them.
fn images<'a>(cases: impl Iterator<Item = &'a Case>) -> BTreeSet<PathBuf> {
    cases.map(|case| canonical(&case.image)).collect()
}

/// Names of the cases whose images are among these.
fn among(cases: &[Case], images: &BTreeSet<PathBuf>) -> Vec<String> {
    let names = image_names(cases).into_iter().zip(cases);
    names
        .filter(|(_, case)| images.contains(&canonical(&case.image)))
        .map(|(name, _)| name)
        .collect()
}

fn each_once(names: impl Iterator<Item = String>) -> Vec<String> {
    let names: BTreeSet<String> = names.collect();
    names.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = "name = \"n\"\nsizes = [1]\narms = [\"pretrained\"]\nseeds = [1]\n\
        [data]\nfinetune = { 1 = \"split.json\" }\n[pretrain]\nweights = \"before\"\n";

    /// What is seen of a split file by a plan in a folder.
    fn seen(folder: &Path, plan: &str, split: &str) -> Seen {
        let file = folder.join("split.json");
        std::fs::write(&file, split).unwrap();
        let plan = ExperimentPlan::from_toml(plan, "plan.toml").unwrap();
        let lists = [DataList::load(&file, None).unwrap()];
        Seen::of(&plan.located(folder, None), &lists).unwrap()
    }

    #[test]
    fn what_given_weights_have_seen_is_told_by_their_run_or_the_plan_or_not_known() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let split = r#"{"training": ["p0/ct.nii"], "test": ["p1/ct.nii", "p2/ct.nii"]}"#;
        let found = |plan: &str| {
            let seen = seen(folder.path(), plan, split);
            (seen.in_pretraining, seen.told_by)
        };
        let only = |name: &str| Some(vec![name.to_owned()]);
        assert_eq!(found(PLAN), (None, ToldBy::Names));

        let listed = PLAN.replacen("[data]\n", "[data]\npretrain = \"before.json\"\n", 1);
        std::fs::write(at("before.json"), r#"{"training": ["p1/ct.nii"]}"#).unwrap();
        assert_eq!(found(&listed), (only("p1/ct.nii"), ToldBy::List));

        // Their run knows it better than the plan.
        std::fs::create_dir(at("before")).unwrap();
        let cases = r#"{"training": ["p7/ct.nii"], "validation": ["p2/ct.nii"]}"#;
        std::fs::write(at("before/cases.json"), cases).unwrap();
        for plan in [PLAN, &listed] {
            assert_eq!(found(plan), (only("p2/ct.nii"), ToldBy::Names));
        }
    }

    #[test]
    fn test_cases_that_their_own_list_trains_or_chooses_on_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let plan = PLAN.replacen("pretrained", "random", 1);
        let split = r#"{"training": ["a.nii", "b.nii"], "validation": ["c.nii"],
            "test": ["d.nii", "./c.nii", "b.nii", "b.nii"]}"#;
        let seen = seen(folder.path(), &plan, split);
        assert_eq!(seen.in_finetuning, ["b.nii", "c.nii"]);
        assert_eq!(seen.in_pretraining, Some(Vec::new()));
    }
}
