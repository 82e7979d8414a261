//! Where prepared copies lie and how much memory they get, which lists are good enough, and how much of them is used.

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

#[test]
fn a_limit_keeps_the_first_cases_of_training_and_of_validation() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["a.nii", "b.nii", "c.nii", "d.nii"];
    for name in names {
        let affine = volume::Affine::identity();
        let scan = Volume::new([4; 3], vec![1.0; 64], affine).unwrap();
        volume::write(&folder.path().join(name), &scan, volume::Datatype::I16).unwrap();
    }
    let file = folder.path().join("split.json");
    let text = r#"{"training": ["a.nii", "b.nii"], "validation": ["c.nii", "d.nii"]}"#;
    std::fs::write(&file, text).unwrap();
    let kept = |limit| {
        let data = DataConfig {
            datalist: Some(file.clone()),
            limit,
            ..DataConfig::default()
        };
        let list = data_list(&data, false).unwrap().unwrap();
        let (training, validation) = (&list.training, &list.validation);
        [training, validation].map(|cases| crate::dataset::image_names(cases))
    };
    assert_eq!(kept(Some(1)), [["a.nii"], ["c.nii"]]);
    assert_eq!(kept(None).concat(), names);
}

#[test]
fn memory_of_the_cache_is_given_in_mebibytes() {
    let data = |cache_memory| DataConfig {
        cache_memory,
        ..DataConfig::default()
    };
    assert_eq!(cache_bytes(&data(3)), 3 << 20);
    assert_eq!(cache_bytes(&data(u64::MAX)), u64::MAX);
}
