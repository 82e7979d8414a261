//! Split files: which volumes train, which validate, which test.
//!
//! The layout is the Medical Segmentation Decathlon's as the original reads it (specification 1): one
//! object with the lists `training`, `validation` and `test`, whose items are `{"image": .., "label": ..}`
//! or bare image paths, and optionally the names of the classes, `labels`. Any other key is ignored; one that holds
//! cases is remembered, for it is a list under a wrong name.

mod read;
mod write;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use super::DatasetError;

/// Name of the list in the folder of a data set, and of the file that names the classes and the modality of one without
/// lists: the Decathlon's and nnU-Net's.
pub const LIST_FILE: &str = "dataset.json";

/// One volume, with its label map where there is one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Case {
    /// The image file.
    pub image: PathBuf,
    /// The label map on the image's grid.
    pub label: Option<PathBuf>,
}

/// The cases of a data set by what they are used for, in the file's order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DataList {
    /// Cases to train on; may be empty where nothing is trained, see [`DataList::for_training`].
    pub training: Vec<Case>,
    /// Cases to choose a checkpoint on; may be empty.
    pub validation: Vec<Case>,
    /// Cases to score once at the end; may be empty.
    pub test: Vec<Case>,
    /// Names of the classes by number, from the key `labels`; empty where the file has none.
    pub classes: Vec<String>,
    /// What made the images, from the key `modality` or `channel_names`, such as `CT` or `MRI`.
    pub modality: Option<String>,
    /// Keys of the file that hold cases and are none of the three lists: nothing reads those cases.
    pub unknown: Vec<String>,
}

/// What is to be said of lists under wrong keys.
pub(super) fn unread(keys: &[String]) -> String {
    format!(
        "nothing reads the cases under \"{}\": the lists are \"training\", \"validation\" and \"test\"",
        keys.join("\", \"")
    )
}

impl DataList {
    /// The list itself, where it has cases to train on; `name` is the file's name for messages.
    ///
    /// # Errors
    /// [`DatasetError::NoTraining`] where it has cases for something else only.
    pub fn for_training(self, name: &str) -> Result<DataList, DatasetError> {
        match self.training.is_empty() {
            true => Err(DatasetError::NoTraining {
                name: name.to_owned(),
                hint: match &self.unknown[..] {
                    [] => String::new(),
                    keys => format!("; {}", unread(keys)),
                },
            }),
            false => Ok(self),
        }
    }

    /// The cases of all lists: training, validation, test.
    pub fn all(&self) -> impl Iterator<Item = &Case> + Clone {
        let lists = [&self.training, &self.validation, &self.test];
        lists.into_iter().flatten()
    }

    /// Keeps the first `n` cases of training and of validation, for a quick try. The test list stays,
    /// because a score on part of it is not comparable.
    pub fn limit(&mut self, n: NonZeroUsize) {
        self.training.truncate(n.get());
        self.validation.truncate(n.get());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn parse(text: &str) -> Result<DataList, DatasetError> {
        DataList::parse(text.as_bytes(), "split.json", Path::new("/data"))
    }

    #[test]
    fn a_list_for_something_else_than_training_says_so_where_that_is_wanted() {
        for list in ["test", "validation"] {
            let text = format!(r#"{{"training": [], "{list}": ["a.nii"]}}"#);
            let list = parse(&text).unwrap();
            let error = list.for_training("split.json").unwrap_err().to_string();
            assert!(
                error.starts_with("split.json has no cases to train on"),
                "{error}"
            );
        }
        let list = parse(r#"{"training": ["a.nii"]}"#).unwrap();
        assert_eq!(list.clone().for_training("split.json").unwrap(), list);
    }

    #[test]
    fn lists_under_wrong_keys_are_told_and_other_keys_are_not() {
        let item = r#"[{"image": "a.nii", "label": "l.nii"}]"#;
        let about =
            r#""name": "n", "comment": ["x"], "tensorImageSize": ["3D"], "modality": {"0": "CT"}"#;
        let told = |key: &str, list: &str, items: &str| {
            parse(&format!(
                r#"{{{about}, "{list}": ["b.nii"], "{key}": {items}}}"#
            ))
            .unwrap()
        };
        for items in [item, r#"["v.nii.gz"]"#, r#"[["v.nii", "l.nii"]]"#] {
            let notices = told("val", "training", items).notices();
            assert_eq!(notices.len(), 1, "{notices:?}");
            let text = notices[0].to_string();
            assert!(text.contains("\"val\": the lists are"), "{text}");
        }
        assert_eq!(told("validation", "training", item).notices(), []);
        let error = told("trainning", "test", item).for_training("split.json");
        let text = error.unwrap_err().to_string();
        assert!(text.contains("\"trainning\": the lists are"), "{text}");
        let text = parse(&format!(r#"{{"trainning": {item}}}"#)).unwrap_err();
        assert!(text.to_string().contains("\"trainning\""), "{text}");
    }

    #[test]
    fn limit_shortens_training_and_validation_but_not_test() -> Result<(), DatasetError> {
        let mut list = parse(
            r#"{"training": ["a", "b", "c"], "validation": ["d", "e", "f"], "test": ["g", "h", "i"]}"#,
        )?;
        list.limit(NonZeroUsize::MIN.saturating_add(1));
        let sizes = [&list.training, &list.validation, &list.test].map(Vec::len);
        assert_eq!(sizes, [2, 2, 3]);
        assert_eq!(list.training[1].image, Path::new("/data/b"));
        Ok(())
    }
}
