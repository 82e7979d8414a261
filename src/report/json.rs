//! Results as JSON files, all or nothing.

use super::ReportError;
use crate::platform;
use serde::Serialize;
use std::path::Path;

/// Writes `value` as indented JSON. Numbers that JSON lacks (NaN, infinity) become `null`.
///
/// # Errors
/// When the value cannot be written as JSON (for example a map whose keys are not strings), or the
/// file cannot be written; an old file is then still whole.
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<(), ReportError> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|error| ReportError::Json {
        file: path.display().to_string(),
        cause: error.to_string(),
    })?;
    text.push(b'\n');
    Ok(platform::write_atomic(path, &text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_json_lacks_becomes_null() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("summary.json");
        write_json(&path, &[("best", 0.5), ("last", f64::NAN)])?;
        let text = std::fs::read_to_string(&path)?;
        let value: serde_json::Value = serde_json::from_str(&text)?;
        assert_eq!(value, serde_json::json!([["best", 0.5], ["last", null]]));
        assert!(text.ends_with("]\n"));
        Ok(())
    }
}
