//! `predict` as its users meet it.

use super::*;

#[test]
fn a_prediction_lies_on_the_grid_of_its_input() {
    let folder = tempfile::tempdir().unwrap();
    finetuned(folder.path(), "--out run --max-steps 1");
    // Every readable file: all axis orders, oblique, sheared, anisotropic, big-endian, pairs, with and without gzip.
    let files = readable_files();
    assert!(files.len() > 100, "{} files", files.len());
    for name in files {
        let input = data("robustness").join(&name);
        let input_text = input.display().to_string();
        let args = words(
            "predict --weights run --output new/out.nii.gz --device cpu --overlap 0 --json",
            &["--input", &input_text, "--picture", "picture.png"],
        );
        let done = run(folder.path(), &args).succeeded();
        let volumes = done.json()["cases"][0]["volumes_ml"].clone();
        assert_eq!(volumes.as_array().unwrap().len(), 14, "{name}");
        let found = read_image(&folder.path().join("new/out.nii.gz")).unwrap();
        let image = read_image(&input).unwrap();
        assert_eq!(found.volume.shape(), image.volume.shape(), "{name}");
        let apart = (found.volume.affine() - image.volume.affine()).abs().max();
        assert!(apart <= 1e-4, "{name}: affines differ by {apart}");
        assert!(
            found
                .volume
                .data()
                .iter()
                .all(|v| v.fract() == 0.0 && *v < 14.0),
            "{name}"
        );
        // The next file's must be its own.
        let picture = folder.path().join("picture.png");
        std::fs::remove_file(picture).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn a_folder_is_segmented_whole_and_a_broken_file_does_not_stop_the_others() {
    let folder = tempfile::tempdir().unwrap();
    finetuned(folder.path(), "--out run --max-steps 1");
    let images = folder.path().join("images");
    std::fs::create_dir(&images).unwrap();
    let source = data("hippocampus/images/hippocampus_003.nii.gz");
    for name in ["a", "b", "c", "d"] {
        std::fs::copy(&source, images.join(format!("{name}.nii.gz"))).unwrap();
    }
    let labels = data("hippocampus/labels/hippocampus_003.nii.gz");
    std::fs::copy(&labels, images.join("a_seg.nii.gz")).unwrap();
    let call = "predict --weights run --input images --output maps --device cpu --overlap 0";
    let done = run(folder.path(), &words(call, &[])).succeeded();
    let told = "are left out: 1, such as images/a_seg.nii.gz";
    assert!(done.stderr.contains(told), "{}", done.told());
    assert!(!folder.path().join("maps/a_seg.nii.gz").exists());
    for name in ["a", "b", "c", "d"] {
        let map = folder.path().join(format!("maps/{name}.nii.gz"));
        assert!(map.exists(), "{name}");
        std::fs::remove_file(map).unwrap();
    }
    std::fs::write(images.join("b.nii.gz"), b"no image").unwrap();
    let done = run(folder.path(), &words(call, &[]));
    assert_eq!(done.code, Some(1), "{}", done.told());
    assert!(
        done.stderr.contains("error: images/b.nii.gz: ") && done.stderr.contains("1 of 4 images"),
        "{}",
        done.told()
    );
    assert_eq!(
        done.stderr.matches("b.nii.gz").count(),
        1,
        "{}",
        done.told()
    );
    for name in ["a", "c", "d"] {
        let map = folder.path().join(format!("maps/{name}.nii.gz"));
        assert!(map.exists(), "{name}");
    }
}

#[test]
fn an_image_is_never_overwritten_by_its_label_map() {
    let folder = tempfile::tempdir().unwrap();
    finetuned(folder.path(), "--out run --max-steps 1");
    let source = data("hippocampus/images/hippocampus_003.nii.gz");
    std::fs::create_dir(folder.path().join("images")).unwrap();
    std::fs::copy(&source, folder.path().join("images/a.nii.gz")).unwrap();
    let share = "shares/out_class01.nii.gz";
    std::fs::create_dir(folder.path().join("shares")).unwrap();
    std::fs::copy(&source, folder.path().join(share)).unwrap();
    for more in [
        "--input images/a.nii.gz --output ./images/../images/a.nii.gz",
        "--input images --output images/../images",
        "--input images/a.nii.gz --output out.nii.gz --picture images/a.nii.gz",
        "--input images/a.nii.gz --output out.nii.gz --picture run/model.safetensors",
        "--input shares/out_class01.nii.gz --output out.nii.gz --probabilities shares",
    ] {
        let more: Vec<&str> = more.split_whitespace().collect();
        let call = words("predict --weights run --device cpu", &more);
        refused(folder.path(), &call, 1, &["overwritten"]);
    }
    let kept = std::fs::read(folder.path().join(share)).unwrap();
    assert_eq!(kept, std::fs::read(&source).unwrap());
}

#[test]
fn a_label_map_that_something_else_wrote_is_replaced_only_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    finetuned(folder.path(), "--out run --max-steps 1");
    let map = folder.path().join("labelsTr/a.nii.gz");
    std::fs::create_dir(folder.path().join("labelsTr")).unwrap();
    let mine = data("hippocampus/labels/hippocampus_003.nii.gz");
    std::fs::copy(&mine, &map).unwrap();
    let input = data("hippocampus/images/hippocampus_003.nii.gz");
    let input = input.display().to_string();
    let call = "predict --weights run --output labelsTr/a.nii.gz --device cpu --overlap 0";
    let call = words(call, &["--input", &input]);
    let done = run(folder.path(), &call);
    assert_eq!(done.code, Some(1), "{}", done.told());
    assert!(done.stderr.contains("--overwrite"), "{}", done.told());
    assert_eq!(std::fs::read(&map).unwrap(), std::fs::read(&mine).unwrap());
    let asked = [&call[..], &["--overwrite"]].concat();
    run(folder.path(), &asked).succeeded();
    assert!(volume::made_here(&map));
    // What this program wrote it may write again, and an empty file holds a place.
    run(folder.path(), &call).succeeded();
    std::fs::write(&map, b"").unwrap();
    run(folder.path(), &call).succeeded();
}

#[test]
fn a_prediction_that_was_corrected_by_hand_is_replaced_only_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    finetuned(folder.path(), "--out run --max-steps 1");
    let input = data("hippocampus/images/hippocampus_003.nii.gz");
    let input = input.display().to_string();
    let call = "predict --weights run --output map.nii --device cpu --overlap 0";
    let call = words(call, &["--input", &input]);
    run(folder.path(), &call).succeeded();
    let map = folder.path().join("map.nii");
    let written = std::fs::read(&map).unwrap();
    // Programs that save a changed voxel keep the header.
    let mut corrected = written.clone();
    *corrected.last_mut().unwrap() ^= 1;
    std::fs::write(&map, &corrected).unwrap();
    refused(folder.path(), &call, 1, &["map.nii", "--overwrite"]);
    assert!(std::fs::read(&map).unwrap() == corrected);
    std::fs::write(&map, &written).unwrap();
    run(folder.path(), &call).succeeded();
    assert!(volume::made_here(&map));
}

#[test]
fn label_maps_that_predict_wrote_are_found_by_evaluate() {
    let folder = tempfile::tempdir().unwrap();
    let label = data("hippocampus/labels/hippocampus_003.nii.gz");
    std::fs::create_dir(folder.path().join("maps")).unwrap();
    std::fs::copy(&label, folder.path().join("maps/scan.nii.gz")).unwrap();
    // The image is plain, what `predict` writes is compressed.
    let image = volume::read(&data("hippocampus/images/hippocampus_003.nii.gz")).unwrap();
    volume::write(
        &folder.path().join("scan.nii"),
        &image,
        volume::Datatype::F32,
    )
    .unwrap();
    std::fs::copy(&label, folder.path().join("label.nii.gz")).unwrap();
    let case = serde_json::json!({ "image": "scan.nii", "label": "label.nii.gz" });
    let list = serde_json::json!({ "training": [case], "test": [case] });
    std::fs::write(folder.path().join("list.json"), list.to_string()).unwrap();
    let call = "evaluate --datalist list.json --predictions maps --classes 3 --json";
    let found = run(folder.path(), &words(call, &[])).succeeded().json();
    assert_eq!(found["summary"]["foreground_dice"], 1.0);
    // Its table replaces none of what it read.
    for file in ["list.json", "label.nii.gz", "maps/../maps/scan.nii.gz"] {
        let call = words(call, &["--csv", file]);
        refused(folder.path(), &call, 1, &["overwritten"]);
    }
}

#[test]
fn predictions_of_nnu_net_are_found_without_the_channel_of_their_images() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let label = data("hippocampus/labels/hippocampus_003.nii.gz");
    std::fs::create_dir(at("maps")).unwrap();
    for name in ["label.nii.gz", "maps/scan_003.nii.gz"] {
        std::fs::copy(&label, at(name)).unwrap();
    }
    let case = |name: &str| serde_json::json!({ "image": name, "label": "label.nii.gz" });
    let list = |cases: &[serde_json::Value]| {
        let list = serde_json::json!({ "test": cases });
        std::fs::write(at("list.json"), list.to_string()).unwrap();
    };
    let call = "evaluate --datalist list.json --predictions maps --classes 3 --json";
    let first = case("imagesTr/scan_003_0000.nii.gz");
    list(std::slice::from_ref(&first));
    let found = run(folder.path(), &words(call, &[])).succeeded().json();
    assert_eq!(found["summary"]["foreground_dice"], 1.0);
    // Each case has its own.
    list(&[first.clone(), case("imagesTr/scan_004_0000.nii.gz")]);
    let missing = ["maps/scan_004_0000.nii.gz: no such file"];
    refused(folder.path(), &words(call, &[]), 1, &missing);
    list(&[first.clone(), case("scan_003.nii.gz")]);
    refused(folder.path(), &words(call, &[]), 1, &["two cases"]);
    // Two readers of one scan.
    std::fs::copy(&label, at("second.nii.gz")).unwrap();
    let mut second = first.clone();
    second["label"] = "second.nii.gz".into();
    list(&[first, second]);
    let found = run(folder.path(), &words(call, &[])).succeeded().json();
    assert_eq!(found["cases"].as_array().unwrap().len(), 2);
}

#[test]
fn predictions_are_looked_at_before_the_first_is_scored_and_images_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let label = data("hippocampus/labels/hippocampus_003.nii.gz");
    std::fs::create_dir(at("maps")).unwrap();
    for name in ["label.nii.gz", "maps/a.nii.gz"] {
        std::fs::copy(&label, at(name)).unwrap();
    }
    let case = |name: &str| serde_json::json!({ "image": name, "label": "label.nii.gz" });
    let cases = [case("absent/a.nii.gz"), case("absent/b.nii.gz")];
    let list = serde_json::json!({ "training": cases, "test": cases });
    std::fs::write(at("list.json"), list.to_string()).unwrap();
    let call = "evaluate --datalist list.json --predictions maps --classes 3 --json";
    let missing = ["1 of 4 files", "maps/b.nii.gz: no such file"];
    refused(folder.path(), &words(call, &[]), 1, &missing);
    std::fs::copy(&label, at("maps/b.nii.gz")).unwrap();
    let elsewhere = words(call, &["--csv", "absent/scores.csv"]);
    refused(folder.path(), &elsewhere, 1, &["absent/scores.csv"]);
    let found = run(folder.path(), &words(call, &[])).succeeded().json();
    assert_eq!(found["summary"]["foreground_dice"], 1.0);
    assert_eq!(found["cases"].as_array().unwrap().len(), 2);
}

#[test]
fn volumes_in_a_tilted_gantry_are_those_of_its_voxels() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    // Slices 5 mm apart along an axis that leans by 3 in 4: 4 cubic millimetres a voxel.
    let mut affine = volume::Affine::identity();
    (affine[(1, 2)], affine[(2, 2)]) = (3.0, 4.0);
    let map = volume::Volume::new([4, 5, 6], vec![1.0; 120], affine).unwrap();
    std::fs::create_dir(at.join("maps")).unwrap();
    for name in ["scan.nii", "label.nii", "maps/scan.nii"] {
        volume::write(&at.join(name), &map, volume::Datatype::U8).unwrap();
    }
    let case = serde_json::json!({ "image": "scan.nii", "label": "label.nii" });
    let list = serde_json::json!({ "training": [case], "test": [case] });
    std::fs::write(at.join("list.json"), list.to_string()).unwrap();
    let call = "evaluate --datalist list.json --predictions maps --classes 2 --json";
    let found = run(at, &words(call, &[])).succeeded().json();
    let class = &found["cases"][0]["classes"][1];
    for name in ["reference_ml", "prediction_ml"] {
        let ml = class[name].as_f64().unwrap();
        assert!((ml - 0.48).abs() < 1e-6, "{name}: {ml}");
    }
}

#[test]
fn probabilities_lie_on_the_same_grid_and_add_up_to_one() {
    let folder = tempfile::tempdir().unwrap();
    finetuned(folder.path(), "--out run --max-steps 1");
    let input = data("robustness").join("niivue/demos/images/lesion.nii.gz");
    let input_text = input.display().to_string();
    let call =
        "predict --weights run --output out.nii.gz --probabilities shares --device cpu --overlap 0";
    let done = run(folder.path(), &words(call, &["--input", &input_text])).succeeded();
    assert!(done.stderr.contains("--keep-air"), "{}", done.told());
    let read = |name: &str| read_image(&folder.path().join(name)).unwrap().volume;
    let labels = read("out.nii.gz");
    let shares: Vec<_> = (0..14)
        .map(|class| read(&format!("shares/out_class{class:02}.nii.gz")))
        .collect();
    let mut agreeing = 0;
    for (voxel, label) in labels.data().iter().enumerate() {
        let of_voxel: Vec<f32> = shares.iter().map(|share| share.data()[voxel]).collect();
        let sum: f32 = of_voxel.iter().sum();
        assert!((sum - 1.0).abs() < 1e-3, "voxel {voxel}: {sum}");
        let largest = of_voxel.iter().copied().fold(0.0, f32::max);
        agreeing += usize::from(of_voxel[*label as usize] >= largest - 1e-3);
    }
    // Labels come from interpolated logits, probabilities are interpolated themselves: edges may differ.
    assert!(
        agreeing as f64 > 0.97 * labels.data().len() as f64,
        "{agreeing}"
    );
    assert_eq!(shares[0].shape(), labels.shape());
    assert!((shares[0].affine() - labels.affine()).abs().max() < 1e-5);
}
