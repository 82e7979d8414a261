//! One image after the other.

use crate::cli::model::device_failed;
use crate::cli::output::{count, one_line, say};
use crate::cli::predict::{CaseReport, Failure};
use crate::infer::InferError;
use anyhow::bail;
use std::path::{Path, PathBuf};

/// Predicts all images with `work`, which takes an image and where its label map goes; gives what came of them and
/// which failed, or none when stopped.
///
/// # Errors
/// Of a single image its own, of several that of a device that failed: the others would fail like it.
pub(super) fn all(
    jobs: &[(PathBuf, PathBuf)],
    mut work: impl FnMut(&Path, &Path) -> anyhow::Result<CaseReport>,
) -> anyhow::Result<Option<(Vec<CaseReport>, Vec<Failure>)>> {
    let mut cases = Vec::new();
    let mut failed = Vec::new();
    for (input, output) in jobs {
        let error = match work(input, output) {
            Ok(report) => {
                cases.push(report);
                continue;
            }
            Err(error) if matches!(error.downcast_ref(), Some(InferError::Stopped)) => {
                say(&format!(
                    "stopped; {} of the predictions are written",
                    cases.len()
                ));
                return Ok(None);
            }
            Err(error) => error.context(input.display().to_string()),
        };
        if jobs.len() == 1 {
            return Err(error);
        }
        let lost = device_failed(&error);
        let error = one_line(&error);
        if lost {
            bail!(
                "{error}; until then {} of {} were segmented, and their label maps are written",
                cases.len(),
                count(jobs.len(), "image")
            );
        }
        // The others are not to blame.
        say(&format!("error: {error}"));
        let input = input.clone();
        failed.push(Failure { input, error });
    }
    Ok(Some((cases, failed)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::DeviceLost;
    use anyhow::anyhow;

    type Found = anyhow::Result<Option<(Vec<CaseReport>, Vec<Failure>)>>;

    /// What comes of five images where one fails, and how many were tried.
    fn failing(at: usize, error: impl Fn() -> anyhow::Error) -> (Found, usize) {
        let jobs =
            [0, 1, 2, 3, 4].map(|n| (PathBuf::from(format!("{n}.nii")), PathBuf::from("out")));
        let mut tried = 0;
        let found = all(&jobs, |input, output| {
            tried += 1;
            if tried == at + 1 {
                return Err(error());
            }
            Ok(CaseReport {
                input: input.to_owned(),
                output: output.to_owned(),
                windows: 1,
                seconds: 0.0,
                volumes_ml: Vec::new(),
                structures: Vec::new(),
            })
        });
        (found, tried)
    }

    #[test]
    fn a_lost_device_ends_the_work_and_a_broken_image_does_not() {
        let (found, tried) = failing(2, || {
            InferError::Device(DeviceLost("gone".to_owned())).into()
        });
        assert_eq!(tried, 3);
        let error = found.map(|_| ()).unwrap_err().to_string();
        for part in ["2.nii: the device failed: gone", "2 of 5 images"] {
            assert!(error.contains(part), "{error}");
        }
        let (found, tried) = failing(2, || anyhow!("truncated"));
        assert_eq!(tried, 5);
        let (cases, failed) = found.unwrap().unwrap();
        assert_eq!((cases.len(), failed.len()), (4, 1));
        assert_eq!(failed[0].error, "2.nii: truncated");
    }

    #[test]
    fn a_stop_ends_the_work_without_an_error() {
        let (found, tried) = failing(1, || InferError::Stopped.into());
        assert!(found.unwrap().is_none());
        assert_eq!(tried, 2);
    }
}
