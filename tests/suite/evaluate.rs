//! `evaluate` where something is in its way: a broken case, a reader that has left.

use crate::command::{Done, FAILED, folder, program, refused, run, words};
use crate::support::data;
use std::path::Path;
use std::process::Stdio;

/// Label maps as the reference and as predictions of three cases, the second prediction broken off, and their list.
fn three_cases(at: &Path) {
    let label = std::fs::read(data("hippocampus/labels/hippocampus_003.nii.gz")).unwrap();
    std::fs::create_dir(at.join("maps")).unwrap();
    std::fs::write(at.join("label.nii.gz"), &label).unwrap();
    for name in ["a", "b", "c"] {
        let whole = if name == "b" {
            label.len() * 2 / 3
        } else {
            label.len()
        };
        std::fs::write(at.join(format!("maps/{name}.nii.gz")), &label[..whole]).unwrap();
    }
    let case = |name: &str| serde_json::json!({ "image": name, "label": "label.nii.gz" });
    let cases = ["a.nii.gz", "b.nii.gz", "c.nii.gz"].map(case);
    let list = serde_json::json!({ "training": cases, "test": cases });
    std::fs::write(at.join("list.json"), list.to_string()).unwrap();
}

const CALL: &str = "evaluate --datalist list.json --predictions maps --classes 3 --csv scores.csv";

#[test]
fn a_case_that_is_broken_is_named_and_the_others_are_scored() {
    let folder = folder();
    three_cases(folder.path());
    let done = run(folder.path(), &words(CALL, &["--json"]));
    assert_eq!(done.code, Some(FAILED), "{}", done.told());
    let found = done.json();
    assert_eq!(found["summary"]["cases"], 2);
    assert_eq!(found["summary"]["foreground_dice"], 1.0);
    assert_eq!(found["left_out"].as_array().unwrap().len(), 1);
    assert_eq!(found["left_out"][0]["case"], "b.nii.gz");
    let named = done
        .stderr
        .lines()
        .filter(|line| line.starts_with("error: "));
    let named: Vec<&str> = named.collect();
    assert_eq!(named.len(), 1, "{}", done.told());
    assert!(named[0].contains("b.nii.gz"), "{}", done.told());
    let csv = std::fs::read_to_string(folder.path().join("scores.csv")).unwrap();
    // Three classes of two cases under a header.
    assert_eq!(csv.lines().count(), 7, "{csv}");

    let done = run(folder.path(), &words(CALL, &[]));
    assert_eq!(done.code, Some(FAILED), "{}", done.told());
    assert!(done.stdout.contains("cases left out"), "{}", done.told());
}

#[test]
fn a_list_of_broken_cases_alone_writes_no_scores() {
    let folder = folder();
    three_cases(folder.path());
    let broken = folder.path().join("maps/b.nii.gz");
    for name in ["a", "c"] {
        let map = folder.path().join(format!("maps/{name}.nii.gz"));
        std::fs::copy(&broken, map).unwrap();
    }
    let done = run(folder.path(), &words(CALL, &[]));
    assert_eq!(done.code, Some(FAILED), "{}", done.told());
    assert!(
        done.stderr.contains("none of the 3 cases"),
        "{}",
        done.told()
    );
    assert!(done.stdout.is_empty(), "{}", done.told());
    assert!(!folder.path().join("scores.csv").exists());
}

#[test]
fn a_reader_that_leaves_early_costs_no_scores() {
    let folder = folder();
    let at = folder.path();
    three_cases(at);
    std::fs::copy(at.join("maps/a.nii.gz"), at.join("maps/b.nii.gz")).unwrap();
    let mut child = program(at)
        .args(words(CALL, &[]))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let done = Done::of(CALL.to_owned(), &child.wait_with_output().unwrap());
    assert_eq!(done.code, Some(0), "{}", done.told());
    assert!(!done.stderr.contains("error"), "{}", done.told());
    let csv = std::fs::read_to_string(at.join("scores.csv")).unwrap();
    assert_eq!(csv.lines().count(), 10, "{csv}");
}

#[test]
fn test_images_of_a_folder_without_label_maps_are_the_reason_for_an_empty_list() {
    let folder = folder();
    let at = folder.path().join("decath");
    for name in ["imagesTr/a", "imagesTr/b", "labelsTr/a", "labelsTr/b"] {
        let file = at.join(format!("{name}.nii.gz"));
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, b"").unwrap();
    }
    let call = words("evaluate --datalist decath --predictions .", &[]);
    let parts = ["\"test\" is empty", "choose another with --split"];
    refused(folder.path(), &call, FAILED, &parts);
    std::fs::create_dir(at.join("imagesTs")).unwrap();
    std::fs::write(at.join("imagesTs/c.nii.gz"), b"").unwrap();
    let parts = [
        "\"test\" is empty",
        "1 image",
        "c.nii.gz",
        "without a label map",
        "--split validation",
    ];
    refused(folder.path(), &call, FAILED, &parts);
}

#[test]
fn an_image_that_two_readers_labelled_is_two_cases_that_their_names_tell_apart() {
    let folder = folder();
    let at = folder.path();
    three_cases(at);
    std::fs::copy(at.join("label.nii.gz"), at.join("second.nii.gz")).unwrap();
    let case = |label: &str| serde_json::json!({ "image": "a.nii.gz", "label": label });
    let list = serde_json::json!({ "test": [case("label.nii.gz"), case("second.nii.gz")] });
    std::fs::write(at.join("list.json"), list.to_string()).unwrap();
    let done = run(at, &words(CALL, &[])).succeeded();
    let csv = std::fs::read_to_string(at.join("scores.csv")).unwrap();
    for name in ["a.nii.gz (label.nii.gz)", "a.nii.gz (second.nii.gz)"] {
        assert!(done.stdout.contains(name), "{name}{}", done.told());
        assert_eq!(csv.matches(&format!("\n{name},1,")).count(), 1, "{csv}");
    }
}

#[test]
fn test_images_of_a_folder_with_names_of_training_are_warned_of() {
    let folder = folder();
    let at = folder.path().join("decath");
    let told = |name: &str| {
        for kind in ["images", "labels"] {
            for file in ["Tr/a", "Tr/b", name] {
                let file = at.join(format!("{kind}{file}.nii.gz"));
                std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                std::fs::write(file, b"").unwrap();
            }
        }
        // There are no predictions, which matters later.
        let call = words("evaluate --datalist decath --predictions absent", &[]);
        run(folder.path(), &call).stderr
    };
    let warning = "have the names of others for training or validation";
    let other = told("Ts/c");
    assert!(!other.contains(warning), "{other}");
    let same = told("Ts/a");
    let expected = format!("{warning}: 1, such as decath/imagesTs/a.nii.gz");
    assert!(same.contains(&expected), "{same}");
}
