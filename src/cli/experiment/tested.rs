//! `test.json`: the scores of a run's test cases, computed once and then read.

use crate::cli::args::ModelSettings;
use crate::cli::evaluate::{Predictions, Scorer, scored};
use crate::cli::experiment::came::Came;
use crate::cli::experiment::held::Held;
use crate::cli::experiment::scored::Begun;
use crate::cli::model::{Predictor, model};
use crate::cli::output::{count, say};
use crate::cli::windows::Grid;
use crate::config::PlanScoring;
use crate::dataset::{Case, DataList, case_names, class_names, image_names};
use crate::infer::SlidingWindow;
use crate::metric::SurfaceOptions;
use crate::report::json::write_json;
use crate::report::scores::Evaluation;
use crate::train::Control;
use anyhow::{Context, ensure};
use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The scores of a run's test cases; a run that has them is finished.
pub(super) const TEST_FILE: &str = "test.json";

/// What the file holds.
#[derive(Debug, Serialize, Deserialize)]
struct Whole {
    /// Older programs did not write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    held: Option<Held>,
    #[serde(flatten)]
    scores: Evaluation,
}

/// The test cases of a finished run.
pub(super) struct TestCases<'a> {
    /// The folder of the run.
    pub folder: &'a Path,
    /// The list they are of, with its file.
    pub list: &'a DataList,
    pub split: &'a Path,
    /// How many the run tells apart.
    pub classes: usize,
    pub scoring: PlanScoring,
}

impl TestCases<'_> {
    /// Their scores: those there are, or new ones.
    ///
    /// # Errors
    /// Scores of other cases, and what ends the whole experiment.
    pub(super) fn scores(
        &self,
        device: &Device,
        control: &Control,
    ) -> anyhow::Result<Came<Evaluation>> {
        // Once, for label maps are read for it.
        let now = Held::now(self.scoring, self.classes, &self.list.test);
        match self.kept(&now)? {
            Some(kept) => Ok(Came::Ended(kept)),
            None => Came::of(self.scored(now, device, control), control),
        }
    }

    /// The scores there are, where they were made as they would be now.
    fn kept(&self, now: &Held) -> anyhow::Result<Option<Evaluation>> {
        let file = self.folder.join(TEST_FILE);
        let Ok(text) = std::fs::read_to_string(&file) else {
            return Ok(None);
        };
        let Whole { held, mut scores } = serde_json::from_str(&text)
            .with_context(|| format!("{} does not hold scores", file.display()))?;
        let names = case_names(&self.list.test);
        let scored = || scores.cases.iter().map(|case| &case.case);
        // Older programs named a case by its image alone.
        ensure!(
            scored().eq(&names) || scored().eq(&image_names(&self.list.test)),
            "the scores in {} are of other test cases than {} lists now: put the list back, or choose another --out",
            file.display(),
            self.split.display()
        );
        let changes = match held {
            Some(held) => held.changes(now),
            None => vec!["the program"],
        };
        if !changes.is_empty() {
            say(&format!(
                "the scores in {} were made before {} changed: the test cases are scored anew",
                file.display(),
                changes.join(" and ")
            ));
            return Ok(None);
        }
        for (case, name) in scores.cases.iter_mut().zip(names) {
            case.case = name;
        }
        Ok(Some(scores))
    }

    /// New scores, behind those that another sitting came to; none when stopped.
    fn scored(
        &self,
        held: Held,
        device: &Device,
        control: &Control,
    ) -> anyhow::Result<Option<Evaluation>> {
        let test = &self.list.test;
        let model = model(self.folder, &ModelSettings::default(), device)?;
        let predictor = Predictor {
            windows: windows(self.scoring, model.config.crops.roi_size),
            model,
            device: device.clone(),
        };
        let source = Predictions::Network(Box::new(predictor), Grid::Input);
        let surfaces = surfaces(self.scoring);
        let mut begun = Begun::within(self.folder, held.clone());
        say(&match begun.done() {
            0 => format!("scoring {}", count(test.len(), "test case")),
            done => format!(
                "scoring {}, behind {done} that are scored",
                count(test.len() - done, "test case")
            ),
        });
        let mut scorer = Scorer::new(&source, self.classes, surfaces, control);
        let score = |case: &Case, name: &str| begun.next(|| scorer.score(case, name));
        let scores = scored(test, control, score, |_, error| Err(error))?;
        if scores.len() < test.len() {
            return Ok(None);
        }
        let names = class_names(&self.list.classes, self.classes);
        let scores = Evaluation::new(names, Some(surfaces.tolerance_mm), scores)?;
        let whole = Whole {
            held: Some(held),
            scores,
        };
        write_json(&self.folder.join(TEST_FILE), &whole)?;
        begun.remove();
        Ok(Some(whole.scores))
    }
}

/// How windows of so many voxels per axis are laid and put together.
fn windows(scoring: PlanScoring, window: [usize; 3]) -> SlidingWindow {
    SlidingWindow {
        overlap: scoring.overlap,
        mirror: scoring.mirror,
        ..SlidingWindow::predicting(window)
    }
}

/// How surfaces are compared.
fn surfaces(scoring: PlanScoring) -> SurfaceOptions {
    SurfaceOptions {
        tolerance_mm: scoring.tolerance,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::{LabelPair, score};
    use serde_json::Value;

    /// Two cases with the label maps of a reader, which are in the folder.
    fn list(folder: &Path, reader: &str) -> DataList {
        let case = |name: &str| {
            let label = folder.join(format!("{name}.nii"));
            std::fs::write(&label, reader).unwrap();
            Case {
                image: format!("{name}.nii").into(),
                label: Some(label),
            }
        };
        DataList {
            test: ["a", "b"].map(case).to_vec(),
            ..DataList::default()
        }
    }

    /// Scores of the two that were made with `held`.
    fn write(folder: &Path, held: Option<Held>) {
        let labels = [0, 1, 1, 0];
        let pair = LabelPair::new(&labels, &labels, [4, 1, 1], [1.0; 3]).unwrap();
        let cases = ["a.nii", "b.nii"].map(|name| score(name, &pair, 2, None).unwrap());
        let tolerance = Some(PlanScoring::default().tolerance);
        let scores = Evaluation::new(class_names(&[], 2), tolerance, cases.to_vec()).unwrap();
        write_json(&folder.join(TEST_FILE), &Whole { held, scores }).unwrap();
    }

    /// Whether scores in a folder count for test cases that are scored like this.
    fn count(folder: &Path, list: &DataList, classes: usize, scoring: PlanScoring) -> bool {
        let split = Path::new("split.json");
        let cases = TestCases {
            folder,
            list,
            split,
            classes,
            scoring,
        };
        let now = Held::now(scoring, classes, &list.test);
        cases.kept(&now).unwrap().is_some()
    }

    #[test]
    fn scores_count_where_they_were_made_as_they_would_be_now() {
        let folder = tempfile::tempdir().unwrap();
        let (at, plan) = (folder.path(), PlanScoring::default());
        let (mirror, tolerance) = (true, 3.0);
        let first = list(at, "r1");
        assert!(!count(at, &first, 2, plan));
        write(at, Some(Held::now(plan, 2, &first.test)));
        assert!(count(at, &first, 2, plan));
        assert!(!count(at, &first, 3, plan));
        assert!(!count(at, &first, 2, PlanScoring { mirror, ..plan }));
        assert!(!count(at, &first, 2, PlanScoring { tolerance, ..plan }));
        // Corrected where they lie, and out of reach.
        let second = list(at, "r2");
        assert!(!count(at, &second, 2, plan));
        for case in &first.test {
            std::fs::remove_file(case.label.as_ref().unwrap()).unwrap();
        }
        assert!(count(at, &first, 2, plan));

        // Of another version of the program.
        let file = at.join(TEST_FILE);
        let mut written: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        written["held"]["version"] = "0.0.1".into();
        std::fs::write(&file, written.to_string()).unwrap();
        assert!(!count(at, &first, 2, plan));
    }

    #[test]
    fn scores_of_which_nothing_tells_how_they_were_made_are_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (at, plan) = (folder.path(), PlanScoring::default());
        write(at, None);
        assert!(!count(at, &list(at, "r1"), 2, plan));
    }

    #[test]
    fn cases_are_scored_as_the_plan_says() {
        let scoring = PlanScoring {
            overlap: 0.75,
            mirror: true,
            tolerance: 3.0,
        };
        let expected = SlidingWindow {
            overlap: 0.75,
            mirror: true,
            ..SlidingWindow::predicting([32; 3])
        };
        assert_eq!(windows(scoring, [32; 3]), expected);
        assert!((surfaces(scoring).tolerance_mm - 3.0).abs() < 1e-9);
    }
}
