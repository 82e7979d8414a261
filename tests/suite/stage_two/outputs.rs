//! Files that cannot be written are refused before the work that is to fill them.

use super::*;

#[test]
fn a_label_map_or_a_picture_that_cannot_be_written_is_refused_before_the_weights_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    // Folders where files are to be written; a folder without permission does not stop root, who may run the tests.
    for name in ["map.nii.gz", "picture.png"] {
        std::fs::create_dir(at.join(name)).unwrap();
    }
    let input = data("hippocampus/images/hippocampus_003.nii.gz");
    let input = input.display().to_string();
    // There are no weights, so whatever else is said was said before they were looked for.
    let predict = "predict --weights absent --device cpu --overwrite";
    for (more, named) in [
        (&["--output", "map.nii.gz"][..], "map.nii.gz"),
        (
            &["--output", "out.nii.gz", "--picture", "picture.png"][..],
            "picture.png",
        ),
    ] {
        let more = [&["--input", input.as_str()][..], more].concat();
        let parts = ["cannot write", named];
        refused(at, &words(predict, &more), 1, &parts);
    }
}

#[test]
fn probabilities_that_cannot_be_written_or_would_be_a_label_map_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    finetuned(at, "--out run --max-steps 1");
    let source = data("hippocampus/images/hippocampus_003.nii.gz");
    for image in ["p1/a", "p2/a", "p3/b", "p3/b_class01"] {
        let file = at.join(format!("{image}.nii.gz"));
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::copy(&source, file).unwrap();
    }
    // The folders are made before the network is read, and the last is one where the second image's are to be written.
    for made in [
        "maps/p1",
        "maps/p2",
        "shares/p1",
        "shares/p2/a_class00.nii.gz",
    ] {
        std::fs::create_dir_all(at.join(made)).unwrap();
    }
    let list = serde_json::json!({ "test": ["p1/a.nii.gz", "p2/a.nii.gz"] });
    std::fs::write(at.join("list.json"), list.to_string()).unwrap();
    let predict = "predict --weights run --device cpu --output maps";
    let call = words(
        predict,
        &["--datalist", "list.json", "--probabilities", "shares"],
    );
    refused(at, &call, 1, &["cannot write", "p2"]);
    let call = words(
        predict,
        &["--input", "p3", "--probabilities", "maps/../maps"],
    );
    let parts = ["b_class01.nii.gz", "--probabilities"];
    refused(at, &call, 1, &parts);
    assert!(!at.join("maps/b.nii.gz").exists());
}

#[test]
fn what_was_found_and_every_file_is_told_without_json() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    finetuned(at, "--out run --max-steps 1");
    let input = data("hippocampus/images/hippocampus_003.nii.gz");
    let input = input.display().to_string();
    let call =
        "predict --weights run --output out.nii.gz --picture out.png --device cpu --overlap 0";
    let done = run(at, &words(call, &["--input", &input])).succeeded();
    let line = done.stderr.lines().find(|line| line.contains(", wrote "));
    let (_, told) = line.unwrap().split_once(", wrote ").unwrap();
    let found = told.strip_prefix("out.nii.gz and out.png: ").unwrap();
    assert!(
        found == "no structure found" || found.contains(" mL"),
        "{}",
        done.told()
    );
}

#[test]
fn a_table_that_cannot_be_written_is_refused_before_the_weights_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::fs::create_dir(at.join("scores.csv")).unwrap();
    let source = data("hippocampus");
    let (list, root) = (source.join("finetune_6.json"), source.display().to_string());
    let list = list.display().to_string();
    let evaluate = "evaluate --weights absent --device cpu --csv scores.csv";
    let more = ["--datalist", list.as_str(), "--data-root", root.as_str()];
    let parts = ["cannot write", "scores.csv"];
    refused(at, &words(evaluate, &more), 1, &parts);
}

#[test]
fn a_picture_by_the_name_of_another_kind_is_refused_before_anything_is_computed() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let input = data("hippocampus/images/hippocampus_003.nii.gz");
    let input = input.display().to_string();
    let parts = ["x.jpg", ".png"];
    // There are no weights, so whatever else is said was said before they were looked for.
    let predict = "predict --weights absent --output out.nii.gz --picture x.jpg --device cpu";
    refused(at, &words(predict, &["--input", &input]), 1, &parts);
    refused(at, &words("preview --out x.jpg", &[]), 1, &parts);
}
