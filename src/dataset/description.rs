//! What a data set's JSON file says besides its lists: names of the classes, and what made the images.

use serde_json::{Map, Value};

use super::DatasetError;
use super::pairing::case_name;

/// Bytes of the longest text that is read. What it becomes in memory is a dozen times as long.
const MOST_BYTES: usize = 32 << 20;

/// Classes and modality of a data set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Description {
    /// Names by number; empty where the file has none.
    pub classes: Vec<String>,
    /// Of the first channel.
    pub modality: Option<String>,
}

impl Description {
    /// Takes classes from `labels`, which go from numbers to names (the Decathlon) or from names to numbers (nnU-Net),
    /// and the modality from `modality` or `channel_names`.
    ///
    /// # Errors
    /// Labels that are not numbered from 0 without gaps.
    pub(super) fn of(value: &Value, name: &str) -> Result<Description, DatasetError> {
        let not_a_split = |problem: String| DatasetError::NotASplit {
            name: name.to_owned(),
            problem,
        };
        let classes = match value.get("labels") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Object(labels)) if labels.values().all(Value::is_string) => {
                by_number(labels).map_err(not_a_split)?
            }
            Some(Value::Object(labels)) => by_name(labels).map_err(not_a_split)?,
            Some(_) => {
                let expected = "expected {\"0\": \"background\", ..} or {\"background\": 0, ..}";
                return Err(not_a_split(format!(
                    "its \"labels\" are not an object; {expected}"
                )));
            }
        };
        Ok(Description {
            classes,
            modality: modality(value),
        })
    }
}

/// What made the first channel of the images.
pub(super) fn modality(value: &Value) -> Option<String> {
    let found = value.get("modality").or(value.get("channel_names"))?;
    found.get("0").unwrap_or(found).as_str().map(str::to_owned)
}

/// The value of a JSON text.
///
/// # Errors
/// [`DatasetError::NotJson`] with line and column; [`DatasetError::NotASplit`] where it is no text in UTF-8 at all, for
/// then a place in it tells nothing.
pub(super) fn json(text: &[u8], name: &str) -> Result<Value, DatasetError> {
    let no_text = |problem: &str| DatasetError::NotASplit {
        name: name.to_owned(),
        problem: problem.to_owned(),
    };
    // Begins with the byte order mark, or without one with the brace of an object.
    if let [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [b'{', 0, ..] | [0, b'{', ..] = text {
        return Err(no_text(
            "its text is in UTF-16, as Windows PowerShell redirects it; save it in UTF-8",
        ));
    }
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    if case_name(name) != file {
        return Err(no_text(
            "it is called like an image; name a split file (JSON), or the folder that the images are in",
        ));
    }
    if text.len() > MOST_BYTES {
        return Err(no_text(
            "it has more than 32 MiB, which no list of cases needs",
        ));
    }
    // Editors on Windows put a byte order mark in front, which JSON does not allow.
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    serde_json::from_slice(text).map_err(|source| DatasetError::NotJson {
        name: name.to_owned(),
        line: source.line(),
        column: source.column(),
        source,
    })
}

/// Names in the order of their numbers, which are the keys.
fn by_number(labels: &Map<String, Value>) -> Result<Vec<String>, String> {
    let class = |number: usize| {
        let class = labels.get(&number.to_string()).and_then(Value::as_str);
        class
            .map(str::to_owned)
            .ok_or_else(|| gap(number, labels.len()))
    };
    (0..labels.len()).map(class).collect()
}

/// Names in the order of their numbers, which are the values.
fn by_name(labels: &Map<String, Value>) -> Result<Vec<String>, String> {
    if let Some((class, _)) = labels.iter().find(|(_, number)| !number.is_u64()) {
        return Err(format!(
            "its \"labels\" give \"{class}\" no whole number; regions of several labels are not supported"
        ));
    }
    if labels.contains_key("ignore") {
        return Err("its \"labels\" have a class to ignore, which is not supported".to_owned());
    }
    let class = |number: usize| {
        let of_number = |value: &Value| value.as_u64() == u64::try_from(number).ok();
        let found = labels.iter().find(|(_, value)| of_number(value));
        found
            .map(|(class, _)| class.clone())
            .ok_or_else(|| gap(number, labels.len()))
    };
    (0..labels.len()).map(class).collect()
}

fn gap(number: usize, count: usize) -> String {
    format!("its \"labels\" have no name for class {number}; number {count} classes from 0")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Description, DatasetError> {
        Description::of(&json(text.as_bytes(), "dataset.json")?, "dataset.json")
    }

    #[test]
    fn classes_are_named_in_the_order_of_their_numbers() -> Result<(), DatasetError> {
        let labels = r#"{"labels": {"10": "k", "0": "a", "1": "b", "2": "c",
            "3": "d", "4": "e", "5": "f", "6": "g", "7": "h", "8": "i", "9": "j"}}"#;
        assert_eq!(parse(labels)?.classes.concat(), "abcdefghijk");
        let nnunet = parse(r#"{"channel_names": {"0": "CT"}, "labels": {"b": 1, "a": 0}}"#)?;
        assert_eq!(nnunet.classes.concat(), "ab");
        assert_eq!(nnunet.modality.as_deref(), Some("CT"));
        assert_eq!(parse("{}")?, Description::default());
        assert_eq!(
            parse(r#"{"labels": {}, "modality": null}"#)?,
            Description::default()
        );
        Ok(())
    }

    #[test]
    fn what_is_no_text_in_utf_8_is_told_from_broken_json() {
        let message = |text: &[u8], name: &str| json(text, name).unwrap_err().to_string();
        let little: Vec<u8> = "\u{feff}{}"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let big: Vec<u8> = "\u{feff}{}"
            .encode_utf16()
            .flat_map(u16::to_be_bytes)
            .collect();
        for text in [&little[..], &little[2..], &big[..], &big[2..]] {
            let message = message(text, "a.json");
            assert!(
                message.contains("UTF-16") && message.contains("UTF-8"),
                "{message}"
            );
        }
        for name in ["scan.nii.gz", "/d/scan.nii", "C:\\d\\scan.img"] {
            let message = message(&[0x1f, 0x8b, 8], name);
            assert!(message.contains("folder"), "{message}");
        }
        assert!(message(b"\xff", "a.json").contains("line 1"));
        assert!(json(b"\xef\xbb\xbf{}", "a.json").is_ok());
    }

    #[test]
    fn labels_that_are_no_classes_are_refused() {
        for (labels, expected) in [
            (r#"["x"]"#, "not an object"),
            (r#"{"0": "x", "2": "y"}"#, "for class 1"),
            (r#"{"x": 0, "y": 2}"#, "for class 1"),
            (r#"{"x": 0, "y": [1, 2]}"#, "\"y\" no whole number"),
            (r#"{"x": 0, "y": -1}"#, "\"y\" no whole number"),
            (r#"{"x": 0, "ignore": 1}"#, "to ignore"),
        ] {
            let found = parse(&format!(r#"{{"labels": {labels}}}"#));
            let message = found.map_or_else(|e| e.to_string(), |found| format!("{found:?}"));
            assert!(message.contains(expected), "{labels} gave: {message}");
        }
    }
}
