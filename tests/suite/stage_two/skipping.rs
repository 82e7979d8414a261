//! `predict --skip-existing`: going on where a call was stopped.

use super::*;
use crate::command::FAILED;

const PREDICT: &str = "predict --weights run --device cpu --overlap 0 --skip-existing";

/// A run, and a scan by these names in the folder `images`.
fn scans(at: &Path, names: &[&str]) {
    finetuned(at, "--out run --max-steps 1");
    let source = data("hippocampus/images/hippocampus_003.nii.gz");
    std::fs::create_dir(at.join("images")).unwrap();
    for name in names {
        std::fs::copy(&source, at.join(format!("images/{name}.nii.gz"))).unwrap();
    }
}

/// The inputs of a part of what was printed.
fn inputs(told: &serde_json::Value, part: &str) -> Vec<String> {
    let of = |one: &serde_json::Value| one["input"].as_str().unwrap().to_owned();
    told[part].as_array().unwrap().iter().map(of).collect()
}

#[test]
fn scans_whose_label_map_is_there_are_left_out_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    scans(at, &["a", "b", "c", "d"]);
    let map = |name: &str| at.join(format!("maps/{name}.nii.gz"));
    std::fs::create_dir(at.join("maps")).unwrap();
    // One was corrected by hand, an empty file holds a place, and a scan that is not needed is broken.
    let mine = data("hippocampus/labels/hippocampus_003.nii.gz");
    for name in ["a", "d"] {
        std::fs::copy(&mine, map(name)).unwrap();
    }
    std::fs::write(map("c"), b"").unwrap();
    std::fs::write(at.join("images/d.nii.gz"), b"no image").unwrap();

    let call = words(
        PREDICT,
        &["--input", "images", "--output", "maps", "--json"],
    );
    let done = run(at, &call).succeeded();
    let told = done.json();
    let named = |names: [&str; 2]| names.map(|name| format!("images/{name}.nii.gz"));
    assert_eq!(inputs(&told, "cases"), named(["b", "c"]));
    assert_eq!(inputs(&told, "skipped"), named(["a", "d"]));
    assert!(done.stderr.contains("2 of 4 images"), "{}", done.told());
    assert!(std::fs::read(map("a")).unwrap() == std::fs::read(&mine).unwrap());
    for name in ["b", "c"] {
        assert!(volume::made_here(&map(name)), "{name}");
    }

    let done = run(at, &call).succeeded();
    assert!(inputs(&done.json(), "cases").is_empty(), "{}", done.told());
    assert!(done.stderr.contains("4 of 4 images"), "{}", done.told());
}

#[test]
fn a_scan_is_left_out_only_with_all_that_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    scans(at, &["a"]);
    let call = [
        "--input",
        "images/a.nii.gz",
        "--output",
        "map.nii",
        "--json",
    ];
    let call = words(PREDICT, &call);
    let more = ["--probabilities", "shares", "--picture", "a.png"];
    let all = [&call[..], &more].concat();
    let left_out = |call: &[&str]| {
        let told = run(at, call).succeeded().json();
        inputs(&told, "skipped").len()
    };
    assert_eq!(left_out(&call), 0);
    assert_eq!(left_out(&call), 1);
    assert_eq!(left_out(&all), 0);
    assert_eq!(left_out(&all), 1);
    // As of a call that was stopped amid them: those of the background come last.
    for file in ["shares/map_class00.nii.gz", "a.png", "map.nii"] {
        std::fs::remove_file(at.join(file)).unwrap();
        assert_eq!(left_out(&all), 0, "{file}");
        assert!(at.join(file).exists(), "{file}");
    }
}

#[test]
fn what_is_no_label_map_is_not_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    scans(at, &["a"]);
    let call = |output: &'static str| {
        let more = ["--input", "images/a.nii.gz", "--output", output, "--json"];
        words(PREDICT, &more)
    };
    // It may be somebody's, so it is replaced only when asked.
    std::fs::write(at.join("map.nii"), b"no volume").unwrap();
    refused(at, &call("map.nii"), FAILED, &["map.nii", "--overwrite"]);
    let asked = [&call("map.nii")[..], &["--overwrite"]].concat();
    let told = run(at, &asked).succeeded().json();
    assert_eq!(inputs(&told, "cases"), ["images/a.nii.gz"]);
    assert!(volume::made_here(&at.join("map.nii")));
    // A name that nothing is written to is refused whatever is there.
    std::fs::copy(at.join("map.nii"), at.join("map.png")).unwrap();
    refused(at, &call("map.png"), FAILED, &["map.png", ".nii"]);
}

#[test]
fn an_image_is_not_taken_for_its_own_label_map() {
    let folder = tempfile::tempdir().unwrap();
    scans(folder.path(), &["a"]);
    let call = words(PREDICT, &["--input", "images", "--output", "images"]);
    refused(folder.path(), &call, FAILED, &["overwritten"]);
    // Nothing would be overwritten here, and the next call would find two images of one name.
    let scan = volume::read(&folder.path().join("images/a.nii.gz")).unwrap();
    std::fs::create_dir(folder.path().join("plain")).unwrap();
    let plain = folder.path().join("plain/a.nii");
    volume::write(&plain, &scan, volume::Datatype::F32).unwrap();
    let call = words(PREDICT, &["--input", "plain", "--output", "./plain"]);
    refused(folder.path(), &call, FAILED, &["--output", "overwritten"]);
}
