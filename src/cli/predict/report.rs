//! What `predict --json` prints.

use crate::cli::output::path_as_shown;
use crate::cli::predict::targets::Job;
use serde::Serialize;
use std::path::PathBuf;

/// How many structures a line of text names.
const NAMED: usize = 6;

#[derive(Serialize)]
pub(super) struct Report {
    pub(super) device: String,
    #[serde(serialize_with = "path_as_shown")]
    pub(super) weights: PathBuf,
    pub(super) cases: Vec<CaseReport>,
    pub(super) failed: Vec<Failure>,
    /// What `--skip-existing` left out.
    pub(super) skipped: Vec<Skipped>,
}

/// One image.
#[derive(Serialize)]
pub(super) struct CaseReport {
    #[serde(serialize_with = "path_as_shown")]
    pub(super) input: PathBuf,
    #[serde(serialize_with = "path_as_shown")]
    pub(super) output: PathBuf,
    pub(super) windows: usize,
    /// How many of the windows count as background unseen.
    pub(super) passed_over: usize,
    pub(super) seconds: f64,
    /// Volume of each label in mL, the background first.
    pub(super) volumes_ml: Vec<f64>,
    /// The same by name, without the background.
    pub(super) structures: Vec<Structure>,
}

/// What was found of a class.
#[derive(Serialize)]
pub(super) struct Structure {
    pub(super) label: usize,
    pub(super) name: String,
    pub(super) ml: f64,
}

/// What was found, in words, the largest first.
pub(super) fn in_words(structures: &[Structure]) -> String {
    let mut found: Vec<_> = structures.iter().filter(|one| one.ml > 0.0).collect();
    if found.is_empty() {
        return "no structure found".to_owned();
    }
    found.sort_by(|a, b| b.ml.total_cmp(&a.ml));
    let named = found.iter().take(NAMED);
    let named: Vec<String> = named
        .map(|one| match one.ml {
            ..0.1 => format!("{} under 0.1 mL", one.name),
            ..10.0 => format!("{} {:.1} mL", one.name, one.ml),
            _ => format!("{} {:.0} mL", one.name, one.ml),
        })
        .collect();
    let named = named.join(", ");
    match found.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

/// An image that could not be segmented.
#[derive(Serialize)]
pub(super) struct Failure {
    #[serde(serialize_with = "path_as_shown")]
    pub(super) input: PathBuf,
    pub(super) error: String,
}

/// An image whose label map was there already.
#[derive(Serialize)]
pub(super) struct Skipped {
    #[serde(serialize_with = "path_as_shown")]
    input: PathBuf,
    #[serde(serialize_with = "path_as_shown")]
    output: PathBuf,
}

impl From<Job> for Skipped {
    fn from(job: Job) -> Self {
        Skipped {
            input: job.image,
            output: job.output,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::rounded;

    fn told(ml: &[f64]) -> String {
        let structure = |(index, ml): (usize, &f64)| Structure {
            label: index + 1,
            name: format!("class {}", index + 1),
            ml: *ml,
        };
        let all: Vec<Structure> = ml.iter().enumerate().map(structure).collect();
        in_words(&all)
    }

    #[test]
    fn volumes_are_round_and_that_of_a_found_structure_is_never_0() {
        let all = [0.0, 0.0030000001, 0.27, 1510.400049, 3.90625e-6].map(rounded);
        assert_eq!(all, [0.0, 0.003, 0.27, 1510.4, 3.91e-6]);
        // One voxel of a tenth of a millimetre.
        assert_eq!(told(&[rounded(1e-6)]), "class 1 under 0.1 mL");
    }

    #[test]
    fn the_largest_structures_are_told_and_others_counted() {
        assert_eq!(told(&[0.0, 0.0]), "no structure found");
        assert_eq!(
            told(&[2.34, 0.0, 1510.4, 0.02]),
            "class 3 1510 mL, class 1 2.3 mL, class 4 under 0.1 mL"
        );
        let many = told(&[10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0]);
        assert!(many.starts_with("class 8 80 mL, "), "{many}");
        assert!(many.ends_with("class 3 30 mL and 2 more"), "{many}");
    }
}
