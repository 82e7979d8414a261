//! A network on data of another kind than it learned from.

use super::*;

/// What the warning of a scan says.
const NO_CT: &str = "does not look like CT in HU";

/// A list of MR scans with two structures, and the folder of its files.
fn hippocampus() -> (serde_json::Value, String) {
    let folder = data("hippocampus");
    let list = std::fs::read(folder.join("finetune_6.json")).unwrap();
    let list = serde_json::from_slice(&list).unwrap();
    (list, folder.display().to_string())
}

#[test]
fn a_network_of_ct_is_used_on_another_scan_with_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    finetuned(at, "--out run --max-steps 1");
    run(at, &words("phantom --small --cases 1 --out ct", &[])).succeeded();
    let mr = data("hippocampus/images/hippocampus_003.nii.gz");
    let mr = mr.display().to_string();
    for (input, warned) in [
        (mr.as_str(), true),
        ("ct/images/phantom_0000.nii.gz", false),
    ] {
        let call = "predict --weights run --output out.nii.gz --device cpu --overlap 0";
        let done = run(at, &words(call, &["--input", input])).succeeded();
        let found = done.stderr.contains(NO_CT);
        assert_eq!(found, warned, "{}", done.told());
    }
}

#[test]
fn a_network_of_mr_is_used_on_a_scan_in_hu_with_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let (mut list, root) = hippocampus();
    for part in ["training", "validation"] {
        list[part] = vec![list[part][0].clone()].into();
    }
    std::fs::write(at.join("list.json"), list.to_string()).unwrap();
    let train = call(
        "finetune --layers 3 --feature-size 4",
        "--datalist list.json --out run --max-steps 1",
    );
    let more = ["--data-root", root.as_str()];
    run(at, &[&train[..], &more].concat()).succeeded();
    run(at, &words("phantom --small --cases 1 --out ct", &[])).succeeded();
    let mr = data("hippocampus/images/hippocampus_003.nii.gz");
    let mr = mr.display().to_string();
    for (input, warned) in [
        (mr.as_str(), false),
        ("ct/images/phantom_0000.nii.gz", true),
    ] {
        let call = "predict --weights run --output out.nii.gz --device cpu --overlap 0";
        let done = run(at, &words(call, &["--input", input])).succeeded();
        let found = done.stderr.contains("looks like CT in HU") && done.stderr.contains("MRI");
        assert_eq!(found, warned, "{}", done.told());
    }
}

#[test]
fn a_list_of_other_classes_or_another_modality_is_scored_with_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    finetuned(at, "--out run --max-steps 1");
    let (mut list, root) = hippocampus();
    list["test"] = list["test"].as_array().unwrap()[..2].to_vec().into();
    let evaluate = "evaluate --weights run --datalist list.json --device cpu --overlap 0";
    let call = words(evaluate, &["--data-root", &root]);
    std::fs::write(at.join("list.json"), list.to_string()).unwrap();
    let done = run(at, &call).succeeded();
    for part in [
        "3 classes (background, anterior, posterior)",
        "has 14 classes",
        "MRI",
        "intensities in HU",
        NO_CT,
    ] {
        assert!(done.stderr.contains(part), "{part}{}", done.told());
    }
    assert_eq!(done.stderr.matches(NO_CT).count(), 1, "{}", done.told());
    let labels: serde_json::Map<String, serde_json::Value> = (0..15)
        .map(|class| (class.to_string(), format!("organ {class}").into()))
        .collect();
    list["labels"] = labels.into();
    std::fs::write(at.join("list.json"), list.to_string()).unwrap();
    refused(at, &call, 1, &["15 classes", "has 14"]);
}

#[test]
fn classes_that_a_list_exchanges_are_scored_with_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let (mut list, root) = hippocampus();
    let first = list["test"].as_array().unwrap()[..1].to_vec();
    for part in ["training", "validation", "test"] {
        list[part] = first.clone().into();
    }
    std::fs::write(at.join("list.json"), list.to_string()).unwrap();
    let train = call(
        "finetune --layers 3 --feature-size 4",
        "--datalist list.json --out run --max-steps 1",
    );
    let more = ["--data-root", root.as_str()];
    run(at, &[&train[..], &more].concat()).succeeded();
    let evaluate = "evaluate --weights run --datalist list.json --device cpu --overlap 0";
    let evaluate = words(evaluate, &more);
    let done = run(at, &evaluate).succeeded();
    assert!(!done.stderr.contains("anterior"), "{}", done.told());
    let (one, other) = (list["labels"]["1"].take(), list["labels"]["2"].take());
    (list["labels"]["1"], list["labels"]["2"]) = (other, one);
    std::fs::write(at.join("list.json"), list.to_string()).unwrap();
    let done = run(at, &evaluate).succeeded();
    for part in ["class 1 posterior", "class 1 as anterior"] {
        assert!(done.stderr.contains(part), "{part}{}", done.told());
    }
}

#[test]
fn cases_that_a_network_was_trained_on_are_scored_with_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let (mut list, root) = hippocampus();
    let [training, validation, test] =
        ["training", "validation", "test"].map(|part| list[part][0].clone());
    list["training"] = vec![training.clone()].into();
    list["validation"] = vec![validation].into();
    list["test"] = vec![test, training.clone()].into();
    std::fs::write(at.join("list.json"), list.to_string()).unwrap();
    let more = ["--data-root", root.as_str()];
    let train = call(
        "finetune --layers 3 --feature-size 4",
        "--datalist list.json --out run --max-steps 1",
    );
    run(at, &[&train[..], &more].concat()).succeeded();
    let image = training["image"].as_str().unwrap();
    let name = image.rsplit('/').next().unwrap();
    let expected = format!("trained on 1 of the 2 cases to be scored, the first of them {name}");
    for (weights, split, warnings) in [
        ("run", "test", 1),
        ("run/model.safetensors", "test", 1),
        ("run", "validation", 0),
        ("run", "training", 0),
    ] {
        let evaluate = "evaluate --datalist list.json --device cpu --overlap 0";
        let evaluate = words(evaluate, &more);
        let those = ["--weights", weights, "--split", split];
        let done = run(at, &[&evaluate[..], &those].concat()).succeeded();
        let counted = done.stderr.matches("was trained on").count();
        assert_eq!(counted, warnings, "{}", done.told());
        let told = done.stderr.contains(&expected);
        assert_eq!(told, warnings == 1, "{}", done.told());
    }
    // Of another list, which has it for validation.
    list["training"] = list["validation"].take();
    list["validation"] = vec![training.clone()].into();
    list["test"] = list["training"].clone();
    std::fs::write(at.join("list.json"), list.to_string()).unwrap();
    let evaluate =
        "evaluate --datalist list.json --device cpu --overlap 0 --weights run --split validation";
    let done = run(at, &words(evaluate, &more)).succeeded();
    let expected = format!("trained on 1 of the 1 case to be scored, the first of them {name}");
    assert!(done.stderr.contains(&expected), "{}", done.told());
}

#[test]
fn a_label_map_on_another_grid_than_its_image_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    finetuned(at, "--out run --max-steps 1");
    let source = data("hippocampus");
    let [image, label] = ["images/hippocampus_003", "labels/hippocampus_024"]
        .map(|name| source.join(format!("{name}.nii.gz")));
    std::fs::copy(image, at.join("scan.nii.gz")).unwrap();
    std::fs::copy(label, at.join("drawn.nii.gz")).unwrap();
    let case = serde_json::json!({ "image": "scan.nii.gz", "label": "drawn.nii.gz" });
    let list = serde_json::json!({ "test": [case] });
    std::fs::write(at.join("list.json"), list.to_string()).unwrap();
    let evaluate = "evaluate --weights run --datalist list.json --device cpu --overlap 0";
    for grid in ["input", "model"] {
        let call = words(evaluate, &["--grid", grid]);
        refused(
            at,
            &call,
            1,
            &["scan.nii.gz", "drawn.nii.gz: the label map"],
        );
    }
}

#[test]
fn settings_of_another_run_that_go_against_the_list_are_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    finetuned(at, "--out run --max-steps 1");
    let (mut list, root) = hippocampus();
    let cases = list["training"].as_array().unwrap()[..1].to_vec();
    list["training"] = cases.clone().into();
    list["validation"] = cases.into();
    std::fs::write(at.join("list.json"), list.to_string()).unwrap();
    let call = "finetune --config run/config.toml --datalist list.json --spacing 2 --max-steps 1 --data-root";
    let call = words(call, &[root.as_str()]);
    let with = |more: &'static str| [call.clone(), words(more, &[])].concat();

    let told = run(at, &with("--out contrary")).succeeded().stderr;
    let parts = [
        "intensity range",
        "images are MRI",
        "14 classes",
        "names 3 classes",
    ];
    for part in parts {
        assert!(told.contains(part), "{part}: {told}");
    }
    let own = with("--intensity auto --classes 3 --out own");
    let told = run(at, &own).succeeded().stderr;
    for part in ["intensity range", "the settings say"] {
        assert!(!told.contains(part), "{part}: {told}");
    }
    let few = with("--intensity auto --classes 2 --out few");
    let parts = ["label 2", "the number 2 is from the settings", "names 3"];
    refused(at, &few, 1, &parts);
}
