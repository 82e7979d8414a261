//! A split file's text to its cases.

use std::path::Path;

use serde_json::Value;

use super::{Case, DataList, unread};
use crate::dataset::DatasetError;
use crate::dataset::description::{Description, json, modality};
use crate::dataset::pairing::case_name;
use crate::dataset::paths::normalise;

/// Keys whose values are lists that are read, or are no list of cases whatever they hold.
const KNOWN: [&str; 15] = [
    "training",
    "validation",
    "test",
    "name",
    "description",
    "reference",
    "licence",
    "license",
    "release",
    "tensorImageSize",
    "modality",
    "channel_names",
    "labels",
    "numTraining",
    "numTest",
];

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

    /// What a `dataset.json` without lists, as nnU-Net has it, says of the images in its folder: their classes and what made
    /// them, in a list of no cases. None for a file that has lists, or says neither.
    ///
    /// # Errors
    /// Not JSON, or labels that are not classes numbered from 0.
    pub fn parse_description(text: &[u8], name: &str) -> Result<Option<DataList>, DatasetError> {
        let value = json(text, name)?;
        let lists = ["training", "validation", "test"];
        let listed = lists.iter().any(|key| value.get(key).is_some());
        if listed || !unknown_lists(&value).is_empty() {
            return Ok(None);
        }
        let Description { classes, modality } = Description::of(&value, name)?;
        let says = modality.is_some() || !classes.is_empty();
        Ok(says.then(|| DataList {
            classes,
            modality,
            ..DataList::default()
        }))
    }

    /// As [`DataList::parse`], of a file that is JSON already and of what it says besides its lists.
    pub(in crate::dataset) fn of(
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
            unknown: unknown_lists(value),
        };
        if list.training.is_empty() && list.validation.is_empty() && list.test.is_empty() {
            let misnamed = unread(&list.unknown);
            let problem = match value.get("training") {
                _ if !list.unknown.is_empty() => misnamed.as_str(),
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
}

/// Keys that hold cases, by the looks of their items, and are not known.
fn unknown_lists(value: &Value) -> Vec<String> {
    fn is_image(item: &Value) -> bool {
        let path = item.as_str();
        path.is_some_and(|path| !path.ends_with(case_name(path)))
    }
    let is_case = |item: &Value| match item {
        Value::Object(item) => item.contains_key("image"),
        Value::Array(pair) => pair.iter().any(is_image),
        item => is_image(item),
    };
    let holds_cases = |value: &Value| value.as_array().is_some_and(|all| all.iter().any(is_case));
    let keys = value.as_object().into_iter().flatten();
    keys.filter(|(key, value)| !KNOWN.contains(&key.as_str()) && holds_cases(value))
        .map(|(key, _)| key.clone())
        .collect()
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
    fn a_file_without_lists_describes_the_images_of_its_folder() -> Result<(), DatasetError> {
        let described = |text: &str| DataList::parse_description(text.as_bytes(), "dataset.json");
        let text = r#"{"channel_names": {"0": "CT"}, "labels": {"background": 0, "liver": 1}, "file_ending": ".nii.gz"}"#;
        let found = described(text)?.unwrap_or_default();
        assert_eq!(found.classes, ["background", "liver"]);
        assert_eq!(found.modality.as_deref(), Some("CT"));
        assert_eq!(found.all().count(), 0);
        for of_lists in [
            r#"{"training": ["a.nii"], "labels": {"0": "b"}}"#,
            r#"{"train": ["a.nii"], "labels": {"0": "b"}}"#,
            "{}",
            r#"{"name": "x"}"#,
        ] {
            assert_eq!(described(of_lists)?, None, "{of_lists}");
        }
        assert!(described(r#"{"labels": {"background": 1}}"#).is_err());
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
}
