//! What is said of a folder that holds nothing to use.

use super::Pairs;
use super::files::inside;
use crate::dataset::DatasetError;
use crate::volume::{DICOM_BYTES, is_dicom};
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

/// The error of a folder without an image that has a label map; `images_in` is its sub-folder of images, where that was
/// searched instead of the folder itself.
pub(super) fn no_pairs(folder: &Path, images_in: Option<&Path>, found: &Pairs) -> DatasetError {
    let (images, labels) = (found.unlabelled.len(), found.unused.len());
    // Label maps in a sub-folder of their own tell nothing of the images.
    let images_in = images_in.filter(|place| images == 0 && holds_dicom(place));
    let dicom =
        images_in.or_else(|| (images + labels == 0 && holds_dicom(folder)).then_some(folder));
    match dicom {
        Some(folder) => DatasetError::DicomFolder {
            folder: folder.to_path_buf(),
        },
        None => DatasetError::NoPairs {
            folder: folder.to_path_buf(),
            images,
            labels,
        },
    }
}

/// Whether a folder has DICOM files among its first ones.
fn holds_dicom(folder: &Path) -> bool {
    let files = inside(folder, Path::is_file).unwrap_or_default();
    let mut head = [0; DICOM_BYTES];
    files.iter().take(FILES).any(|file| {
        let read = File::open(file).and_then(|mut file| file.read_exact(&mut head));
        read.is_ok() && is_dicom(&head)
    })
}
