//! What can be scored of a list, and what was in the way of the rest.

use crate::cli::evaluate::scoring::scored;
use crate::cli::model::{STOPPED, UNREACHED, device_failed};
use crate::cli::output::{count, one_line, say};
use crate::dataset::{Case, case_names, class_names};
use crate::metric::CaseScore;
use crate::report::scores::{Evaluation, LeftOut};
use crate::train::Control;
use anyhow::bail;
use std::ops::ControlFlow;
use std::path::Path;

/// The scores there are.
#[derive(Debug)]
pub(super) struct Outcome {
    pub report: Evaluation,
    /// Why the device computes no more, where it failed before the end.
    lost: Option<String>,
}

impl Outcome {
    /// Scores what can be scored with `score`, which takes a case and its name. A case that cannot, or that was not
    /// reached, is left out and named. None are scored only after a stop. Classes are their number and their names, as
    /// far as there are any.
    pub(super) fn of(
        cases: &[Case],
        (classes, names): (usize, &[String]),
        tolerance_mm: f64,
        control: &Control,
        score: impl FnMut(&Case, &str) -> anyhow::Result<CaseScore>,
    ) -> anyhow::Result<Self> {
        let (mut left_out, mut lost) = (Vec::new(), None);
        let scores = scored(cases, control, score, |case, error| {
            if cases.len() == 1 {
                return Err(error);
            }
            let reason = one_line(&error);
            let case = case.to_owned();
            if device_failed(&error) {
                lost = Some(reason.clone());
                left_out.push(LeftOut { case, reason });
                return Ok(ControlFlow::Break(()));
            }
            // The others are not to blame.
            say(&format!("error: {reason}"));
            left_out.push(LeftOut { case, reason });
            Ok(ControlFlow::Continue(()))
        })?;
        let reason = match lost {
            Some(_) => UNREACHED,
            None => STOPPED,
        };
        let done = scores.len() + left_out.len();
        let unreached = case_names(cases).into_iter().skip(done);
        left_out.extend(unreached.map(|case| LeftOut {
            case,
            reason: reason.to_owned(),
        }));
        if scores.is_empty() && !control.stopped() {
            let all = cases.len();
            match lost {
                Some(reason) => bail!("{reason}; none of the {all} cases was scored"),
                None => bail!("none of the {all} cases could be scored"),
            }
        }
        let report = Evaluation::new(class_names(names, classes), Some(tolerance_mm), scores)?;
        Ok(Outcome {
            report: report.with_left_out(left_out),
            lost,
        })
    }

    /// Why the device computes no more, with what is scored and where that is kept; none where it did not fail.
    pub(super) fn lost(&self, csv: Option<&Path>) -> Option<String> {
        let lost = self.lost.as_ref()?;
        let done = self.report.cases.len();
        let asked = count(done + self.report.left_out.len(), "case");
        let last = self.report.cases.last()?;
        let kept = match csv {
            Some(file) => format!("kept in {}", file.display()),
            None => "printed".to_owned(),
        };
        Some(format!(
            "{lost}; until then {done} of {asked} were scored, the last of them {}, and their scores are {kept}",
            last.case
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::InferError;
    use crate::kernels::DeviceLost;
    use crate::metric::{LabelPair, score};
    use anyhow::{Context, ensure};

    fn cases(count: usize) -> Vec<Case> {
        let case = |number| Case {
            image: format!("{number}.nii").into(),
            label: None,
        };
        (0..count).map(case).collect()
    }

    fn perfect(name: &str) -> anyhow::Result<CaseScore> {
        let labels = [0, 1, 1, 0];
        let pair = LabelPair::new(&labels, &labels, [4, 1, 1], [1.0; 3])?;
        Ok(score(name, &pair, 2, None)?)
    }

    /// The outcome where the device fails at the case of this place and later, and a file is broken at that of another.
    fn failing(all: usize, lost: usize, broken: usize) -> (anyhow::Result<Outcome>, usize) {
        let mut asked = 0;
        let score = |_: &Case, name: &str| {
            asked += 1;
            ensure!(asked != broken + 1, "truncated");
            match asked > lost {
                true => Err(InferError::Device(DeviceLost("gone".to_owned()))).context("a window"),
                false => perfect(name),
            }
        };
        let found = Outcome::of(&cases(all), (2, &[]), 2.0, &Control::default(), score);
        (found, asked)
    }

    #[test]
    fn a_lost_device_ends_the_work_with_the_scores_there_are() {
        let (found, asked) = failing(9, 4, 1);
        assert_eq!(asked, 5, "the other cases are not tried");
        let found = found.unwrap();
        let left_out = &found.report.left_out;
        let (scored, names): (Vec<_>, Vec<_>) = (
            found.report.cases.iter().map(|case| &case.case).collect(),
            left_out.iter().map(|left_out| &left_out.case).collect(),
        );
        assert_eq!(scored, ["0.nii", "2.nii", "3.nii"]);
        let rest = ["1.nii", "4.nii", "5.nii", "6.nii", "7.nii", "8.nii"];
        assert_eq!(names, rest);
        assert_eq!(left_out[5].reason, "not reached before the device failed");
        let told = found.lost(Some(Path::new("scores.csv"))).unwrap();
        for part in [
            "4.nii: a window: the device failed: gone",
            "3 of 9 cases were scored, the last of them 3.nii",
            "kept in scores.csv",
        ] {
            assert!(told.contains(part), "{told}");
        }
        assert!(found.lost(None).unwrap().ends_with("are printed"));
    }

    #[test]
    fn a_device_that_fails_at_once_is_an_error() {
        let (found, asked) = failing(3, 0, 9);
        let error = found.unwrap_err().to_string();
        assert!(error.ends_with("none of the 3 cases was scored"), "{error}");
        assert!(
            error.contains("the device failed") && asked == 1,
            "{error} {asked}"
        );
    }

    #[test]
    fn a_broken_case_is_no_lost_device() {
        let (found, asked) = failing(3, 9, 1);
        let found = found.unwrap();
        assert_eq!((asked, found.lost(None)), (3, None));
        assert_eq!(found.report.left_out.len(), 1);
    }
}
