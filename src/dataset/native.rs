//! Split files from the disk, and the check before training.

use std::fs;
use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::path::{MAIN_SEPARATOR, Path, PathBuf};

use super::loader::run_all;
use super::paths::normalise;
use super::{Case, DataList, DatasetError};
use crate::platform;
use crate::volume;

impl DataList {
    /// Loads a split file (see [`DataList::parse`]). `root` is the folder the paths are relative to; by
    /// default the split file's own (specification 1).
    ///
    /// # Errors
    /// No such file, a folder, not readable, and what [`DataList::parse`] refuses.
    pub fn load(json: &Path, root: Option<&Path>) -> Result<DataList, DatasetError> {
        let (text, name) = (read(json)?, json.display().to_string());
        let list = DataList::parse(&text, &name, root.unwrap_or(folder_of(json)))?;
        Ok(list.with_slashes())
    }

    /// Loads a split file for those who want no label maps (see [`DataList::parse_images`]).
    ///
    /// # Errors
    /// As [`DataList::load`], but for the classes.
    pub fn load_images(json: &Path, root: Option<&Path>) -> Result<DataList, DatasetError> {
        let (text, name) = (read(json)?, json.display().to_string());
        let list = DataList::parse_images(&text, &name, root.unwrap_or(folder_of(json)))?;
        Ok(list.with_slashes())
    }

    /// Reads the backslashes of a list that was made on Windows as `/`, where this system has `/` and no file of the
    /// name as it is written.
    pub(super) fn with_slashes(mut self) -> DataList {
        for case in [&mut self.training, &mut self.validation, &mut self.test]
            .into_iter()
            .flatten()
        {
            let paths = std::iter::once(&mut case.image).chain(&mut case.label);
            paths.for_each(read_backslashes);
        }
        self
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

fn read_backslashes(path: &mut PathBuf) {
    let text = path.to_string_lossy().into_owned();
    if MAIN_SEPARATOR == '/' && text.contains('\\') && !path.exists() {
        *path = normalise(Path::new(&text.replace('\\', "/")));
    }
}

/// The text of a split file.
fn read(json: &Path) -> Result<Vec<u8>, DatasetError> {
    let path = json.to_path_buf();
    if json.is_dir() {
        return Err(DatasetError::SplitIsFolder { path });
    }
    fs::read(json).map_err(|source| match source.kind() {
        ErrorKind::NotFound => DatasetError::NoSplitFile { path },
        _ => DatasetError::Unreadable { path, source },
    })
}

fn folder_of(json: &Path) -> &Path {
    json.parent().unwrap_or(Path::new(""))
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
    run_all(
        platform::threads(),
        (files.len(), "files"),
        look,
        no_progress,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

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

    #[cfg(unix)]
    #[test]
    fn backslashes_are_read_as_slashes_where_no_file_has_them_in_its_name() -> Outcome {
        let dir = tempfile::tempdir()?;
        let json = dir.path().join("split.json");
        fs::write(dir.path().join("odd\\name.nii"), "")?;
        let text = r#"{"training": [{"image": "images\\a.nii", "label": ".\\x\\..\\labels\\a.nii"}],
                       "test": ["odd\\name.nii"]}"#;
        fs::write(&json, text)?;
        let list = DataList::load(&json, None)?;
        let at = |name: &str| dir.path().join(name);
        assert_eq!(list.training[0].image, at("images/a.nii"));
        assert_eq!(list.training[0].label, Some(at("labels/a.nii")));
        assert_eq!(list.test[0].image, at("odd\\name.nii"));
        let images = DataList::load_images(&json, None)?;
        assert_eq!(images.training, list.training);
        Ok(())
    }

    #[test]
    fn classes_do_not_matter_where_no_label_map_is_wanted() -> Outcome {
        let dir = tempfile::tempdir()?;
        let json = dir.path().join("split.json");
        let labels = r#"{"background": 0, "whole": [1, 2], "ignore": 3}"#;
        let text =
            format!(r#"{{"modality": {{"0": "MRI"}}, "labels": {labels}, "training": ["a.nii"]}}"#);
        fs::write(&json, text)?;
        let refused = DataList::load(&json, None);
        assert!(matches!(refused, Err(DatasetError::NotASplit { .. })));
        let list = DataList::load_images(&json, None)?;
        assert_eq!(list.training[0].image, dir.path().join("a.nii"));
        assert_eq!(list.modality.as_deref(), Some("MRI"));
        let absent = DataList::load_images(&dir.path().join("no.json"), None);
        assert!(matches!(absent, Err(DatasetError::NoSplitFile { .. })));
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
