//! What scores of test cases were made with.

use crate::config::PlanScoring;
use crate::dataset::{Case, case_names};
use crate::platform;
use serde::{Deserialize, Serialize};

/// Raise it when the same weights and files would be predicted or scored otherwise than before.
const REVISION: u32 = 1;

/// What scores have to agree in to stand in one table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Held {
    version: String,
    revision: u32,
    scoring: PlanScoring,
    pub classes: usize,
    /// Names of all test cases.
    pub cases: Vec<String>,
    /// A hash of each of their label maps that can be read.
    labels: Vec<Option<String>>,
}

impl Held {
    /// Of scores of these cases that are made now.
    pub(super) fn now(scoring: PlanScoring, classes: usize, test: &[Case]) -> Self {
        Held {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            revision: REVISION,
            scoring,
            classes,
            cases: case_names(test),
            labels: test.iter().map(hash).collect(),
        }
    }

    /// What is different in `now`, in words.
    pub(super) fn changes(&self, now: &Held) -> Vec<&'static str> {
        let all = [
            (self.program() != now.program(), "the program"),
            (self.scoring != now.scoring, "the plan's scoring"),
            (self.classes != now.classes, "the number of classes"),
            (self.cases != now.cases, "the names of the test cases"),
            (self.has_other_labels(now), "the label maps"),
        ];
        all.into_iter()
            .filter(|(differs, _)| *differs)
            .map(|(_, what)| what)
            .collect()
    }

    fn program(&self) -> (&str, u32) {
        (&self.version, self.revision)
    }

    /// Label maps that cannot be read, as where the data have moved, are taken for what they were.
    fn has_other_labels(&self, now: &Held) -> bool {
        let mut pairs = self.labels.iter().zip(&now.labels);
        self.labels.len() != now.labels.len()
            || pairs.any(|(then, now)| now.is_some() && then != now)
    }
}

fn hash(case: &Case) -> Option<String> {
    let bytes = platform::read(case.label.as_ref()?).ok()?;
    Some(blake3::hash(&bytes).to_hex().to_string())
}
