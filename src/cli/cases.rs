//! The cases of a run by name, in its folder: for whoever goes on with it or uses its weights.

use crate::cli::run_folder::{CASES_FILE, beside};
use crate::config::Learned;
use crate::dataset::{DataList, image_names, label_names};
use crate::platform;
use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::Path;

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
            training: image_names(&list.training),
            validation: image_names(&list.validation),
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

/// Names of the cases that some weights were trained on, as far as the folder they lie in tells.
pub(super) fn trained_on(weights: &Path) -> Vec<String> {
    let names = CaseNames::beside(weights);
    names.map(|names| names.training).unwrap_or_default()
}

/// Which of these images the names of a run's cases mean. A name that fits several tells of none.
pub(super) fn named<'a>(
    names: &[String],
    images: impl Iterator<Item = &'a Path>,
) -> BTreeSet<&'a Path> {
    let images: BTreeSet<&Path> = images.collect();
    let named = names.iter().filter_map(|name| {
        let mut fitting = images.iter().copied().filter(|image| image.ends_with(name));
        fitting.next().filter(|_| fitting.next().is_none())
    });
    named.collect()
}

/// The classes and the modality that some weights were trained on, as far as the folder they lie in tells.
pub(super) fn learned(weights: &Path) -> Learned {
    let names = CaseNames::beside(weights);
    names.map_or_else(Learned::default, |names| Learned {
        classes: names.labels.map_or_else(Vec::new, |labels| labels.classes),
        modality: names.modality,
    })
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

    #[test]
    fn a_run_does_not_go_on_with_other_cases_for_training_or_for_validation() {
        let folder = tempfile::tempdir().unwrap();
        let plain = list("a", "l.nii", ["air", "liver", "spleen"]);
        let case = Case {
            image: "other.nii".into(),
            label: None,
        };
        same_cases(folder.path(), &plain, true).unwrap();
        let (mut training, mut validation) = (plain.clone(), plain);
        training.training.push(case.clone());
        validation.validation.push(case);
        for other in [training, validation] {
            let error = same_cases(folder.path(), &other, true).unwrap_err();
            let error = error.to_string();
            assert!(error.contains("began with other cases"), "{error}");
        }
    }
}
