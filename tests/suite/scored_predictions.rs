//! `evaluate --predictions`: what it says of the label maps that it compares.

use crate::command::{Done, FAILED, SMALL_NETWORK, refused, run, words};
use hounsfield::volume::{Affine, Datatype, Volume, write};
use std::path::Path;

const SHAPE: [usize; 3] = [4, 5, 6];

/// A label map of ones but for its first voxel.
fn map(path: &Path, first: f32, affine: Affine) {
    let mut data = vec![1.0; SHAPE.iter().product()];
    data[0] = first;
    let map = Volume::new(SHAPE, data, affine).unwrap();
    write(path, &map, Datatype::F32).unwrap();
}

/// A folder with a reference and a prediction for `scan.nii`, which nobody needs.
fn pair(reference: (f32, Affine), prediction: (f32, Affine)) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("maps")).unwrap();
    map(&at("label.nii"), reference.0, reference.1);
    map(&at("maps/scan.nii"), prediction.0, prediction.1);
    let case = serde_json::json!({ "image": "scan.nii", "label": "label.nii" });
    let list = serde_json::json!({ "training": [case], "test": [case] });
    std::fs::write(at("list.json"), list.to_string()).unwrap();
    folder
}

fn evaluate(folder: &Path) -> Done {
    let call = "evaluate --datalist list.json --predictions maps --classes 2 --json";
    run(folder, &words(call, &[]))
}

#[test]
fn a_bad_prediction_is_not_called_a_label_map() {
    let plain = Affine::identity();
    let mut turned = plain;
    turned[(0, 0)] = -1.0;
    for (prediction, parts) in [
        ((7.0, plain), ["holds label 7", "the prediction's labels"]),
        ((0.5, plain), ["holds 0.5", "whole number"]),
        (
            (0.0, turned),
            ["orientation", "reorient or resample the prediction"],
        ),
    ] {
        let folder = pair((0.0, plain), prediction);
        let done = evaluate(folder.path());
        assert_eq!(done.code, Some(1), "{}", done.told());
        for part in parts.into_iter().chain(["maps/scan.nii: the prediction h"]) {
            assert!(done.stderr.contains(part), "{part}{}", done.told());
        }
        for wrong in ["the label map ho", "header"] {
            assert!(!done.stderr.contains(wrong), "{wrong}{}", done.told());
        }
    }
}

#[test]
fn a_bad_label_map_is_not_called_a_prediction() {
    let plain = Affine::identity();
    let folder = pair((7.0, plain), (0.0, plain));
    let done = evaluate(folder.path());
    assert_eq!(done.code, Some(1), "{}", done.told());
    let expected = "label.nii: the label map holds label 7";
    assert!(done.stderr.contains(expected), "{}", done.told());
}

#[test]
fn a_list_of_test_cases_alone_can_be_scored_and_not_trained_on() {
    let plain = Affine::identity();
    let folder = pair((0.0, plain), (0.0, plain));
    let case = serde_json::json!({ "image": "scan.nii", "label": "label.nii" });
    let list = serde_json::json!({ "test": [case] });
    std::fs::write(folder.path().join("list.json"), list.to_string()).unwrap();
    let found = evaluate(folder.path()).succeeded().json();
    assert_eq!(found["summary"]["foreground_dice"], 1.0);
    let call = words(SMALL_NETWORK, &["--datalist", "list.json", "--out", "run"]);
    refused(folder.path(), &call, FAILED, &["list.json", "to train on"]);
}

#[test]
fn axes_that_lean_are_told_once_with_the_first_case() {
    let mut leaning = Affine::identity();
    leaning[(1, 2)] = 0.25;
    let folder = pair((0.0, leaning), (0.0, leaning));
    let at = |name: &str| folder.path().join(name);
    let plain = Affine::identity();
    for (name, affine) in [("first", plain), ("third", leaning)] {
        map(&at(&format!("{name}_label.nii")), 0.0, affine);
        map(&at(&format!("maps/{name}.nii")), 0.0, affine);
    }
    let case = |image: &str, label: &str| serde_json::json!({ "image": image, "label": label });
    let first = case("first.nii", "first_label.nii");
    let list = |cases: &[serde_json::Value]| {
        let list = serde_json::json!({ "test": cases });
        std::fs::write(at("list.json"), list.to_string()).unwrap();
    };
    list(&[
        first.clone(),
        case("scan.nii", "label.nii"),
        case("third.nii", "third_label.nii"),
    ]);
    let done = evaluate(folder.path()).succeeded();
    assert_eq!(
        done.stderr.matches("right angles").count(),
        1,
        "{}",
        done.told()
    );
    assert!(done.stderr.contains("axes of scan"), "{}", done.told());
    list(&[first]);
    let done = evaluate(folder.path()).succeeded();
    assert!(!done.stderr.contains("right angles"), "{}", done.told());
}

#[test]
fn too_few_classes_are_told_as_those_of_the_flag_or_of_the_list() {
    let plain = Affine::identity();
    let folder = pair((0.0, plain), (0.0, plain));
    let at = folder.path();
    let call = "evaluate --datalist list.json --predictions maps";
    for classes in ["0", "1"] {
        let given = format!("--classes is {classes}");
        let parts = [given.as_str(), "at least 2"];
        refused(at, &words(call, &["--classes", classes]), FAILED, &parts);
    }
    let parts = ["names fewer than two classes", "give --classes"];
    refused(at, &words(call, &[]), FAILED, &parts);
}

/// A pair of two sheets of 12 voxels of 1 mm³: the reference has the first, the prediction both.
fn a_sheet_more() -> tempfile::TempDir {
    let plain = Affine::identity();
    let folder = pair((0.0, plain), (0.0, plain));
    for (name, last) in [("label.nii", 1), ("maps/scan.nii", 2)] {
        let [_, b, c] = SHAPE;
        let inside = |n: usize| {
            let [i, j, k] = [n / (b * c), n / c % b, n % c];
            (1..=last).contains(&i) && (1..4).contains(&j) && (1..5).contains(&k)
        };
        let data = (0..SHAPE.iter().product::<usize>()).map(|n| f32::from(u8::from(inside(n))));
        let map = Volume::new(SHAPE, data.collect(), plain).unwrap();
        write(&folder.path().join(name), &map, Datatype::F32).unwrap();
    }
    folder
}

#[test]
fn volumes_are_told_of_the_reference_and_of_the_prediction_and_not_the_other_way_round() {
    let folder = a_sheet_more();
    let found = evaluate(folder.path()).succeeded().json();
    let class = &found["cases"][0]["classes"][1];
    for (name, expected) in [("reference_ml", 0.012), ("prediction_ml", 0.024)] {
        let ml = class[name].as_f64().unwrap();
        assert!((ml - expected).abs() < 1e-6, "{name}: {class}");
    }
}

#[test]
fn the_tolerance_that_is_given_is_used_and_told() {
    let folder = a_sheet_more();
    let of = |tolerance: &str| {
        let call = "evaluate --datalist list.json --predictions maps --classes 2 --json";
        let call = words(call, &["--tolerance", tolerance]);
        let found = run(folder.path(), &call).succeeded().json();
        assert_eq!(found["tolerance_mm"].as_f64(), tolerance.parse().ok());
        found["cases"][0]["classes"][1]["nsd"].as_f64().unwrap()
    };
    // The second sheet is 1 mm away from the first.
    assert_eq!(of("1.5"), 1.0);
    assert!(of("0.5") < 1.0);
}
