//! Folders as people have them.

mod several_channels;
mod several_forms;

use super::*;

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn folder<S: AsRef<str>>(files: &[S]) -> std::io::Result<tempfile::TempDir> {
    let dir = tempfile::tempdir()?;
    for file in files {
        let path = dir.path().join(file.as_ref());
        fs::create_dir_all(path.parent().unwrap_or(dir.path()))?;
        fs::write(path, b"")?;
    }
    Ok(dir)
}

fn names(cases: &[Case]) -> Vec<String> {
    cases.iter().map(|case| name(&case.image)).collect()
}

/// Images with their label maps, as paths in the folder.
fn pairs(cases: &[Case], folder: &Path) -> Vec<String> {
    let inside = |path: &Path| {
        path.strip_prefix(folder)
            .unwrap_or(path)
            .display()
            .to_string()
    };
    let pair = |case: &Case| {
        let label = case.label.as_deref().map(inside).unwrap_or_default();
        format!("{} + {label}", inside(&case.image))
    };
    cases.iter().map(pair).collect()
}

#[test]
fn a_folder_gives_its_volumes_sorted_with_a_tenth_for_validation() -> Outcome {
    let mut files: Vec<String> = (0..24).map(|i| format!("scan{i:02}.nii.gz")).collect();
    files.extend(
        [
            "B.NII",
            "pair.hdr.gz",
            "pair.img.gz",
            "._B.nii",
            "notes.txt",
        ]
        .map(String::from),
    );
    let dir = folder(&files)?;
    fs::create_dir(dir.path().join("folder.nii"))?;
    let list = DataList::from_folder(dir.path())?;
    assert_eq!((list.training.len(), list.validation.len()), (23, 3));
    for cases in [names(&list.training), names(&list.validation)] {
        assert!(cases.is_sorted());
    }
    let mut all = [names(&list.training), names(&list.validation)].concat();
    all.sort();
    let mut expected: Vec<String> = files[..26].to_vec();
    expected.sort();
    assert_eq!(all, expected);

    // The same names in another place give the same split.
    let again = DataList::from_folder(folder(&files)?.path())?;
    assert_eq!(names(&again.validation), names(&list.validation));
    Ok(())
}

#[test]
fn small_folders_keep_at_least_one_case_for_training() -> Outcome {
    for (count, training, validation) in [(1, 1, 0), (2, 1, 1), (5, 4, 1), (15, 13, 2)] {
        let files: Vec<String> = (0..count).map(|i| format!("{i}.nii")).collect();
        let list = DataList::from_folder(folder(&files)?.path())?;
        assert_eq!(
            (list.training.len(), list.validation.len()),
            (training, validation)
        );
    }
    let empty = DataList::from_folder(folder::<&str>(&[])?.path());
    assert!(matches!(empty, Err(DatasetError::NoVolumes { .. })));
    Ok(())
}

#[test]
fn sub_folders_of_what_was_looked_into_are_told_and_others_are_not() -> Outcome {
    let found = |files: &[&str]| -> Result<Vec<String>, Box<dyn std::error::Error>> {
        let dir = folder(files)?;
        let found = DataList::from_labelled_folder(dir.path())?;
        let inside = |path: &PathBuf| {
            let path = path.strip_prefix(dir.path()).unwrap_or(path);
            path.display().to_string()
        };
        Ok(found.passed_over.iter().map(inside).collect())
    };
    let pair = ["imagesTr/a.nii", "labelsTr/a.nii"];
    let with = |more: &[&'static str]| [&pair[..], more].concat();
    let none: [&str; 0] = [];
    // What lies beside the folders of a layout is no place for scans.
    assert_eq!(found(&with(&["other/b.nii", "imagesTs/c.nii"]))?, none);
    let nested = with(&["imagesTr/p/b.nii", "labelsTr/p/b.nii", "imagesTr/.cache/x"]);
    assert_eq!(found(&nested)?, ["imagesTr/p", "labelsTr/p"]);
    let beside = ["a.nii", "a_seg.nii", "p/b.nii", "p/b_seg.nii"];
    assert_eq!(found(&beside)?, ["p"]);
    let tests = ["imagesTs/t.nii", "labelsTs/t.nii"];
    assert_eq!(found(&[&beside[..2], &tests].concat())?, none);
    Ok(())
}

#[cfg(unix)]
#[test]
fn a_link_to_nothing_is_no_reason_to_leave_a_scan_out() -> Outcome {
    let dir = folder::<&str>(&[])?;
    std::os::unix::fs::symlink("absent.nii", dir.path().join("a.nii"))?;
    let list = DataList::from_folder(dir.path())?;
    assert_eq!(names(&list.training), ["a.nii"]);
    let message = list.check(false).err().map(|error| error.to_string());
    let message = message.unwrap_or_default();
    assert!(message.contains("a.nii: no such file"), "{message}");
    Ok(())
}

#[test]
fn an_nnunet_folder_gives_pairs_classes_modality_and_test_cases() -> Outcome {
    let dir = folder(&[
        "imagesTr/liver_0_0000.nii.gz",
        "imagesTr/liver_1_0000.nii.gz",
        "imagesTr/liver_9_0000.nii.gz",
        "labelsTr/liver_1.nii.gz",
        "labelsTr/liver_0.nii.gz",
        "labelsTr/liver_7.nii.gz",
        "imagesTs/liver_5_0000.nii.gz",
        "imagesTs/liver_6_0000.nii.gz",
        "labelsTs/liver_6.nii.gz",
        "labelsTs/liver_8.nii.gz",
    ])?;
    fs::write(
        dir.path().join("dataset.json"),
        r#"{"channel_names": {"0": "MRI"}, "labels": {"lesion": 2, "background": 0, "liver": 1}, "numTraining": 3}"#,
    )?;
    let found = DataList::from_labelled_folder(dir.path())?;
    let list = &found.list;
    let mut both = [&list.training[..], &list.validation[..]].concat();
    both.sort_by(|a, b| a.image.cmp(&b.image));
    assert_eq!((list.training.len(), list.validation.len()), (1, 1));
    let pair = |n, of| format!("images{of}/liver_{n}_0000.nii.gz + labels{of}/liver_{n}.nii.gz");
    assert_eq!(pairs(&both, dir.path()), [pair(0, "Tr"), pair(1, "Tr")]);
    assert_eq!(pairs(&list.test, dir.path()), [pair(6, "Ts")]);
    assert_eq!(list.classes, ["background", "liver", "lesion"]);
    assert_eq!(list.modality.as_deref(), Some("MRI"));
    // Those for a test are told too.
    let left_out = |files: [&str; 2]| files.map(|file| dir.path().join(file));
    assert_eq!(
        found.unlabelled,
        left_out([
            "imagesTr/liver_9_0000.nii.gz",
            "imagesTs/liver_5_0000.nii.gz"
        ])
    );
    assert_eq!(
        found.unused,
        left_out(["labelsTr/liver_7.nii.gz", "labelsTs/liver_8.nii.gz"])
    );
    Ok(())
}

#[test]
fn a_split_of_the_folders_own_is_kept() -> Outcome {
    let files = ["a", "b", "c"].map(|case| [format!("images/{case}"), format!("labels/{case}")]);
    let files: Vec<String> = files
        .concat()
        .iter()
        .map(|file| format!("{file}.nii"))
        .collect();
    let dir = folder(&files)?;
    let found = |validation: &str| -> Result<[Vec<String>; 2], Box<dyn std::error::Error>> {
        let item =
            |case: &str| format!(r#"{{"image": "images/{case}", "label": "labels/{case}"}}"#);
        let validation: Vec<String> = validation.split_whitespace().map(item).collect();
        let text = format!(
            r#"{{"labels": {{"0": "air", "1": "liver"}}, "training": [{}], "validation": [{}]}}"#,
            item("a.nii"),
            validation.join(", ")
        );
        fs::write(dir.path().join("dataset.json"), text)?;
        let list = DataList::from_labelled_folder(dir.path())?.list;
        assert_eq!(list.classes, ["air", "liver"]);
        Ok([list.training, list.validation].map(|cases| pairs(&cases, dir.path())))
    };
    let pair = |case: &str| vec![format!("images/{case}.nii + labels/{case}.nii")];
    assert_eq!(found("c.nii")?, [pair("a"), pair("c")]);
    // An empty list is no split: a tenth is set aside.
    assert_eq!(found("")?.map(|cases| cases.len()), [2, 1]);
    // Nor are cases without label maps.
    let text = r#"{"training": [{"image": "images/a.nii", "label": "labels/a.nii"}], "validation": [{"image": "images/c.nii"}]}"#;
    fs::write(dir.path().join("dataset.json"), text)?;
    let list = DataList::from_labelled_folder(dir.path())?.list;
    assert_eq!((list.training.len(), list.validation.len()), (2, 1));
    Ok(())
}

#[test]
fn images_alone_are_of_the_modality_that_their_data_set_names() -> Outcome {
    let dir = folder(&["imagesTr/a.nii", "other/a.nii"])?;
    let modality = |sub: &str| -> Result<Option<String>, DatasetError> {
        Ok(DataList::from_folder(&dir.path().join(sub))?.modality)
    };
    assert_eq!(modality("imagesTr")?, None);
    // Regions are no classes, and pre-training has none.
    let text = r#"{"channel_names": {"0": "MRI"}, "labels": {"whole": [1, 2]}}"#;
    fs::write(dir.path().join("dataset.json"), text)?;
    assert_eq!(modality("imagesTr")?.as_deref(), Some("MRI"));
    assert_eq!(modality("other")?, None);
    fs::write(dir.path().join("other/dataset.json"), text)?;
    assert_eq!(modality("other")?.as_deref(), Some("MRI"));
    Ok(())
}

#[test]
fn label_maps_beside_their_images_are_told_by_their_names() -> Outcome {
    let dir = folder(&["a_ct.nii", "a_seg.nii", "b_ct.nii", "b_seg.nii", "c_ct.nii"])?;
    let found = DataList::from_labelled_folder(dir.path())?;
    let mut both = [&found.list.training[..], &found.list.validation[..]].concat();
    both.sort_by(|a, b| a.image.cmp(&b.image));
    assert_eq!(
        pairs(&both, dir.path()),
        ["a_ct.nii + a_seg.nii", "b_ct.nii + b_seg.nii"]
    );
    assert!(found.list.classes.is_empty());
    assert_eq!(found.unlabelled, [dir.path().join("c_ct.nii")]);
    Ok(())
}

#[test]
fn a_folder_without_pairs_and_one_of_several_channels_are_refused() -> Outcome {
    let message = |files: &[&str]| -> Result<String, std::io::Error> {
        let dir = folder(files)?;
        let found = DataList::from_labelled_folder(dir.path());
        Ok(found.map_or_else(|e| e.to_string(), |found| format!("accepted: {found:?}")))
    };
    let alone = message(&["imagesTr/a.nii", "imagesTr/b.nii"])?;
    assert!(alone.contains("imagesTr and labelsTr"), "{alone}");
    let no_tests = [
        "images/a.nii",
        "images/b.nii",
        "labels/a.nii",
        "labels/b.nii",
    ];
    let no_tests = [&no_tests[..], &["imagesTs/c.nii", "labelsTs/notes.txt"]].concat();
    assert!(message(&no_tests)?.starts_with("accepted"));
    let none = message(&["a.nii", "b.nii"])?;
    assert!(none.contains("no image with its label map"), "{none}");
    assert!(none.contains("2 images, 0 label maps"), "{none}");
    let channels = message(&[
        "imagesTr/x_0000.nii",
        "imagesTr/x_0001.nii",
        "labelsTr/x.nii",
    ])?;
    assert!(channels.contains("second channel"), "{channels}");
    // Cases that are merely numbered from zero are no channels.
    let cases = message(&[
        "images/p_0000.nii",
        "images/p_0001.nii",
        "labels/p_0000.nii",
    ])?;
    assert!(cases.starts_with("accepted"), "{cases}");
    Ok(())
}

#[test]
fn images_that_are_dicom_are_told_of_in_the_folder_that_was_searched() -> Outcome {
    let dir = folder(&["imagesTr/notes.txt", "labelsTr/a.nii", "labelsTr/b.nii"])?;
    let found = || {
        let found = DataList::from_labelled_folder(dir.path());
        found.map_or_else(
            |error| error.to_string(),
            |found| format!("accepted: {found:?}"),
        )
    };
    assert!(found().contains("0 images, 2 label maps"), "{}", found());
    let mut dicom = vec![0_u8; 128];
    dicom.extend(b"DICM");
    fs::write(dir.path().join("imagesTr/a.dcm"), dicom)?;
    assert!(
        found().contains("imagesTr holds DICOM files"),
        "{}",
        found()
    );
    // An image that can be read is one that lacks its label map.
    fs::write(dir.path().join("imagesTr/c.nii"), b"")?;
    assert!(found().contains("1 images, 2 label maps"), "{}", found());
    Ok(())
}
