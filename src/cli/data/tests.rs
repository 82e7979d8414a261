//! Where prepared copies lie, and which lists are good enough.

use super::*;

#[test]
fn prepared_copies_lie_beside_a_run_however_its_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().canonicalize().unwrap();
    std::fs::create_dir_all(at.join("run/checkpoints")).unwrap();
    for name in ["run", "run/", "run/.", "run/checkpoints/.."] {
        let found = cache_beside(&at.join(name)).unwrap();
        assert_eq!(found, at.join("cache"), "{name}");
    }
    assert!(cache_beside(&at.join("absent")).is_err());
}

#[test]
fn a_split_file_of_regions_is_good_enough_for_images() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("split.json");
    let text = r#"{"labels": {"background": 0, "whole": [1, 2]}, "training": ["a.nii"]}"#;
    std::fs::write(&file, text).unwrap();
    assert!(listed(&file, None, true).is_err());
    assert_eq!(listed(&file, None, false).unwrap().training.len(), 1);
}
