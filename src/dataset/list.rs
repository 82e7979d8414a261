//! Split files: which volumes train, which validate, which test.
//!
//! The layout is the Medical Segmentation Decathlon's as the original reads it (specification 1): one
//! object with the lists `training`, `validation` and `test`, whose items are `{"image": .., "label": ..}`
//! or bare image paths, and optionally the names of the classes, `labels`. Any other key is ignored.

use std::num::NonZeroUsize;
use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use super::DatasetError;
use super::description::{Description, json, modality};

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
}

impl DataList {
    /// Reads the text of a split file. Paths are joined to `root` and normalised without touching the
    /// disk; `name` is the file's name for messages.
    ///
    /// # Errors
    /// Not JSON (with line and column), no case in any list, or an item without a usable `image` or
    /// `label`.
    pub fn parse(text: &[u8], name: &str, root: &Path) -> Result<DataList, DatasetError> {
        let value = json(text, name)?;
        Self::of(&value, Description::of(&value, name)?, name, root)
    }

    /// As [`DataList::parse`], for those who want no label maps. The classes are left out, so that a file whose
    /// `labels` are none, such as regions, is as good as another.
    ///
    /// # Errors
    /// As [`DataList::parse`], but for the classes.
    pub fn parse_images(text: &[u8], name: &str, root: &Path) -> Result<DataList, DatasetError> {
        let value = json(text, name)?;
        let about = Description {
            modality: modality(&value),
            ..Description::default()
        };
        Self::of(&value, about, name, root)
    }

    /// As [`DataList::parse`], of a file that is JSON already and of what it says besides its lists.
    pub(super) fn of(
        value: &Value,
        about: Description,
        name: &str,
        root: &Path,
    ) -> Result<DataList, DatasetError> {
        let list = DataList {
            training: cases(value, "training", name, root)?,
            validation: cases(value, "validation", name, root)?,
            test: cases(value, "test", name, root)?,
            classes: about.classes,
            modality: about.modality,
        };
        if list.training.is_empty() && list.validation.is_empty() && list.test.is_empty() {
            let problem = match value.get("training") {
                Some(Value::Array(_)) => "its \"training\" list is empty; add at least one item",
                _ if value.get("channel_names").is_some() => {
                    "it describes an nnU-Net data set, which has no lists; name the folder it lies in instead"
                }
                _ => {
                    "it has no \"training\" list; expected {\"training\": [{\"image\": \"..\"}, ..]}"
                }
            };
            return Err(DatasetError::NotASplit {
                name: name.to_owned(),
                problem: problem.to_owned(),
            });
        }
        Ok(list)
    }

    /// The list itself, where it has cases to train on; `name` is the file's name for messages.
    ///
    /// # Errors
    /// [`DatasetError::NoTraining`] where it has cases for something else only.
    pub fn for_training(self, name: &str) -> Result<DataList, DatasetError> {
        match self.training.is_empty() {
            true => Err(DatasetError::NoTraining {
                name: name.to_owned(),
            }),
            false => Ok(self),
        }
    }

    /// The text of a split file with these cases, which [`DataList::parse`] reads back. Paths are written as they are,
    /// but for what is not Unicode in them; `about` holds further texts by their keys, such as `name`.
    pub fn to_json(&self, about: &[(&str, &str)]) -> String {
        let items = |cases: &[Case]| -> Value { cases.iter().map(item).collect() };
        let classes = self.classes.iter().enumerate();
        let labels: Value = classes
            .map(|(class, name)| (class.to_string(), name.clone()))
            .collect();
        let mut list = serde_json::json!({
            "labels": labels,
            "training": items(&self.training),
            "validation": items(&self.validation),
        });
        if !self.test.is_empty() {
            list["test"] = items(&self.test);
        }
        if let Some(modality) = &self.modality {
            list["modality"] = serde_json::json!({ "0": modality });
        }
        for (key, text) in about {
            list[*key] = Value::from(*text);
        }
        format!("{list:#}")
    }

    /// Keeps the first `n` cases of training and of validation, for a quick try. The test list stays,
    /// because a score on part of it is not comparable.
    pub fn limit(&mut self, n: NonZeroUsize) {
        self.training.truncate(n.get());
        self.validation.truncate(n.get());
    }
}

/// A case as an item of a list.
fn item(case: &Case) -> Value {
    let mut item = serde_json::json!({ "image": case.image.to_string_lossy() });
    if let Some(label) = &case.label {
        item["label"] = Value::from(label.to_string_lossy());
    }
    item
}

/// The items of one list; an absent list (or `null`) is empty.
fn cases(
    value: &Value,
    list: &'static str,
    name: &str,
    root: &Path,
) -> Result<Vec<Case>, DatasetError> {
    let not_a_split = |problem: String| DatasetError::NotASplit {
        name: name.to_owned(),
        problem,
    };
    let Value::Object(object) = value else {
        return Err(not_a_split(
            "its outermost value is not an object; expected {\"training\": [..]}".to_owned(),
        ));
    };
    let items = match object.get(list) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(items)) => items,
        Some(_) => return Err(not_a_split(format!("\"{list}\" is not a list of items"))),
    };
    let of_item = |(index, item)| {
        case(item, root).map_err(|problem| DatasetError::BadItem {
            name: name.to_owned(),
            list,
            index,
            problem,
        })
    };
    items.iter().enumerate().map(of_item).collect()
}

fn case(item: &Value, root: &Path) -> Result<Case, &'static str> {
    let (image, label) = match item {
        Value::String(image) => (image, None),
        Value::Object(item) => {
            let image = match item.get("image") {
                Some(Value::String(image)) => image,
                Some(Value::Array(_)) => {
                    return Err(
                        "has several images; one single-channel volume a case is supported",
                    );
                }
                Some(_) => return Err("has an \"image\" that is not a path in quotes"),
                None => return Err("has no \"image\"; expected {\"image\": \"path\"}"),
            };
            let label = match item.get("label") {
                None | Some(Value::Null) => None,
                Some(Value::String(label)) => Some(label),
                Some(_) => return Err("has a \"label\" that is not a path in quotes"),
            };
            (image, label)
        }
        _ => return Err("is neither an object with \"image\" nor a path in quotes"),
    };
    if image.is_empty() || label.is_some_and(String::is_empty) {
        return Err("has an empty path");
    }
    let join = |path: &String| normalise(&root.join(path));
    Ok(Case {
        image: join(image),
        label: label.map(join),
    })
}

/// Removes `.` and resolves `..` by the text of the path alone, as the original does: a symbolic link
/// before a `..` is not followed.
pub(super) fn normalise(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => match out.components().next_back() {
                Some(Component::Normal(_)) => {
                    out.pop();
                }
                Some(Component::RootDir) => {}
                _ => out.push(component),
            },
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<DataList, DatasetError> {
        DataList::parse(text.as_bytes(), "split.json", Path::new("/data"))
    }

    fn message(text: &str) -> String {
        parse(text).map_or_else(|e| e.to_string(), |list| format!("accepted: {list:?}"))
    }

    #[test]
    fn items_may_be_objects_or_bare_paths_and_other_keys_are_ignored() -> Result<(), DatasetError> {
        let list = parse(
            r#"{"comment": ["x"], "training": [{"image": "a.nii", "label": "l/a.nii", "fold": 3}, "b.nii"],
               "validation": null, "test": ["./t/../c.nii", "/abs/d.nii"]}"#,
        )?;
        assert_eq!(list.training[0].image, Path::new("/data/a.nii"));
        assert_eq!(
            list.training[0].label.as_deref(),
            Some(Path::new("/data/l/a.nii"))
        );
        assert_eq!(list.training[1].image, Path::new("/data/b.nii"));
        assert_eq!(list.training[1].label, None);
        assert!(list.validation.is_empty());
        assert_eq!(list.test[0].image, Path::new("/data/c.nii"));
        assert_eq!(list.test[1].image, Path::new("/abs/d.nii"));
        Ok(())
    }

    #[test]
    fn what_is_written_is_read_back() -> Result<(), DatasetError> {
        let case = |image: &str, label: Option<&str>| Case {
            image: image.into(),
            label: label.map(Into::into),
        };
        let bare = DataList {
            training: vec![case("a.nii", None)],
            ..DataList::default()
        };
        let full = DataList {
            training: vec![case("i/a.nii", Some("l/a.nii")), case("b \"c\".nii", None)],
            validation: vec![case("../d.nii", Some("../d_seg.nii"))],
            test: vec![case("/abs/e.nii", None)],
            classes: (0..12).map(|class| format!("organ {class}")).collect(),
            modality: Some("CT".to_owned()),
        };
        for list in [bare, full] {
            let text = list.to_json(&[("name", "made in a test")]);
            let read = DataList::parse(text.as_bytes(), "split.json", Path::new(""))?;
            assert_eq!(read, list, "{text}");
            assert!(text.contains("\"name\": \"made in a test\""), "{text}");
        }
        Ok(())
    }

    #[test]
    fn a_byte_order_mark_is_skipped() {
        assert!(parse("\u{feff}{\"training\": [\"a.nii\"]}").is_ok());
    }

    #[test]
    fn what_is_not_a_split_file_is_refused_with_the_place() {
        for (text, expected) in [
            ("{\n\"training\": [\n", "line 3"),
            ("", "line 1"),
            ("[]", "not an object"),
            ("{}", "no \"training\" list"),
            (r#"{"training": null}"#, "no \"training\" list"),
            (r#"{"training": []}"#, "is empty"),
            (r#"{"training": {}}"#, "not a list"),
            (
                r#"{"training": ["a"], "validation": 3}"#,
                "\"validation\" is not a list",
            ),
            (
                r#"{"training": ["a", {"label": "b"}]}"#,
                "item 1 (counted from 0) of \"training\" has no",
            ),
            (r#"{"training": [{"image": 3}]}"#, "not a path"),
            (r#"{"training": [{"image": ["a", "b"]}]}"#, "several images"),
            (r#"{"training": [{"image": ""}]}"#, "empty path"),
            (r#"{"training": [7]}"#, "neither"),
            (
                r#"{"channel_names": {"0": "CT"}, "labels": {"background": 0}}"#,
                "name the folder",
            ),
            (
                r#"{"training": ["a"], "test": [{"image": "a", "label": 1}]}"#,
                "of \"test\" has a \"label\"",
            ),
        ] {
            let message = message(text);
            assert!(message.contains(expected), "{text} gave: {message}");
            assert!(message.starts_with("split.json"), "{text} gave: {message}");
        }
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

    #[test]
    fn paths_are_normalised_by_their_text() {
        for (path, expected) in [
            ("/data/./a//b/../c.nii", "/data/a/c.nii"),
            ("../x/../../y.nii", "../../y.nii"),
            ("/../a.nii", "/a.nii"),
        ] {
            assert_eq!(normalise(Path::new(path)), Path::new(expected));
        }
    }
}
