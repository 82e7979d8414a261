//! What lies in a folder.

use crate::dataset::DatasetError;
use crate::dataset::pairing::case_name;
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The file's name without its folder.
pub(super) fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// The volumes right in a folder, sorted by name.
pub(super) fn volumes(folder: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    // Whatever else is no file, such as a link to nothing, is named where it is read.
    inside(folder, |path| is_volume_name(path) && !path.is_dir())
}

/// One of the files that lie there in several forms, `a.nii` beside `a.nii.gz`, lest one scan be two cases and stand in
/// both splits, or have no label map that is its own; a warning counts the others. `what` the files are, in the plural.
pub(super) fn once_each(files: Vec<PathBuf>, what: &str) -> Vec<PathBuf> {
    let mut seen = HashSet::new();
    let (kept, again): (Vec<_>, Vec<_>) = (files.into_iter())
        .partition(|file| seen.insert(case_name(&file.to_string_lossy()).to_owned()));
    if let [first, ..] = &again[..] {
        let (count, first) = (again.len(), first.display());
        log::warn!(
            "{what} that lie there in another form too are taken once: {count}, such as {first}"
        );
    }
    kept
}

/// The sub-folders of folders that were looked into, but for these folders themselves.
pub(super) fn passed_over(places: &[PathBuf]) -> Result<Vec<PathBuf>, DatasetError> {
    let mut found = Vec::new();
    for place in places {
        found.extend(inside(place, Path::is_dir)?);
    }
    found.retain(|folder| !places.contains(folder));
    Ok(found)
}

/// What of a folder is not hidden and `wanted`, sorted by name.
pub(super) fn inside(
    folder: &Path,
    wanted: impl Fn(&Path) -> bool,
) -> Result<Vec<PathBuf>, DatasetError> {
    let unreadable = |source| DatasetError::Unreadable {
        path: folder.to_path_buf(),
        source,
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        // macOS leaves "._scan.nii" files beside the real ones on foreign disks.
        if !name(&path).starts_with('.') && wanted(&path) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn is_volume_name(path: &Path) -> bool {
    let name = name(path).to_ascii_lowercase();
    let endings = [".nii", ".nii.gz", ".hdr", ".hdr.gz"];
    endings.iter().any(|end| name.ends_with(end))
}
