//! Data lists, the cache and batches on the published split files and on real volumes.

use std::collections::HashSet;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hounsfield::dataset::{
    Cache, Case, DataList, DatasetError, FileSource, Notice, VolumeSource, warm_up,
};
use hounsfield::transform::{IntensityWindow, PretrainTransform};
use hounsfield::volume;

use crate::support;

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn published(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("json_files")
        .join(name)
}

fn sizes(list: &DataList) -> [usize; 3] {
    [&list.training, &list.validation, &list.test].map(Vec::len)
}

fn file_names(cases: &[Case]) -> HashSet<String> {
    let name = |case: &Case| Some(case.image.file_name()?.to_string_lossy().into_owned());
    cases.iter().filter_map(name).collect()
}

#[test]
fn the_published_btcv_splits_load_as_they_are() -> Outcome {
    let load = |n: usize| {
        let json = published(&format!("btcv/dataset_0_init_{n}.json"));
        DataList::load(&json, Some(Path::new("btcv")))
    };
    let (six, twelve, all) = (load(6)?, load(12)?, load(24)?);
    for (list, n) in [(&six, 6), (&twelve, 12), (&all, 24)] {
        assert_eq!(sizes(list), [n, 6, 20]);
        assert!(
            list.training
                .iter()
                .chain(&list.validation)
                .all(|case| case.label.is_some())
        );
        assert!(list.test.iter().all(|case| case.label.is_none()));
        assert_eq!(list.validation, six.validation);
        assert!(list.notices().is_empty());
    }
    assert_eq!(
        six.training[0].image,
        Path::new("btcv/imagesTr/img0001.nii.gz")
    );
    assert_eq!(
        six.training[0].label.as_deref(),
        Some(Path::new("btcv/labelsTr/label0001.nii.gz"))
    );
    assert_eq!(six.test[0].image, Path::new("btcv/imagesTs/img0061.nii.gz"));
    for (small, large) in [(&six, &twelve), (&twelve, &all)] {
        assert!(file_names(&small.training).is_subset(&file_names(&large.training)));
    }
    Ok(())
}

#[test]
fn the_published_tcia_split_loads_as_it_is() -> Outcome {
    let list = DataList::load(&published("tcia_covid19/dataset_split.json"), None)?;
    assert_eq!(sizes(&list), [600, 171, 0]);
    assert!(list.notices().is_empty());
    assert!(list.training.iter().all(|case| case.label.is_none()));
    assert_eq!(
        list.training[0].image,
        published("tcia_covid19/data/volume-covid19-A-0656.nii.gz")
    );
    let error = list
        .check(false)
        .err()
        .map(|error| error.to_string())
        .unwrap_or_default();
    assert!(
        error.starts_with("771 of 771 files cannot be used"),
        "{error}"
    );
    assert!(error.contains("volume-covid19-A-0656.nii.gz"), "{error}");
    assert!(error.ends_with("and 761 more"), "{error}");
    Ok(())
}

#[test]
fn the_splits_of_the_shared_data_load_and_their_files_are_sound() -> Outcome {
    for (name, expected, labels) in [
        ("openkbp/pretrain.json", [190, 20, 0], false),
        ("openkbp/finetune_6.json", [6, 6, 28], true),
        ("openkbp/finetune_12.json", [12, 6, 28], true),
        ("openkbp/finetune_24.json", [24, 6, 28], true),
        ("hippocampus/pretrain.json", [140, 20, 0], false),
        ("hippocampus/finetune_6.json", [6, 20, 40], true),
        ("hippocampus/finetune_12.json", [12, 20, 40], true),
        ("hippocampus/finetune_24.json", [24, 20, 40], true),
        ("hippocampus/finetune_140.json", [140, 20, 40], true),
    ] {
        let list = DataList::load(&support::data(name), None)?;
        assert_eq!(sizes(&list), expected, "{name}");
        assert_eq!(list.notices(), [], "{name}");
        list.check(labels)?;
    }
    Ok(())
}

#[test]
fn the_check_reports_all_broken_files_at_once() -> Outcome {
    let case = |name: &str| Case {
        image: support::data("robustness").join(name),
        label: None,
    };
    let good = case("monai/anatomical.nii");
    let list = DataList {
        training: vec![
            good.clone(),
            case("derived/truncated.nii"),
            case("nifti-reader-js/not-nifti.nii"),
            case("nowhere/absent.nii.gz"),
        ],
        validation: vec![case("nibabel/functional.nii"), good],
        ..DataList::default()
    };
    let Err(DatasetError::Problems(report)) = list.check(false) else {
        return Err("the broken files must be reported".into());
    };
    assert_eq!(report.checked, 6);
    let messages: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
    for (message, name) in messages
        .iter()
        .zip(["truncated", "not-nifti", "absent", "functional"])
    {
        assert!(message.contains(name), "{message}");
    }
    assert_eq!(messages.len(), 4);
    Ok(())
}

#[test]
fn a_folder_of_volumes_needs_no_split_file() -> Outcome {
    let list = DataList::from_folder(&support::data("hippocampus/images"))?;
    assert_eq!(sizes(&list), [180, 20, 0]);
    assert!(list.notices().is_empty());
    let validation = file_names(&list.validation);
    assert!(validation.is_disjoint(&file_names(&list.training)));
    Ok(())
}

#[test]
fn a_volume_that_trains_and_validates_is_noticed() -> Outcome {
    let dir = tempfile::tempdir()?;
    let json = dir.path().join("split.json");
    fs::write(
        &json,
        r#"{"training": ["a.nii"], "validation": [{"image": "./a.nii"}]}"#,
    )?;
    let image = dir.path().join("a.nii");
    let shared = Notice::Shared {
        lists: ["training", "validation"],
        image,
    };
    assert_eq!(DataList::load(&json, None)?.notices(), [shared]);
    Ok(())
}

fn window(min: f32, max: f32) -> PretrainTransform {
    PretrainTransform {
        spacing: [2.0; 3],
        intensity: IntensityWindow { min, max }.into(),
        patch: [32; 3],
    }
}

#[test]
fn real_volumes_come_from_the_cache_as_they_were_prepared() -> Outcome {
    let mut list = DataList::load(&support::data("openkbp/finetune_6.json"), None)?;
    list.training.truncate(3);
    let transform = window(-57.0, 164.0);
    let folder = tempfile::tempdir()?;
    for (built, disk) in [(3, 0), (0, 3)] {
        // Memory for nothing: every volume goes through the folder.
        let cache = Arc::new(Cache::new(0, Some(folder.path())));
        let source = FileSource::new(&list.training, transform, Arc::clone(&cache));
        warm_up(&source, 2, |_, _| ControlFlow::Continue(()))?;
        assert_eq!((cache.counts().built, cache.counts().disk), (built, disk));
        for (index, case) in list.training.iter().enumerate() {
            let fresh = transform.apply(&volume::read(&case.image)?)?;
            assert_eq!(*source.volume(index)?, fresh);
            assert!(case.image.ends_with(source.name(index)));
        }
    }
    Ok(())
}

#[test]
fn the_warm_up_names_volumes_without_foreground() -> Outcome {
    let mut list = DataList::load(&support::data("hippocampus/pretrain.json"), None)?;
    list.training.truncate(4);
    let cache = Arc::new(Cache::new(1 << 30, None));
    let source = FileSource::new(&list.training, window(1e9, 2e9), cache);
    let Err(DatasetError::Problems(report)) = warm_up(&source, 2, |_, _| ControlFlow::Continue(()))
    else {
        return Err("volumes without foreground must be refused".into());
    };
    assert_eq!((report.problems.len(), report.checked), (4, 4));
    let text = report.to_string();
    assert!(text.starts_with("4 of 4 cases cannot be used"), "{text}");
    for (problem, case) in report.problems.iter().zip(&list.training) {
        let text = problem.to_string();
        assert!(
            text.starts_with(&case.image.display().to_string()),
            "{text}"
        );
        assert!(text.contains("foreground"), "{text}");
    }
    Ok(())
}
