//! What the classes of a network are called.

use crate::cli::run_folder::beside;
use crate::config::{FinetuneConfig, Learned};
use crate::dataset::class_names;
use crate::dataset::phantom::ORGAN_NAMES;
use crate::train::layout::CONFIG_FILE;
use std::path::Path;

/// A name for every class of a run that learns from a list with these, or from phantoms.
pub(super) fn named_classes(listed: Option<&[String]>, config: &FinetuneConfig) -> Vec<String> {
    let classes = config.unetr().classes;
    match listed {
        Some(names) => class_names(names, classes),
        None if classes == ORGAN_NAMES.len() => ORGAN_NAMES.map(str::to_owned).to_vec(),
        None => class_names(&[], classes),
    }
}

/// A name for every class of a trained network; its number where nothing tells more. `config` are the network's settings,
/// `learned` what is known of what it learned from.
pub(super) fn classes_of(
    weights: &Path,
    learned: &Learned,
    config: &FinetuneConfig,
) -> Vec<String> {
    let learned = &learned.classes;
    // Settings without a list that lie beside the weights are those of a run on phantoms.
    let phantoms = config.data.datalist.is_none() && beside(weights, CONFIG_FILE).exists();
    let listed = !learned.is_empty() || !phantoms;
    named_classes(listed.then_some(&learned[..]), config)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::trained::learned_by;

    #[test]
    fn names_are_those_of_the_run_and_numbers_where_nothing_tells() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path();
        let weights = run.join("model.safetensors");
        let mut config = FinetuneConfig::default();
        config.decoder.classes = Some(3);
        let of = |path: &Path, config: &FinetuneConfig| {
            classes_of(path, &learned_by(path, None), config)
        };
        let names = |config: &FinetuneConfig| of(&weights, config);
        assert_eq!(names(&config), ["background", "class 1", "class 2"]);
        let cases = r#"{"training": [], "validation": [],
            "labels": {"training": [], "validation": [], "classes": ["air", "head", "tail"]}}"#;
        std::fs::write(run.join("cases.json"), cases).unwrap();
        assert_eq!(names(&config), ["air", "head", "tail"]);
        assert_eq!(of(run, &config), ["air", "head", "tail"]);
        std::fs::remove_file(run.join("cases.json")).unwrap();

        // A file of somebody's own with as many classes as phantoms have is not of phantoms.
        config.decoder.classes = Some(ORGAN_NAMES.len());
        assert_eq!(names(&config)[1], "class 1");
        std::fs::write(run.join(CONFIG_FILE), "").unwrap();
        assert_eq!(names(&config), ORGAN_NAMES);
    }
}
