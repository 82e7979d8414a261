//! Lists of cases in the page, what a person chose besides, and what a person removed.

use super::{assert_no_errors, told};
use hounsfield::volume::read_nifti;
use hounsfield::weights::Archive;

#[test]
fn lists_and_choices_hold_and_what_was_removed_is_not_kept_again() {
    let (_folder, seen) = told("lists", "?device=cpu");
    assert_no_errors(&seen);
    // Names of a list are those of its own cases.
    assert_eq!(seen["named"], "front, back", "{seen:#}");
    assert_eq!(seen["unnamed"], "class 1, class 2", "{seen:#}");
    assert_eq!(seen["choices"], serde_json::json!([2, 6]), "{seen:#}");
    // No label map, before the worker was started anew and after.
    assert_eq!(seen["chosen"], serde_json::json!(["", ""]), "{seen:#}");
    assert_eq!(seen["phantoms"], 6, "{seen:#}");
    let asked = seen["asked"].as_str().unwrap();
    assert!(
        asked.contains("at step ") && asked.contains("of 150"),
        "{asked}"
    );
    let removed = seen["removed"].as_str().unwrap();
    assert!(removed.contains("is not kept"), "{removed}");
    assert_eq!(seen["offered"], false, "{seen:#}");
    // Scans of a training that failed before its first step, or was left there.
    assert_eq!(seen["left"], serde_json::json!([]), "{seen:#}");
    assert_archive_has_all(&std::fs::read(seen["saved"].as_str().unwrap()).unwrap());
}

/// Scans of one name are told apart by their folders.
fn assert_archive_has_all(archive: &[u8]) {
    let archive = Archive::open(archive).unwrap();
    let names: Vec<&str> = archive.names().collect();
    let expected = [
        "p024_mr_labels.nii.gz",
        "p024_mr_volumes.csv",
        "p052_mr_labels.nii.gz",
        "p052_mr_volumes.csv",
    ];
    assert_eq!(names, expected);
    for name in names {
        archive.verify(name).unwrap();
        let bytes = archive.bytes(name).unwrap().unwrap();
        if name.ends_with(".nii.gz") {
            read_nifti(bytes, name).unwrap();
        }
    }
}
