//! What `predict --json` prints.

use crate::cli::output::path_as_shown;
use crate::cli::predict::targets::Job;
use serde::Serialize;
use std::path::PathBuf;

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
