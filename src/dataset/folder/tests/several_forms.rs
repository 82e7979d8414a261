//! Scans in several forms or of several modalities, and label maps beside them.

use super::*;

#[test]
fn label_maps_beside_their_images_are_no_images() -> Outcome {
    let scans = ["a.nii", "b.nii", "c_mask.nii"];
    let labels = ["a_mask.nii", "a_seg.nii", "b_label.nii.gz"];
    let dir = folder(&[scans, labels].concat())?;
    let list = DataList::from_folder(dir.path())?;
    let mut found = [names(&list.training), names(&list.validation)].concat();
    found.sort();
    // Nothing tells whose label map the third is, if it is one.
    assert_eq!(found, scans);
    assert_eq!(DataList::images_of(dir.path())?.len(), 3);
    Ok(())
}

#[test]
fn a_label_map_is_no_scan_where_it_may_be_that_of_several_images() -> Outcome {
    let images = |files: &[&str]| -> Result<Vec<String>, Box<dyn std::error::Error>> {
        let dir = folder(files)?;
        let images = DataList::images_of(dir.path())?;
        Ok(images.iter().map(|image| name(image)).collect())
    };
    let forms = ["a.nii", "a.nii.gz", "a_seg.nii.gz"];
    assert_eq!(images(&forms)?, forms[..2]);
    let modalities = ["p1_ct.nii", "p1_mr.nii", "p1_seg.nii"];
    assert_eq!(images(&modalities)?, modalities[..2]);
    // LiTS and CT-ORG.
    for labels in ["segmentation", "labels"] {
        let labels = [format!("{labels}-0.nii"), format!("{labels}-1.nii")];
        let [first, second] = labels.each_ref().map(String::as_str);
        let files = ["volume-0.nii", "volume-1.nii", first, second];
        assert_eq!(images(&files)?, files[..2]);
    }
    // Of other patients.
    let apart = ["p1_ct.nii", "p1_mr.nii", "p2_seg.nii"];
    assert_eq!(images(&apart)?, apart);
    Ok(())
}

#[test]
fn a_scan_that_lies_there_packed_and_unpacked_is_one_case() -> Outcome {
    let dir = folder(&[
        "a.nii", "a.nii.gz", "b.hdr", "b.img", "b.nii.gz", "c.nii.gz",
    ])?;
    let list = DataList::from_folder(dir.path())?;
    let mut found = names(&list.training);
    found.extend(names(&list.validation));
    found.sort();
    assert_eq!(found, ["a.nii", "b.hdr", "c.nii.gz"]);
    Ok(())
}

#[test]
fn an_image_or_a_label_map_in_two_forms_is_one_half_of_a_pair() -> Outcome {
    let layout = [
        "imagesTr/a.nii",
        "imagesTr/a.nii.gz",
        "imagesTr/b.nii.gz",
        "labelsTr/a.nii.gz",
        "labelsTr/b.nii",
        "labelsTr/b.nii.gz",
        "imagesTs/t.nii",
        "imagesTs/t.nii.gz",
        "labelsTs/t.nii",
        "labelsTs/t.nii.gz",
    ];
    let beside = [
        "a.nii",
        "a.nii.gz",
        "a_seg.nii.gz",
        "b.nii",
        "b_seg.nii",
        "b_seg.nii.gz",
    ];
    for (files, expected, test) in [
        (
            &layout[..],
            [
                "imagesTr/a.nii + labelsTr/a.nii.gz",
                "imagesTr/b.nii.gz + labelsTr/b.nii",
            ],
            &["imagesTs/t.nii + labelsTs/t.nii"][..],
        ),
        (&beside, ["a.nii + a_seg.nii.gz", "b.nii + b_seg.nii"], &[]),
    ] {
        let dir = folder(files)?;
        let found = DataList::from_labelled_folder(dir.path())?;
        let mut both = [&found.list.training[..], &found.list.validation[..]].concat();
        both.sort_by(|a, b| a.image.cmp(&b.image));
        assert_eq!(pairs(&both, dir.path()), expected);
        assert_eq!(pairs(&found.list.test, dir.path()), test);
        let left_out = [found.unlabelled, found.unused].concat();
        assert!(left_out.is_empty(), "{left_out:?}");
    }
    Ok(())
}
