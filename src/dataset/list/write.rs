//! Cases to a split file's text.

use serde_json::Value;

use super::{Case, DataList};

impl DataList {
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
}

/// A case as an item of a list.
fn item(case: &Case) -> Value {
    let mut item = serde_json::json!({ "image": case.image.to_string_lossy() });
    if let Some(label) = &case.label {
        item["label"] = Value::from(label.to_string_lossy());
    }
    item
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::DatasetError;
    use std::path::Path;

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
            unknown: Vec::new(),
        };
        for list in [bare, full] {
            let text = list.to_json(&[("name", "made in a test")]);
            let read = DataList::parse(text.as_bytes(), "split.json", Path::new(""))?;
            assert_eq!(read, list, "{text}");
            assert!(text.contains("\"name\": \"made in a test\""), "{text}");
        }
        Ok(())
    }
}
