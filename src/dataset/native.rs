//! Data lists from the disk: split files, folders of volumes, and the check before training.

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::path::Path;

use super::loader::{default_workers, run_all};
use super::{Case, DataList, DatasetError};
use crate::volume;

/// One case in this many goes to validation when a folder is used without a split file.
const VALIDATION_SHARE: usize = 10;

impl DataList {
    /// Loads a split file (see [`DataList::parse`]). `root` is the folder the paths are relative to; by
    /// default the split file's own (spec section 1).
    ///
    /// # Errors
    /// No such file, a folder, not readable, and what [`DataList::parse`] refuses.
    pub fn load(json: &Path, root: Option<&Path>) -> Result<DataList, DatasetError> {
        let path = json.to_path_buf();
        if json.is_dir() {
            return Err(DatasetError::SplitIsFolder { path });
        }
        let text = fs::read(json).map_err(|source| match source.kind() {
            ErrorKind::NotFound => DatasetError::NoSplitFile { path },
            _ => DatasetError::Unreadable { path, source },
        })?;
        let own = json.parent().unwrap_or(Path::new(""));
        DataList::parse(&text, &json.display().to_string(), root.unwrap_or(own))
    }

    /// Takes every `.nii`, `.nii.gz` and `.hdr` file of a folder as an unlabelled case, sorted by name.
    /// Hidden files and sub-folders are left out.
    ///
    /// About a tenth of the cases, at least one where there are two, is set aside for validation. Which
    /// ones depends on the file names alone, so the split is the same on every machine; it knows
    /// nothing of patients, so with several scans a patient write a split file instead.
    ///
    /// # Errors
    /// The folder cannot be read, or holds no volume.
    pub fn from_folder(folder: &Path) -> Result<DataList, DatasetError> {
        let unreadable = |source| DatasetError::Unreadable {
            path: folder.to_path_buf(),
            source,
        };
        let mut files = Vec::new();
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.file_name().is_some_and(is_volume_name) && path.is_file() {
                files.push(path);
            }
        }
        if files.is_empty() {
            let folder = folder.to_path_buf();
            return Err(DatasetError::NoVolumes { folder });
        }
        files.sort();
        let held_out = match files.len() {
            1 => 0,
            n => ((n + VALIDATION_SHARE / 2) / VALIDATION_SHARE).max(1),
        };
        let mut by_hash: Vec<_> = files.iter().map(|path| (name_hash(path), path)).collect();
        by_hash.sort();
        let validation: Vec<_> = by_hash
            .into_iter()
            .take(held_out)
            .map(|(_, p)| p.clone())
            .collect();
        let (validation, training) = files
            .into_iter()
            .map(|image| Case { image, label: None })
            .partition(|case| validation.contains(&case.image));
        Ok(DataList {
            training,
            validation,
            ..DataList::default()
        })
    }

    /// Looks at the header of every training and validation image before training starts, and with
    /// `labels` at every label map too, so that a missing file is not found hours later. The test list
    /// is not looked at: the BTCV split files name test images that few users have.
    ///
    /// # Errors
    /// [`DatasetError::Problems`] with all files that are missing or broken and, with `labels`, all
    /// cases that have no label.
    pub fn check(&self, labels: bool) -> Result<(), DatasetError> {
        check_cases(self.training.iter().chain(&self.validation), labels)
    }
}

/// As [`DataList::check`], for any cases, for example those of the test list.
///
/// # Errors
/// As [`DataList::check`].
pub fn check_cases<'a>(
    cases: impl IntoIterator<Item = &'a Case>,
    labels: bool,
) -> Result<(), DatasetError> {
    let mut files: Vec<Result<&Path, &Case>> = Vec::new();
    for case in cases {
        files.push(Ok(&case.image));
        if labels {
            files.push(case.label.as_deref().ok_or(case));
        }
    }
    let look = |index: usize| match files.get(index) {
        Some(Ok(path)) => Ok(volume::probe(path).map(drop)?),
        Some(Err(case)) => Err(DatasetError::NoLabel {
            image: case.image.clone(),
        }),
        None => Ok(()),
    };
    let no_progress = |_, _| ControlFlow::Continue(());
    run_all(default_workers(), files.len(), look, no_progress)
}

fn is_volume_name(name: &OsStr) -> bool {
    let name = name.to_string_lossy().to_ascii_lowercase();
    // macOS leaves "._scan.nii" files beside the real ones on foreign disks.
    !name.starts_with('.')
        && [".nii", ".nii.gz", ".hdr"]
            .iter()
            .any(|end| name.ends_with(end))
}

fn name_hash(path: &Path) -> [u8; 32] {
    let name = path.file_name().unwrap_or_default();
    blake3::hash(name.to_string_lossy().as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    fn folder(names: &[String]) -> std::io::Result<tempfile::TempDir> {
        let dir = tempfile::tempdir()?;
        for name in names {
            fs::write(dir.path().join(name), b"")?;
        }
        Ok(dir)
    }

    fn names(cases: &[Case]) -> Vec<String> {
        let name = |case: &Case| Some(case.image.file_name()?.to_string_lossy().into_owned());
        cases.iter().filter_map(name).collect()
    }

    #[test]
    fn the_folder_of_the_split_file_is_the_default_root() -> Outcome {
        let dir = tempfile::tempdir()?;
        let json = dir.path().join("split.json");
        fs::write(&json, r#"{"training": ["images/a.nii"]}"#)?;
        let image = |root| DataList::load(&json, root).map(|list| list.training[0].image.clone());
        assert_eq!(image(None)?, dir.path().join("images/a.nii"));
        assert_eq!(
            image(Some(Path::new("/x/../y")))?,
            Path::new("/y/images/a.nii")
        );
        Ok(())
    }

    #[test]
    fn an_absent_split_file_and_a_folder_are_told_apart() -> Outcome {
        let dir = tempfile::tempdir()?;
        let absent = DataList::load(&dir.path().join("no.json"), None);
        assert!(matches!(absent, Err(DatasetError::NoSplitFile { .. })));
        let folder = DataList::load(dir.path(), None);
        assert!(matches!(folder, Err(DatasetError::SplitIsFolder { .. })));
        Ok(())
    }

    #[test]
    fn a_folder_gives_its_volumes_sorted_with_a_tenth_for_validation() -> Outcome {
        let mut files: Vec<String> = (0..24).map(|i| format!("scan{i:02}.nii.gz")).collect();
        files.extend(["B.NII", "pair.hdr", "pair.img", "._B.nii", "notes.txt"].map(String::from));
        let dir = folder(&files)?;
        fs::create_dir(dir.path().join("folder.nii"))?;
        let list = DataList::from_folder(dir.path())?;
        assert_eq!((list.training.len(), list.validation.len()), (23, 3));
        for cases in [names(&list.training), names(&list.validation)] {
            assert!(cases.is_sorted());
        }
        let mut all = [names(&list.training), names(&list.validation)].concat();
        all.sort();
        let mut expected: Vec<String> = files[..26].to_vec();
        expected.sort();
        assert_eq!(all, expected);

        // The same names in another place give the same split.
        let again = DataList::from_folder(folder(&files)?.path())?;
        assert_eq!(names(&again.validation), names(&list.validation));
        Ok(())
    }

    #[test]
    fn small_folders_keep_at_least_one_case_for_training() -> Outcome {
        for (count, training, validation) in [(1, 1, 0), (2, 1, 1), (5, 4, 1), (15, 13, 2)] {
            let files: Vec<String> = (0..count).map(|i| format!("{i}.nii")).collect();
            let list = DataList::from_folder(folder(&files)?.path())?;
            assert_eq!(
                (list.training.len(), list.validation.len()),
                (training, validation)
            );
        }
        let empty = DataList::from_folder(folder(&[])?.path());
        assert!(matches!(empty, Err(DatasetError::NoVolumes { .. })));
        Ok(())
    }

    #[test]
    fn the_check_names_missing_files_and_missing_labels_together() -> Outcome {
        let dir = tempfile::tempdir()?;
        let case = |name: &str| Case {
            image: dir.path().join(name),
            label: None,
        };
        let list = DataList {
            training: vec![case("a.nii"), case("b.nii")],
            validation: vec![case("c.nii")],
            test: vec![case("d.nii")],
            ..DataList::default()
        };
        let text = |labels| {
            list.check(labels)
                .err()
                .map(|e| e.to_string())
                .unwrap_or_default()
        };
        assert!(text(false).starts_with("3 of 3 files"), "{}", text(false));
        assert!(text(false).contains("c.nii") && !text(false).contains("d.nii"));
        assert!(text(true).starts_with("6 of 6 files"), "{}", text(true));
        assert!(text(true).contains("b.nii has no label"), "{}", text(true));
        Ok(())
    }
}
