//! What is said of a folder that holds nothing to use.

use super::{Pairs, inside};
use crate::dataset::DatasetError;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// How many files are looked at, the first by name.
const FILES: usize = 10;

/// The error of a folder without volumes.
pub(super) fn no_volumes(folder: &Path) -> DatasetError {
    let dicom = holds_dicom(folder);
    let folder = folder.to_path_buf();
    match dicom {
        true => DatasetError::DicomFolder { folder },
        false => DatasetError::NoVolumes { folder },
    }
}

/// The error of a folder without an image that has a label map.
pub(super) fn no_pairs(folder: &Path, found: &Pairs) -> DatasetError {
    let (images, labels) = (found.unlabelled.len(), found.unused.len());
    let dicom = images + labels == 0 && holds_dicom(folder);
    let folder = folder.to_path_buf();
    match dicom {
        true => DatasetError::DicomFolder { folder },
        false => DatasetError::NoPairs {
            folder,
            images,
            labels,
        },
    }
}

/// Whether a folder has DICOM files among its first ones.
fn holds_dicom(folder: &Path) -> bool {
    let files = inside(folder, Path::is_file).unwrap_or_default();
    files.iter().take(FILES).any(|file| is_dicom(file))
}

fn is_dicom(path: &Path) -> bool {
    let mut head = [0; 132];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && head.ends_with(b"DICM")
}
