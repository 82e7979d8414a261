//! One image after the other.

use crate::cli::model::{STOPPED, UNREACHED, device_failed};
use crate::cli::output::{count, one_line, say};
use crate::cli::predict::report::{CaseReport, Failure};
use crate::cli::predict::targets::Job;
use crate::infer::InferError;

/// What came of the images.
pub(super) struct Outcome {
    pub cases: Vec<CaseReport>,
    /// Those that could not be segmented, and those that were not reached.
    pub failed: Vec<Failure>,
    /// What is to be said of a device that failed before the end.
    pub lost: Option<String>,
    /// Whether it was stopped before the end.
    pub stopped: bool,
}

/// Predicts all images with `work` until stopped. A device that failed ends it: the others would fail like the one.
/// `held` tells whether `--skip-existing` would leave an image out now.
///
/// # Errors
/// Of an image that was asked for `alone` its own.
pub(super) fn all(
    jobs: &[Job],
    alone: bool,
    held: impl Fn(&Job) -> bool,
    mut work: impl FnMut(&Job) -> anyhow::Result<CaseReport>,
) -> anyhow::Result<Outcome> {
    let mut cases = Vec::new();
    let mut failed = Vec::new();
    let (mut lost, mut stopped) = (None, false);
    for job in jobs {
        let error = match work(job) {
            Ok(report) => {
                cases.push(report);
                continue;
            }
            Err(error) if matches!(error.downcast_ref(), Some(InferError::Stopped)) => {
                let unreached = jobs.iter().skip(cases.len() + failed.len());
                let how = match alone {
                    true => String::new(),
                    false => how_to_go_on(unreached.filter(|job| held(job)).count()),
                };
                let asked = count(jobs.len(), "prediction");
                say(&format!(
                    "stopped; written: {} of {asked}{how}",
                    cases.len()
                ));
                stopped = true;
                break;
            }
            Err(error) => error.context(job.image.display().to_string()),
        };
        if alone {
            return Err(error);
        }
        let ends = device_failed(&error);
        let (input, error) = (job.image.clone(), one_line(&error));
        if ends {
            lost = Some(format!(
                "{error}; until then {} of {} were segmented, and their label maps are written",
                cases.len(),
                count(jobs.len(), "image")
            ));
            failed.push(Failure { input, error });
            break;
        }
        // The others are not to blame.
        say(&format!("error: {error}"));
        failed.push(Failure { input, error });
    }
    let reason = if stopped { STOPPED } else { UNREACHED };
    let unreached = jobs.iter().skip(cases.len() + failed.len());
    failed.extend(unreached.map(|job| Failure {
        input: job.image.clone(),
        error: reason.to_owned(),
    }));
    Ok(Outcome {
        cases,
        failed,
        lost,
        stopped,
    })
}

/// How the images are segmented that were not reached, where so many of them are `held` to be done.
fn how_to_go_on(held: usize) -> String {
    match held {
        0 => "; the same call with --skip-existing makes the others".to_owned(),
        _ => format!(
            "; of the others {held} had a label map of an earlier call, which --skip-existing would leave as it is"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::DeviceLost;
    use anyhow::anyhow;
    use std::path::Path;

    /// What comes of five images where one fails, and how many were tried.
    fn failing(at: usize, error: impl Fn() -> anyhow::Error) -> (Outcome, usize) {
        let job = |n| Job {
            image: format!("{n}.nii").into(),
            output: "out".into(),
            name: "out".into(),
        };
        let jobs = [0, 1, 2, 3, 4].map(job);
        let mut tried = 0;
        let found = all(
            &jobs,
            false,
            |_| false,
            |job| {
                tried += 1;
                if tried == at + 1 {
                    return Err(error());
                }
                Ok(CaseReport {
                    input: job.image.clone(),
                    output: job.output.clone(),
                    windows: 1,
                    passed_over: 0,
                    seconds: 0.0,
                    volumes_ml: Vec::new(),
                    structures: Vec::new(),
                })
            },
        );
        (found.unwrap(), tried)
    }

    #[test]
    fn a_lost_device_ends_the_work_with_what_there_is_and_a_broken_image_does_not() {
        let (found, tried) = failing(2, || {
            InferError::Device(DeviceLost("gone".to_owned())).into()
        });
        assert_eq!(tried, 3);
        assert!(!found.stopped);
        let lost = found.lost.unwrap();
        for part in ["2.nii: the device failed: gone", "2 of 5 images"] {
            assert!(lost.contains(part), "{lost}");
        }
        assert_eq!((found.cases.len(), found.failed.len()), (2, 3));
        assert!(found.failed[0].error.starts_with("2.nii: the device"));
        let last = &found.failed[2];
        assert_eq!(last.input, Path::new("4.nii"));
        assert_eq!(last.error, "not reached before the device failed");
        let (found, tried) = failing(2, || anyhow!("truncated"));
        assert_eq!(tried, 5);
        assert_eq!((found.cases.len(), found.failed.len()), (4, 1));
        assert_eq!(found.failed[0].error, "2.nii: truncated");
        assert_eq!(found.lost, None);
    }

    #[test]
    fn an_image_that_failed_is_an_error_only_where_it_was_asked_for_alone() {
        let job = Job {
            image: "a.nii".into(),
            output: "out".into(),
            name: "out".into(),
        };
        let tried = |alone| {
            all(
                std::slice::from_ref(&job),
                alone,
                |_| false,
                |_| Err(anyhow!("broken")),
            )
        };
        assert!(tried(true).is_err());
        // The others were left out.
        assert_eq!(tried(false).unwrap().failed.len(), 1);
    }

    #[test]
    fn label_maps_of_an_earlier_call_are_told_before_skipping_is_advised() {
        assert!(how_to_go_on(0).contains("makes the others"));
        let told = how_to_go_on(3);
        assert!(told.contains("3 had a label map"), "{told}");
        assert!(!told.contains("makes"), "{told}");
    }

    #[test]
    fn a_stop_asks_of_the_images_that_were_not_reached_alone() {
        let job = |n: usize| Job {
            image: format!("{n}.nii").into(),
            output: "out".into(),
            name: "out".into(),
        };
        let jobs = [0, 1, 2].map(job);
        let asked = std::cell::RefCell::new(Vec::new());
        let held = |job: &Job| {
            asked.borrow_mut().push(job.image.clone());
            true
        };
        let work = |job: &Job| match job.image.starts_with("0.nii") {
            true => Err(anyhow!("broken")),
            false => Err(InferError::Stopped.into()),
        };
        assert!(all(&jobs, false, held, work).unwrap().stopped);
        let asked = asked.into_inner();
        assert_eq!(asked, [Path::new("1.nii"), Path::new("2.nii")]);
    }

    #[test]
    fn a_stop_ends_the_work_without_an_error_and_with_what_there_is() {
        let (found, tried) = failing(1, || InferError::Stopped.into());
        assert_eq!(tried, 2);
        assert!(found.stopped && found.lost.is_none());
        assert_eq!((found.cases.len(), found.failed.len()), (1, 4));
        let unreached = found.failed.iter();
        assert!(unreached.map(|one| &one.error).all(|why| why == STOPPED));
    }
}
