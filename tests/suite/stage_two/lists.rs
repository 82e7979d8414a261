//! `predict` on the cases of a list.

use super::*;
use crate::command::{FAILED, WRONG_USAGE};
use serde_json::json;

/// A scan in a folder for each patient, all of one name and none like the other, with their label maps.
fn patients(at: &Path) {
    for (patient, number) in [("p1", "003"), ("p2", "007")] {
        std::fs::create_dir(at.join(patient)).unwrap();
        for (kind, name) in [("images", "ct"), ("labels", "label")] {
            let file = data(&format!("hippocampus/{kind}/hippocampus_{number}.nii.gz"));
            std::fs::copy(file, at.join(format!("{patient}/{name}.nii.gz"))).unwrap();
        }
    }
}

fn write_json(file: &Path, list: &serde_json::Value) {
    std::fs::write(file, list.to_string()).unwrap();
}

const PREDICT: &str = "predict --weights run --device cpu --overlap 0";

#[test]
fn scans_in_a_folder_for_each_patient_are_segmented_where_evaluate_looks() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    finetuned(at, "--out run --max-steps 1");
    patients(at);
    // One is listed twice, and regions are no classes, which do not matter here.
    let images = ["p1/ct.nii.gz", "p2/ct.nii.gz", "p1/ct.nii.gz"];
    let bare = json!({ "labels": {"air": 0, "whole": [1, 2]}, "test": images });
    write_json(&at.join("bare.json"), &bare);
    let more = "--datalist bare.json --output maps --probabilities shares --json";
    let done = run(at, &[words(PREDICT, &[]), words(more, &[])].concat()).succeeded();
    let told = done.json();
    let cases = told["cases"].as_array().unwrap();
    let outputs: Vec<_> = cases.iter().map(|case| &case["output"]).collect();
    assert_eq!(outputs, ["maps/p1/ct.nii.gz", "maps/p2/ct.nii.gz"]);
    for patient in ["p1", "p2"] {
        let share = at.join(format!("shares/{patient}/ct_class13.nii.gz"));
        assert!(share.exists(), "{patient}{}", done.told());
    }

    let case = |patient: &str| {
        let file = |name: &str| format!("{patient}/{name}.nii.gz");
        json!({ "image": file("ct"), "label": file("label") })
    };
    let scored = json!({ "test": [case("p2"), case("p1")] });
    write_json(&at.join("scored.json"), &scored);
    let call = "evaluate --datalist scored.json --predictions maps --classes 14 --json";
    // Scans of different sizes: a label map of the other would be refused.
    let found = run(at, &words(call, &[])).succeeded().json();
    let names = ["p2/ct.nii.gz", "p1/ct.nii.gz"];
    for (case, name) in found["cases"].as_array().unwrap().iter().zip(names) {
        assert_eq!(case["case"], name);
    }
    // The table of the scores replaces none of them.
    let call = words(call, &["--csv", "maps/p1/ct.nii.gz"]);
    refused(at, &call, FAILED, &["overwritten"]);
}

#[test]
fn label_maps_of_two_splits_of_a_list_have_different_names_and_evaluate_finds_both() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    finetuned(at, "--out run --max-steps 1");
    patients(at);
    let case = |patient: &str| {
        let file = |name: &str| format!("{patient}/{name}.nii.gz");
        json!({ "image": file("ct"), "label": file("label") })
    };
    let list = json!({ "training": [case("p1")], "test": [case("p2")] });
    write_json(&at.join("list.json"), &list);
    let evaluate = "evaluate --datalist list.json --predictions maps --classes 14 --json";
    for (split, map) in [("training", "p1/ct.nii.gz"), ("test", "p2/ct.nii.gz")] {
        let more = ["--datalist", "list.json", "--output", "maps"];
        let call = [words(PREDICT, &more), vec!["--split", split]].concat();
        let done = run(at, &call).succeeded();
        assert!(at.join("maps").join(map).exists(), "{}", done.told());
        assert!(!at.join("maps/ct.nii.gz").exists(), "{}", done.told());
        run(at, &words(evaluate, &["--split", split])).succeeded();
    }
}

#[test]
fn a_split_of_a_list_is_segmented_from_its_root_and_named_by_its_files_where_they_differ() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    finetuned(at, "--out run --max-steps 1");
    patients(at);
    std::fs::create_dir(at.join("lists")).unwrap();
    let list = json!({
        "modality": {"0": "MRI"},
        "training": ["absent.nii.gz"],
        "validation": ["p2/ct.nii.gz"],
    });
    write_json(&at.join("lists/list.json"), &list);
    let list = "--datalist lists/list.json --output maps --data-root .";
    let call = [words(PREDICT, &[]), words(list, &[])].concat();
    let done = run(at, &[&call[..], &["--split", "validation"]].concat()).succeeded();
    assert!(at.join("maps/ct.nii.gz").exists(), "{}", done.told());
    // The network learned from phantoms of CT.
    assert!(done.stderr.contains("images are MRI"), "{}", done.told());

    let training = [&call[..], &["--split", "training"]].concat();
    refused(at, &training, FAILED, &["absent.nii.gz: no such file"]);
    let parts = ["\"test\" is empty", "choose another with --split"];
    refused(at, &call, FAILED, &parts);
}

#[test]
fn a_call_that_names_no_scans_or_too_many_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    patients(at);
    let list = json!({ "test": ["p1/ct.nii.gz", "p1/ct.nii"] });
    write_json(&at.join("list.json"), &list);
    let apart = json!({ "training": ["p1/ct.nii"], "test": ["p1/ct.nii.gz"] });
    write_json(&at.join("apart.json"), &apart);
    let scan = volume::read(&at.join("p1/ct.nii.gz")).unwrap();
    volume::write(&at.join("p1/ct.nii"), &scan, volume::Datatype::F32).unwrap();
    let predict = "predict --weights absent --output maps --device cpu";
    for (more, code, parts) in [
        ("", WRONG_USAGE, ["--input", "--datalist"]),
        (
            "--input p1 --datalist list.json",
            WRONG_USAGE,
            ["--input", "--datalist"],
        ),
        (
            "--input p1 --split test",
            WRONG_USAGE,
            ["--input", "--split"],
        ),
        (
            "--input p1 --data-root .",
            WRONG_USAGE,
            ["--input", "--data-root"],
        ),
        (
            "--datalist list.json",
            FAILED,
            ["p1/ct.nii and p1/ct.nii.gz would both become", "rename one"],
        ),
        (
            "--datalist apart.json",
            FAILED,
            ["would both become", "rename one"],
        ),
        (
            "--datalist list.json --picture a.png",
            FAILED,
            ["--picture", "list.json is a list"],
        ),
    ] {
        let call = [words(predict, &[]), words(more, &[])].concat();
        refused(at, &call, code, &parts);
    }
}

#[test]
fn one_label_map_is_not_asked_of_a_folder_or_a_list() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    patients(at);
    let list = json!({ "test": ["p1/ct.nii.gz"] });
    write_json(&at.join("list.json"), &list);
    std::fs::write(at.join("notes"), b"").unwrap();
    let predict = "predict --weights absent --device cpu";
    for images in [["--input", "p1"], ["--datalist", "list.json"]] {
        for (output, why) in [
            ("map.nii", "map.nii is named as a label map"),
            ("maps/map.nii.gz", "map.nii.gz is named as a label map"),
            ("notes", "notes is a file"),
        ] {
            let call = words(predict, &[images[0], images[1], "--output", output]);
            refused(at, &call, FAILED, &["--output is a folder", why]);
        }
    }
}

#[test]
fn test_images_of_a_folder_without_label_maps_are_given_as_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for name in [
        "imagesTr/a",
        "imagesTr/b",
        "labelsTr/a",
        "labelsTr/b",
        "imagesTs/c",
    ] {
        let file = at.join(format!("set/{name}.nii.gz"));
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, b"").unwrap();
    }
    let call = "predict --weights absent --output maps --datalist set --device cpu";
    let parts = ["\"test\" is empty", "c.nii.gz", "--input"];
    refused(at, &words(call, &[]), FAILED, &parts);
    // A folder of images alone has no splits.
    let call = "predict --weights absent --output maps --datalist set/imagesTs --device cpu";
    let parts = ["no image with its label map", "--input set/imagesTs"];
    refused(at, &words(call, &[]), FAILED, &parts);
}
