//! What can go wrong between a split file and a batch.

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

use crate::augment::AugmentError;
use crate::transform::TransformError;
use crate::volume::VolumeError;

/// How many problems a [`ProblemReport`] spells out; the rest is counted.
const NAMED_PROBLEMS: usize = 10;

/// An error of this room. Every message names the file or case it is about.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// The split file is not there.
    #[error("split file {} does not exist; check the path given as the data list", .path.display())]
    NoSplitFile {
        /// The path that was given.
        path: PathBuf,
    },
    /// A folder was given where a split file belongs.
    #[error("{} is a folder, not a split file: write a JSON file with the lists \"training\", \"validation\" and \"test\", and name that", .path.display())]
    SplitIsFolder {
        /// The path that was given.
        path: PathBuf,
    },
    /// The split file or a folder could not be read.
    #[error("cannot read {}: {source}", .path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A label map, by its values and its name, stands where an image belongs.
    #[error("{} looks like a label map (whole numbers from 0 to {largest} only); list the image it belongs to", .path.display())]
    LabelMap {
        /// The file.
        path: PathBuf,
        /// The largest label.
        largest: u8,
    },
    /// The split file is not JSON.
    #[error("{name} is not valid JSON at line {line}, column {column}: {source}")]
    NotJson {
        /// The split file.
        name: String,
        /// Line of the mistake, from 1.
        line: usize,
        /// Column of the mistake, from 1.
        column: usize,
        /// What the parser said.
        source: serde_json::Error,
    },
    /// The split file is JSON of another kind.
    #[error("{name} is not a split file: {problem}")]
    NotASplit {
        /// The split file.
        name: String,
        /// What is missing or has the wrong type, and what belongs there.
        problem: String,
    },
    /// The split file has cases, but none to train on.
    #[error(
        "{name} has no cases to train on: add at least one item to its \"training\" list{hint}"
    )]
    NoTraining {
        /// The split file.
        name: String,
        /// What else its keys tell, after a semicolon, or nothing.
        hint: String,
    },
    /// One item of a list cannot be used.
    #[error("{name}: item {index} (counted from 0) of \"{list}\" {problem}")]
    BadItem {
        /// The split file.
        name: String,
        /// The key of the list.
        list: &'static str,
        /// Position in the list, from 0.
        index: usize,
        /// What is wrong with it, and what belongs there.
        problem: &'static str,
    },
    /// A folder holds no volume.
    #[error(
        "{} holds no .nii, .nii.gz, .hdr or .hdr.gz file; sub-folders are not searched, so name the folder the volumes \
         are in, or write a split file",
        .folder.display()
    )]
    NoVolumes {
        /// The folder.
        folder: PathBuf,
    },
    /// A folder holds DICOM files, and nothing that can be used.
    #[error(
        "{} holds DICOM files, not NIfTI; convert the series with dcm2niix, and name the folder that it writes to",
        .folder.display()
    )]
    DicomFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// A folder holds no image together with its label map.
    #[error(
        "{} holds no image with its label map ({images} images, {labels} label maps; other sub-folders are not \
         searched): put them in imagesTr and labelsTr, in images and labels, or side by side as case.nii.gz and \
         case_seg.nii.gz; or write a split file",
        .folder.display()
    )]
    NoPairs {
        /// The folder.
        folder: PathBuf,
        /// How many images it holds.
        images: usize,
        /// How many label maps it holds.
        labels: usize,
    },
    /// A data set has several channels a case.
    #[error(
        "{} is the second channel of a case: one single-channel volume a case is supported; keep the files of one channel",
        .image.display()
    )]
    SeveralChannels {
        /// The image.
        image: PathBuf,
    },
    /// A case that needs a label map has none in the split file.
    #[error("{} has no label in the split file; add \"label\" to its item", .image.display())]
    NoLabel {
        /// The image of the case.
        image: PathBuf,
    },
    /// A volume could not be read; the message names its file.
    #[error(transparent)]
    Volume(#[from] VolumeError),
    /// A volume could be read but not prepared.
    #[error("{name}: {source}")]
    Transform {
        /// The file or case.
        name: String,
        /// What was wrong.
        source: TransformError,
    },
    /// The patch and the corruption settings do not go together.
    #[error("cannot make batches with these settings: {0}")]
    Settings(AugmentError),
    /// A sample could not be cut and corrupted.
    #[error("{name}: {source}")]
    Augment {
        /// The case.
        name: String,
        /// What was wrong.
        source: AugmentError,
    },
    /// Several files or cases failed; see [`ProblemReport`].
    #[error("{0}")]
    Problems(ProblemReport),
    /// There is nothing to make a batch of.
    #[error("no batch can be made: {0}")]
    NoBatch(&'static str),
    /// A source was asked for a case it does not have.
    #[error("case {index} does not exist: there are {len}, counted from 0")]
    NoSuchCase {
        /// The index asked for.
        index: usize,
        /// How many there are.
        len: usize,
    },
    /// The caller's progress function asked to stop.
    #[error("stopped on request after {done} of {total} cases")]
    Stopped {
        /// Cases finished.
        done: usize,
        /// Cases in all.
        total: usize,
    },
    /// A worker thread panicked.
    #[error(transparent)]
    Worker(#[from] WorkerPanic),
}

/// A panic while an item was made, as an error: a defect of this program, not of the data.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "a worker failed at item {item}: {message}; this is a defect of hounsfield, please report it"
)]
pub struct WorkerPanic {
    /// The step, or the index of the case.
    pub item: u64,
    /// The panic's message.
    pub message: String,
}

/// Everything that was wrong with a set of files or cases, in their order.
///
/// The message names the first ten and counts the rest; `problems` holds all.
#[derive(Debug)]
pub struct ProblemReport {
    /// One error a failing file or case.
    pub problems: Vec<DatasetError>,
    /// How many were looked at.
    pub checked: usize,
    /// What was looked at, in the plural: files or cases.
    pub what: &'static str,
}

impl fmt::Display for ProblemReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.problems.len();
        let (checked, what) = (self.checked, self.what);
        write!(f, "{count} of {checked} {what} cannot be used:")?;
        if let [only] = &self.problems[..] {
            return write!(f, " {only}");
        }
        for problem in self.problems.iter().take(NAMED_PROBLEMS) {
            write!(f, "\n  {problem}")?;
        }
        match count.saturating_sub(NAMED_PROBLEMS) {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}

impl ProblemReport {
    /// `Ok` when there is no problem, otherwise the report as an error.
    pub(super) fn into_result(self) -> Result<(), DatasetError> {
        if self.problems.is_empty() {
            Ok(())
        } else {
            Err(DatasetError::Problems(self))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_names_ten_and_counts_the_rest() {
        let problems = (0..13)
            .map(|index| DatasetError::NoSuchCase { index, len: 0 })
            .collect();
        let text = ProblemReport {
            problems,
            checked: 40,
            what: "files",
        }
        .to_string();
        assert!(text.starts_with("13 of 40 files"), "{text}");
        assert!(text.contains("case 9 does not exist"), "{text}");
        assert!(!text.contains("case 10 does not exist"), "{text}");
        assert!(text.ends_with("and 3 more"), "{text}");
    }
}
