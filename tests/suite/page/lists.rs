//! Lists of cases in the page, what a person chose besides, and what a person removed.

use super::{assert_no_errors, told};

#[test]
fn lists_and_choices_hold_and_what_was_removed_is_not_kept_again() {
    let (_folder, seen) = told("lists", "?device=cpu");
    assert_no_errors(&seen);
    // Names of a list are those of its own cases.
    assert_eq!(seen["named"], "front, back", "{seen:#}");
    assert_eq!(seen["unnamed"], "class 1, class 2", "{seen:#}");
    // No label map, before the worker was started anew and after.
    assert_eq!(seen["chosen"], serde_json::json!(["", ""]), "{seen:#}");
    assert_eq!(seen["phantoms"], 6, "{seen:#}");
    let removed = seen["removed"].as_str().unwrap();
    assert!(removed.contains("is not kept"), "{removed}");
    assert_eq!(seen["offered"], false, "{seen:#}");
    // Scans of a training that failed before its first step, or was left there.
    assert_eq!(seen["left"], serde_json::json!([]), "{seen:#}");
    // Scans of one name are told apart by their folders.
    assert_eq!(seen["saved"], "p024_mr_labels.nii.gz", "{seen:#}");
}
