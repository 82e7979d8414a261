//! What a prediction writes and tells; files that cannot be written are refused before the work that is to fill them.

use super::*;
use crate::command::{texture, write_volume};
use hounsfield::infer::{Connectivity, keep_largest_components};

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

#[test]
fn on_the_networks_grid_only_what_was_scanned_is_written_and_measured() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    finetuned(at, "--out run --max-steps 1");
    // 80 mm on each axis: 10 voxels of 8 mm, which the network sees in a window of 32.
    write_volume(&at.join("scan.nii"), |_| 100);
    let call = "predict --weights run --input scan.nii --output map.nii --grid model --device cpu --overlap 0 --json \
                --largest-component --probabilities shares --picture map.png";
    let done = run(at, &words(call, &[])).succeeded();
    for name in ["map.nii", "shares/map_class00.nii.gz"] {
        let found = volume::read(&at.join(name)).unwrap();
        assert_eq!(found.shape(), [10; 3], "{name}");
        let mut expected = volume::Affine::identity();
        (0..3).for_each(|axis| expected[(axis, axis)] = 8.0);
        let apart = (found.affine() - expected).abs().max();
        assert!(apart < 1e-4, "{name}: affines differ by {apart}");
    }
    assert!(at.join("map.png").exists());
    let case = &done.json()["cases"][0];
    let volumes = case["volumes_ml"].as_array().unwrap();
    let sum: f64 = volumes.iter().map(|ml| ml.as_f64().unwrap()).sum();
    assert!((sum - 512.0).abs() < 0.1, "{}", done.told());
}

#[test]
fn windows_that_were_passed_over_are_told_with_their_number() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    finetuned(at, "--out run --max-steps 1");
    // Tissue at both ends of five windows in a row, and air between.
    let (shape, plane) = ([160, 10, 10], 100);
    let value = |n: usize| match n / plane {
        4..156 => -1000.0,
        _ => 50.0,
    };
    let mut affine = volume::Affine::identity();
    (0..3).for_each(|axis| affine[(axis, axis)] = 8.0);
    let scan = volume::Volume::new(shape, (0..160 * plane).map(value).collect(), affine).unwrap();
    volume::write(&at.join("scan.nii"), &scan, volume::Datatype::I16).unwrap();
    let call =
        "predict --weights run --input scan.nii --output map.nii --device cpu --overlap 0 --json";
    for (more, passed_over) in [(&[][..], 3), (&["--keep-air"][..], 0)] {
        let done = run(at, &words(call, more)).succeeded();
        let case = &done.json()["cases"][0];
        assert_eq!(case["windows"], 5, "{}", done.told());
        assert_eq!(case["passed_over"], passed_over, "{}", done.told());
        let line = "scan.nii: 3 of 5 windows passed over";
        assert_eq!(
            done.stderr.contains(line),
            passed_over > 0,
            "{}",
            done.told()
        );
    }
}

#[test]
fn probabilities_are_not_written_among_the_images_that_they_are_of() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::fs::create_dir(at.join("images")).unwrap();
    let source = data("hippocampus/images/hippocampus_003.nii.gz");
    std::fs::copy(&source, at.join("images/a.nii.gz")).unwrap();
    // There are no weights, so whatever else is said was said before they were looked for.
    let call = "predict --weights absent --device cpu --input images --output maps --probabilities";
    let parts = ["--probabilities is the folder of --input"];
    refused(at, &words(call, &["images/../images"]), 1, &parts);
}

#[test]
fn only_the_largest_component_of_each_class_is_written_where_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    // A network that has hardly been trained, and not told of how rare organs are, scatters them.
    finetuned(at, "--out run --max-steps 1 --class-prior false");
    write_volume(&at.join("scan.nii"), texture(3));
    let predicted = |output: &str, more: &[&str]| -> Vec<u8> {
        let call = "predict --weights run --input scan.nii --device cpu --overlap 0 --output";
        let more = [&[output][..], more].concat();
        run(at, &words(call, &more)).succeeded();
        let map = volume::read(&at.join(output)).unwrap();
        map.data().iter().map(|label| *label as u8).collect()
    };
    let mut expected = predicted("whole.nii", &[]);
    let found = predicted("largest.nii", &["--largest-component"]);
    assert!(expected != found, "the network finds no class in pieces");
    keep_largest_components(&mut expected, [20; 3], Connectivity::default(), |_| true);
    assert!(expected == found);
}

#[test]
fn probabilities_add_up_to_one_outside_the_foreground_and_around_air_too() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    finetuned(at, "--out run --max-steps 1");
    // Tissue at both ends of five windows in a row, air between, and planes of air that are cropped.
    let (shape, plane) = ([160, 10, 12], 120);
    let value = |n: usize| match (n / plane, n % 12) {
        (4..156, _) | (_, 0 | 11) => -1000.0,
        _ => 50.0,
    };
    let mut affine = volume::Affine::identity();
    (0..3).for_each(|axis| affine[(axis, axis)] = 8.0);
    let scan = volume::Volume::new(shape, (0..160 * plane).map(value).collect(), affine).unwrap();
    volume::write(&at.join("scan.nii"), &scan, volume::Datatype::I16).unwrap();
    let call = "predict --weights run --input scan.nii --output map.nii --device cpu --overlap 0 --json \
                --probabilities shares";
    let done = run(at, &words(call, &[])).succeeded();
    let case = &done.json()["cases"][0];
    assert_eq!(case["windows"], 5, "{}", done.told());
    assert_eq!(case["passed_over"], 0, "{}", done.told());
    let mut sums = vec![0.0_f32; 160 * plane];
    for class in 0..14 {
        let share = at.join(format!("shares/map_class{class:02}.nii.gz"));
        let share = volume::read(&share).unwrap();
        sums.iter_mut()
            .zip(share.data())
            .for_each(|(sum, share)| *sum += share);
    }
    for (voxel, sum) in sums.into_iter().enumerate() {
        assert!((sum - 1.0).abs() < 1e-3, "{voxel}: {sum}");
    }
}
