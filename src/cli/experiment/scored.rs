//! The scores of a run's test cases on their way: a run that was stopped amid them goes on behind the last one.

use crate::cli::experiment::held::Held;
use crate::metric::CaseScore;
use crate::report::json::write_json;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The scores so far; those of all cases take their place.
const PART_FILE: &str = "test.part.json";

#[derive(Debug, Serialize, Deserialize)]
struct Part {
    held: Held,
    /// Of the first cases, in their order.
    scores: Vec<CaseScore>,
}

impl Part {
    /// Whether the scores are of the first of its cases.
    fn is_whole(&self) -> bool {
        let of = |score: &CaseScore, case: &String| {
            score.case == *case && score.classes.len() == self.held.classes
        };
        let mut pairs = self.scores.iter().zip(&self.held.cases);
        self.scores.len() <= self.held.cases.len() && pairs.all(|(score, case)| of(score, case))
    }
}

/// Scores that are kept as they come.
#[derive(Debug)]
pub(super) struct Begun {
    file: PathBuf,
    part: Part,
    /// How many of the scores were handed on.
    handed_on: usize,
}

impl Begun {
    /// Those of the run in a folder. Scores that were made with anything else do not count: what they are of is scored
    /// anew.
    pub(super) fn within(folder: &Path, held: Held) -> Self {
        let file = folder.join(PART_FILE);
        let found = std::fs::read(&file).ok();
        let found = found.and_then(|text| serde_json::from_slice::<Part>(&text).ok());
        let scores = match found {
            Some(part) if part.held == held && part.is_whole() => part.scores,
            _ => Vec::new(),
        };
        Begun {
            file,
            part: Part { held, scores },
            handed_on: 0,
        }
    }

    /// How many cases are scored.
    pub(super) fn done(&self) -> usize {
        self.part.scores.len()
    }

    /// The scores of the next case: those that were kept, or those that `score` gives, which are kept from then on.
    pub(super) fn next(
        &mut self,
        score: impl FnOnce() -> anyhow::Result<CaseScore>,
    ) -> anyhow::Result<CaseScore> {
        let known = self.part.scores.get(self.handed_on).cloned();
        let found = match known {
            Some(known) => known,
            None => {
                let found = score()?;
                self.part.scores.push(found.clone());
                write_json(&self.file, &self.part)?;
                found
            }
        };
        self.handed_on += 1;
        Ok(found)
    }

    /// Removes the file, once the scores are all in another one.
    pub(super) fn remove(self) {
        // What is left would be read by nobody.
        let _ = std::fs::remove_file(&self.file);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PlanScoring;
    use crate::dataset::Case;
    use crate::metric::{LabelPair, score};
    use anyhow::bail;

    fn scored(name: &str) -> anyhow::Result<CaseScore> {
        let (found, reference) = ([0, 1, 1, 0, 1, 0, 0], [0, 1, 0, 0, 1, 1, 0]);
        let pair = LabelPair::new(&found, &reference, [7, 1, 1], [0.7; 3])?;
        Ok(score(name, &pair, 2, None)?)
    }

    /// Cases called so, with the label maps of a reader in a folder.
    fn cases<const N: usize>(folder: &Path, names: [&str; N], reader: &str) -> Vec<Case> {
        let case = |name: &str| {
            let label = folder.join(format!("{name}_{reader}"));
            std::fs::write(&label, reader).unwrap();
            Case {
                image: name.into(),
                label: Some(label),
            }
        };
        names.map(case).to_vec()
    }

    #[test]
    fn scores_are_kept_until_the_work_goes_on() {
        let [folder, labels] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let cases = |names, reader| cases(labels.path(), names, reader);
        let plan = PlanScoring::default();
        let begun = |plan, classes, test: &[Case]| {
            Begun::within(folder.path(), Held::now(plan, classes, test))
        };
        let all = cases(["a", "b", "c"], "r1");
        let mut first = begun(plan, 2, &all);
        for name in ["a", "b"] {
            assert_eq!(first.next(|| scored(name)).unwrap(), scored(name).unwrap());
        }
        assert!(first.next(|| bail!("stopped")).is_err());
        drop(first);

        let mut then = begun(plan, 2, &all);
        assert_eq!(then.done(), 2);
        for name in ["a", "b"] {
            let kept = then.next(|| bail!("it is scored")).unwrap();
            assert_eq!(kept, scored(name).unwrap());
        }
        assert_eq!(then.next(|| scored("c")).unwrap().case, "c");

        // Held to the settings, the cases and their label maps.
        let (mirror, tolerance) = (true, 3.0);
        let done = [
            begun(plan, 2, &all),
            begun(PlanScoring { mirror, ..plan }, 2, &all),
            begun(PlanScoring { tolerance, ..plan }, 2, &all),
            begun(plan, 3, &all),
            begun(plan, 2, &cases(["b", "a", "c"], "r1")),
            begun(plan, 2, &cases(["a", "b", "c"], "r2")),
        ];
        assert_eq!(done.map(|begun| begun.done()), [3, 0, 0, 0, 0, 0]);
        then.remove();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_of_something_else_counts_for_nothing() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["", "[]", "{\"held\": {}, \"scores\": []}"] {
            std::fs::write(folder.path().join(PART_FILE), text).unwrap();
            let held = Held::now(PlanScoring::default(), 2, &[]);
            let mut begun = Begun::within(folder.path(), held);
            assert_eq!(begun.done(), 0);
            assert_eq!(begun.next(|| scored("a")).unwrap().case, "a");
        }
    }
}
