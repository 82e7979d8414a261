//! Settings of a run that goes on, held against those it was started with.

use crate::cli::run_folder::{CASES_FILE, beside};
use crate::cli::settings::apply_flags;
use crate::config::StageConfig;
use crate::dataset::{DataList, case_names, label_names};
use crate::platform;
use crate::train::layout::CONFIG_FILE;
use anyhow::{Context, bail, ensure};
use clap::{ArgMatches, Args};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;

/// Settings that may change when a run goes on: they do not change what it computes.
const FREE: [&str; 7] = [
    "data.cache_memory",
    "data.cache_dir",
    "data.workers",
    "run.device",
    "run.log_every",
    "run.checkpoint_minutes",
    "run.max_skipped",
];

/// Paths that mean the same wherever the run is gone on with.
pub(super) fn make_absolute(config: &mut impl StageConfig) -> anyhow::Result<()> {
    let data = config.data_mut();
    let paths = [&mut data.datalist, &mut data.data_root, &mut data.cache_dir];
    for path in paths.into_iter().flatten() {
        *path = std::path::absolute(&*path)
            .with_context(|| format!("cannot find {}", path.display()))?;
    }
    Ok(())
}

/// The settings of a run that goes on: those of its checkpoint, except what does not change the result.
pub(super) fn resumed_config<C: StageConfig + Args>(
    folder: &Path,
    saved: &C,
    flags: &ArgMatches,
) -> anyhow::Result<C> {
    let file = folder.join(CONFIG_FILE);
    let mut wanted = match std::fs::read_to_string(&file) {
        Ok(text) => C::from_toml(&text, &file.display().to_string())?,
        Err(_) => saved.clone(),
    };
    apply_flags(&mut wanted, flags)?;
    make_absolute(&mut wanted)?;
    wanted.validate()?;
    check_unchanged(folder, saved, &wanted)?;
    Ok(wanted)
}

/// Names of the cases of a run, in their order, which the order of its batches follows.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct CaseNames {
    training: Vec<String>,
    validation: Vec<String>,
    /// Of a run that learns from labels. Older programs did not write them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    labels: Option<LabelNames>,
    /// What made the images, where the list says so. Older programs did not write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    modality: Option<String>,
}

/// Names of the label maps in the order of the cases, and of the classes by number.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct LabelNames {
    training: Vec<String>,
    validation: Vec<String>,
    classes: Vec<String>,
}

impl CaseNames {
    fn of(list: &DataList, labelled: bool) -> Self {
        CaseNames {
            training: case_names(&list.training),
            validation: case_names(&list.validation),
            labels: labelled.then(|| LabelNames {
                training: label_names(&list.training),
                validation: label_names(&list.validation),
                classes: list.classes.clone(),
            }),
            modality: list.modality.clone(),
        }
    }

    /// Of the run that some weights are of, as far as the folder they lie in tells.
    fn beside(weights: &Path) -> Option<Self> {
        let file = beside(weights, CASES_FILE);
        serde_json::from_slice(&std::fs::read(file).ok()?).ok()
    }
}

/// Writes the names of a run's cases into its folder, and where it is `labelled` those of its label maps and classes,
/// or refuses others than those it began with. Their folders may have moved.
pub(super) fn same_cases(folder: &Path, list: &DataList, labelled: bool) -> anyhow::Result<()> {
    let now = CaseNames::of(list, labelled);
    let file = folder.join(CASES_FILE);
    let Ok(text) = std::fs::read(&file) else {
        return Ok(platform::write_atomic(
            &file,
            &serde_json::to_vec_pretty(&now)?,
        )?);
    };
    let then: CaseNames = serde_json::from_slice(&text)
        .with_context(|| format!("{} does not list the cases of a run", file.display()))?;
    let count = |names: &CaseNames| (names.training.len(), names.validation.len());
    let ((t0, v0), (t1, v1)) = (count(&then), count(&now));
    ensure!(
        (&then.training, &then.validation) == (&now.training, &now.validation),
        "the run in {} began with other cases ({t0} for training and {v0} for validation then, {t1} and {v1} now; \
         {CASES_FILE} in it names them): start a new run, or put the list back",
        folder.display()
    );
    ensure!(
        then.labels.is_none() || then.labels == now.labels,
        "the run in {} began with other label maps or classes ({CASES_FILE} in it names them): start a new run, or put \
         the list back",
        folder.display()
    );
    Ok(())
}

/// Names of the cases that some weights were trained and chosen on, as far as the folder they lie in tells.
pub(super) fn learned_from(weights: &Path) -> Option<Vec<String>> {
    let names = CaseNames::beside(weights)?;
    Some([names.training, names.validation].concat())
}

/// What some weights learned from.
#[derive(Debug, Default)]
pub(super) struct Learned {
    /// Names of the classes by number; empty where nothing tells.
    pub classes: Vec<String>,
    /// What made the images.
    pub modality: Option<String>,
}

/// The classes and the modality that some weights were trained on, as far as the folder they lie in tells.
pub(super) fn learned(weights: &Path) -> Learned {
    let names = CaseNames::beside(weights);
    names.map_or_else(Learned::default, |names| Learned {
        classes: names.labels.map_or_else(Vec::new, |labels| labels.classes),
        modality: names.modality,
    })
}

/// Settings that say where files lie. What matters of them is which cases they give, which the names of the cases hold.
const PLACES: [&str; 2] = ["data.datalist", "data.data_root"];
/// What a run started from is in its weights by now.
const START: &str = "start.pretrained";

/// Refuses to count a finished run as done when it was made with other settings than are wanted now.
pub(super) fn check_finished<C: StageConfig>(folder: &Path, wanted: &C) -> anyhow::Result<()> {
    let file = folder.join(CONFIG_FILE);
    let text = std::fs::read_to_string(&file)
        .with_context(|| format!("cannot read the settings in {}", file.display()))?;
    let done = C::from_toml(&text, &file.display().to_string())?;
    check_begun(folder, &done, wanted)
}

/// As [`check_finished`], for a run that goes on from a checkpoint with the settings `saved`.
pub(super) fn check_begun<C: StageConfig>(
    folder: &Path,
    saved: &C,
    wanted: &C,
) -> anyhow::Result<()> {
    refuse(folder, differences(saved, wanted)?, |name| {
        FREE.contains(&name) || PLACES.contains(&name) || name == START
    })
}

/// Refuses settings that would change what the run in `folder` computes. The same volumes may lie elsewhere by now;
/// [`same_cases`] guards that they are the same.
fn check_unchanged<C: StageConfig>(folder: &Path, saved: &C, wanted: &C) -> anyhow::Result<()> {
    let listed = |config: &C| config.data().datalist.is_some();
    let moved = listed(saved) && listed(wanted);
    refuse(folder, differences(saved, wanted)?, |name| {
        FREE.contains(&name) || (moved && PLACES.contains(&name))
    })
}

fn refuse(
    folder: &Path,
    differences: Vec<Difference>,
    free: impl Fn(&str) -> bool,
) -> anyhow::Result<()> {
    let differing: Vec<String> = differences
        .iter()
        .filter(|found| !free(&found.name))
        .map(|found| found.to_string())
        .collect();
    if !differing.is_empty() {
        bail!(
            "the settings differ from those of the run in {}: {}; start a new run, or leave them as they were",
            folder.display(),
            differing.join(", ")
        );
    }
    Ok(())
}

/// A setting that differs.
pub(super) struct Difference {
    /// With its section.
    pub name: String,
    /// As TOML.
    pub old: String,
    pub new: String,
}

/// What a setting was and is.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was {}, now {}", self.name, self.old, self.new)
    }
}

/// Settings that differ, by name.
pub(super) fn differences<C: Serialize>(old: &C, new: &C) -> anyhow::Result<Vec<Difference>> {
    fn flatten(prefix: &str, value: &toml::Value, out: &mut Vec<(String, String)>) {
        match value {
            toml::Value::Table(table) => {
                for (key, value) in table {
                    let dot = if prefix.is_empty() { "" } else { "." };
                    flatten(&format!("{prefix}{dot}{key}"), value, out);
                }
            }
            value => out.push((prefix.to_owned(), value.to_string())),
        }
    }
    let list = |config: &C| -> anyhow::Result<Vec<(String, String)>> {
        let mut out = Vec::new();
        flatten("", &toml::Value::try_from(config)?, &mut out);
        Ok(out)
    };
    let (old, new) = (list(old)?, list(new)?);
    let find = |all: &[(String, String)], name: &str| {
        all.iter()
            .find(|(other, _)| other == name)
            .map_or_else(|| "not set".to_owned(), |(_, value)| value.clone())
    };
    let mut names: Vec<&String> = old.iter().chain(&new).map(|(name, _)| name).collect();
    names.sort();
    names.dedup();
    Ok(names
        .into_iter()
        .map(|name| Difference {
            name: name.clone(),
            old: find(&old, name),
            new: find(&new, name),
        })
        .filter(|found| found.old != found.new)
        .collect())
}

/// Names of the classes by number that some weights were trained on, as far as the folder they lie in tells.
pub(super) fn learned_classes(weights: &Path) -> Option<Vec<String>> {
    let file = beside(weights, CASES_FILE);
    let names: CaseNames = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
    Some(names.labels?.classes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Case;

    fn list(folder: &str, label: &str, classes: [&str; 3]) -> DataList {
        let at = |name: &str| Path::new(folder).join(name);
        DataList {
            training: vec![Case {
                image: at("ct.nii"),
                label: Some(at(label)),
            }],
            classes: classes.map(str::to_owned).to_vec(),
            ..DataList::default()
        }
    }

    #[test]
    fn a_run_goes_on_with_the_label_maps_and_classes_it_began_with() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path();
        let (classes, renumbered) = (["air", "liver", "spleen"], ["air", "spleen", "liver"]);
        let same = |list: DataList| same_cases(run, &list, true);
        same(list("a", "l.nii", classes)).unwrap();
        same(list("moved", "l.nii", classes)).unwrap();
        for other in [
            list("a", "other.nii", classes),
            list("a", "l.nii", renumbered),
        ] {
            let error = same(other).unwrap_err().to_string();
            assert!(error.contains("other label maps or classes"), "{error}");
        }
        // As older programs wrote it.
        let old = r#"{"training": ["ct.nii"], "validation": []}"#;
        std::fs::write(run.join(CASES_FILE), old).unwrap();
        same(list("a", "other.nii", renumbered)).unwrap();
    }

    #[test]
    fn a_run_without_labels_does_not_ask_for_them() {
        let folder = tempfile::tempdir().unwrap();
        let classes = ["air", "liver", "spleen"];
        for label in ["l.nii", "other.nii"] {
            same_cases(folder.path(), &list("a", label, classes), false).unwrap();
        }
    }
}
