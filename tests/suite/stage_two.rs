//! Fine-tuning, prediction and evaluation as their users meet them.

mod alone;
mod lists;
mod other_data;
mod outputs;
mod predictions;
mod sides;
mod sizes;
mod skipping;

use crate::command::{Done, program, refused, run, words};
use crate::robustness::readable_files;
use crate::support::data;
use hounsfield::volume::{self, read_image};
use std::path::Path;

/// Crops and sizes of a network that trains in moments.
const SIZES: &str = "--spacing 8 --roi-size 32 --patch-size 8 --hidden-size 16 --mlp-dim 16 --heads 2 \
                     --samples-per-volume 1 --device cpu";

/// A call with [`SIZES`].
fn call<'a>(command: &'a str, more: &'a str) -> Vec<&'a str> {
    let rest = SIZES.split_whitespace().chain(more.split_whitespace());
    command.split_whitespace().chain(rest).collect()
}

/// Fine-tuning on phantoms.
const FINETUNE: &str = "finetune --phantoms 2 --layers 3 --feature-size 4 --learning-rate 5e-3";

fn finetuned(folder: &Path, more: &str) -> Done {
    run(folder, &call(FINETUNE, more)).succeeded()
}

#[test]
fn fine_tuning_learns_and_leaves_what_a_run_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let done = finetuned(
        folder.path(),
        "--out run --max-steps 30 --validation-steps 15 --json",
    );
    let summary = done.json();
    assert_eq!(summary["command"], "finetune");
    assert_eq!(summary["steps"], 30);
    let run_folder = folder.path().join("run");
    for name in [
        "config.toml",
        "metrics.jsonl",
        "curves.png",
        "prediction.png",
        "summary.json",
        "model.safetensors",
        "checkpoints/last/manifest.json",
        "checkpoints/best/weights.safetensors",
    ] {
        assert!(run_folder.join(name).exists(), "{name}");
    }
    let text = std::fs::read_to_string(run_folder.join("metrics.jsonl")).unwrap();
    let records: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let losses: Vec<f64> = records
        .iter()
        .filter_map(|record| record["train/total"].as_f64())
        .collect();
    assert_eq!(losses.len(), 30);
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    assert!(
        mean(&losses[25..]) < 0.95 * mean(&losses[..5]),
        "no learning: {losses:?}"
    );
    let dice = records.iter().filter(|r| r["val/dice"].is_f64()).count();
    assert_eq!(dice, 2, "validations");
}

#[test]
fn a_warm_up_that_the_run_does_not_outlast_is_told() {
    let folder = tempfile::tempdir().unwrap();
    for (warmup, told) in [("2", true), ("1", false)] {
        let more = format!("--out run{warmup} --max-steps 2 --warmup-steps {warmup}");
        let done = finetuned(folder.path(), &more);
        assert_eq!(done.stderr.contains("warm-up"), told, "{}", done.told());
    }
}

#[test]
fn a_killed_fine_tuning_goes_on_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    // Checkpoints so often that one lies between the start and the kill.
    let settings = "--max-steps 12 --validation-steps 5 --checkpoint-minutes 0";
    finetuned(at, &format!("{settings} --out whole"));
    let last = |run: &str, file: &str| at.join(run).join("checkpoints/last").join(file);
    let more = format!("{settings} --out cut");
    let mut child = program(at)
        .args(call(FINETUNE, &more))
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let saved = || {
        let text = std::fs::read_to_string(last("cut", "manifest.json")).unwrap_or_default();
        serde_json::from_str::<serde_json::Value>(&text)
            .ok()
            .and_then(|manifest| manifest["progress"]["step"].as_u64())
            .unwrap_or(0)
    };
    while saved() < 4 {
        assert!(child.try_wait().unwrap().is_none(), "ended before step 4");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(saved() < 12, "the run was too fast to be cut");
    run(at, &["finetune", "--resume", "cut", "--device", "cpu"]).succeeded();
    for file in [
        "weights.safetensors",
        "first_moment.safetensors",
        "second_moment.safetensors",
    ] {
        let [whole, cut] = ["whole", "cut"].map(|run| std::fs::read(last(run, file)).unwrap());
        assert!(whole == cut, "{file} differs");
    }
    let model = |run: &str| std::fs::read(at.join(run).join("model.safetensors")).unwrap();
    assert!(model("whole") == model("cut"), "the best model differs");
}

#[test]
fn the_encoder_of_pre_training_starts_fine_tuning_and_others_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let pretrain = "pretrain --phantoms 2 --layers 3 --batch-volumes 1 --epochs 1";
    run(folder.path(), &call(pretrain, "--out before")).succeeded();
    let done = finetuned(folder.path(), "--out run --max-steps 1 --pretrained before");
    assert!(done.stderr.contains("encoder"), "{}", done.told());
    let loaded = std::fs::read(folder.path().join("run/loaded.json")).unwrap();
    let loaded: serde_json::Value = serde_json::from_slice(&loaded).unwrap();
    assert_eq!(loaded["encoder_taken"], loaded["encoder"]);

    let shallow = "finetune --phantoms 2 --layers 2 --feature-size 4";
    refused(
        folder.path(),
        &call(shallow, "--out other --pretrained before"),
        1,
        &["encoder.safetensors"],
    );
    refused(
        folder.path(),
        &call(FINETUNE, "--out other --pretrained before/curves.png"),
        1,
        &["curves.png", "weights"],
    );
}

#[test]
fn the_decoder_of_pre_training_starts_fine_tuning_too_but_for_the_last_layer() {
    let folder = tempfile::tempdir().unwrap();
    let pretrain = "pretrain --phantoms 2 --layers 3 --batch-volumes 1 --epochs 12 \
                    --restoration unetr --feature-size 4 --learning-rate 3e-3";
    let done = run(folder.path(), &call(pretrain, "--out before --json")).succeeded();
    let summary = done.json();
    let error = |name: &str| summary[name].as_f64().unwrap();
    let (first, last) = (error("first_validation_l1"), error("last_validation_l1"));
    assert!(last < 0.8 * first, "{first} to {last}");

    finetuned(folder.path(), "--out run --max-steps 1 --pretrained before");
    let loaded = std::fs::read(folder.path().join("run/loaded.json")).unwrap();
    let loaded: serde_json::Value = serde_json::from_slice(&loaded).unwrap();
    let names = |list: &str, key: Option<&str>| -> Vec<String> {
        let list = loaded[list].as_array().unwrap().iter();
        list.map(|entry| {
            key.map_or(entry, |key| &entry[key])
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect()
    };
    assert_eq!(
        names("random", Some("name")),
        ["out.conv.conv.weight", "out.conv.conv.bias"]
    );
    assert_eq!(loaded["encoder_taken"], loaded["encoder"]);
    let other = "finetune --phantoms 2 --layers 3 --feature-size 6 --max-steps 1";
    let done = run(
        folder.path(),
        &call(other, "--out other --pretrained before"),
    )
    .succeeded();
    assert!(
        done.stderr.contains("same --feature-size"),
        "{}",
        done.told()
    );
    let taken = names("taken", None);
    for name in [
        "encoder1.layer.conv1.conv.weight",
        "decoder2.conv_block.conv2.conv.weight",
    ] {
        assert!(
            taken.iter().any(|taken| taken == name),
            "{name} of {taken:?}"
        );
    }
}

#[test]
fn evaluation_of_the_reference_itself_is_perfect() {
    let folder = tempfile::tempdir().unwrap();
    let source = data("hippocampus");
    let predictions = folder.path().join("predictions");
    std::fs::create_dir(&predictions).unwrap();
    let list = std::fs::read(source.join("finetune_6.json")).unwrap();
    let mut list: serde_json::Value = serde_json::from_slice(&list).unwrap();
    let cases: Vec<serde_json::Value> = list["test"].as_array().unwrap()[..3].to_vec();
    for case in &cases {
        let label = source.join(case["label"].as_str().unwrap());
        let image = Path::new(case["image"].as_str().unwrap());
        std::fs::copy(label, predictions.join(image.file_name().unwrap())).unwrap();
    }
    list["test"] = cases.into();
    std::fs::write(folder.path().join("list.json"), list.to_string()).unwrap();
    let root = source.display().to_string();
    let args = words(
        "evaluate --datalist list.json --predictions predictions --csv scores.csv --json",
        &["--data-root", &root],
    );
    let found = run(folder.path(), &args).succeeded().json();
    assert_eq!(found["summary"]["foreground_dice"], 1.0);
    assert_eq!(found["summary"]["foreground_hd95_mm"], 0.0);
    assert_eq!(found["summary"]["foreground_nsd"], 1.0);
    assert_eq!(found["cases"].as_array().unwrap().len(), 3);
    let csv = std::fs::read_to_string(folder.path().join("scores.csv")).unwrap();
    assert!(csv.contains("anterior") && csv.lines().count() > 3, "{csv}");
    let args = words(
        "evaluate --datalist list.json --predictions predictions --tolerance=-1",
        &["--data-root", &root],
    );
    refused(folder.path(), &args, 1, &["--tolerance is -1"]);
}

#[test]
fn a_folder_of_images_and_label_maps_is_trained_on_and_scored() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    run(at, &words("phantom --small --cases 4 --out phantoms", &[])).succeeded();
    // As nnU-Net has it, and one image without a label map.
    let place = |name: &str| at.join("set").join(name);
    for name in ["imagesTr", "labelsTr"] {
        std::fs::create_dir_all(place(name)).unwrap();
    }
    for (number, case) in ["a", "b", "c", "d"].into_iter().enumerate() {
        let file = |kind: &str| at.join(format!("phantoms/{kind}/phantom_{number:04}.nii.gz"));
        let image = place(&format!("imagesTr/{case}_0000.nii.gz"));
        std::fs::copy(file("images"), image).unwrap();
        if case != "d" {
            let label = place(&format!("labelsTr/{case}.nii.gz"));
            std::fs::copy(file("labels"), label).unwrap();
        }
    }
    let labels: serde_json::Map<String, serde_json::Value> = (0..14)
        .map(|class| (format!("organ {class}"), class.into()))
        .collect();
    let about = serde_json::json!({"channel_names": {"0": "CT"}, "labels": labels});
    std::fs::write(place("dataset.json"), about.to_string()).unwrap();

    let settings = "--datalist set --out run --max-steps 1 --layers 3 --feature-size 4";
    let done = run(at, &call("finetune", settings)).succeeded();
    assert!(done.stderr.contains("d_0000.nii.gz"), "{}", done.stderr);
    let cases = std::fs::read(at.join("run/cases.json")).unwrap();
    let cases: serde_json::Value = serde_json::from_slice(&cases).unwrap();
    let count = |list: &str| cases[list].as_array().unwrap().len();
    assert_eq!((count("training"), count("validation")), (2, 1));
    let evaluate = "evaluate --weights run --datalist set --split validation --device cpu --json";
    let found = run(at, &words(evaluate, &[])).succeeded().json();
    assert_eq!(found["cases"].as_array().unwrap().len(), 1);
    assert_eq!(found["class_names"][13], "organ 13");
    let root = evaluate.replace("--device", "--data-root elsewhere --device");
    refused(at, &words(&root, &[]), 1, &["--data-root", "folder"]);
}

#[test]
fn mirroring_is_refused_for_a_network_that_was_trained_without_flips() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    finetuned(at, "--out run --max-steps 1 --flip-probability 0");
    let image = data("hippocampus/images/hippocampus_003.nii.gz");
    let image = image.display().to_string();
    let predict = "predict --weights run --output out.nii.gz --device cpu --mirror";
    let args = words(predict, &["--input", &image]);
    refused(at, &args, 1, &["mirror", "flip_probability"]);
    finetuned(at, "--out flipped --max-steps 1 --flip-probability 0.1");
    let predict = predict.replace("weights run", "weights flipped");
    run(at, &words(&predict, &["--input", &image])).succeeded();
}

#[test]
fn bad_input_of_stage_two_gets_one_clear_line() {
    let folder = tempfile::tempdir().unwrap();
    let source = data("hippocampus");
    let image = source.join("images/hippocampus_003.nii.gz");
    let image = image.display().to_string();
    let at = folder.path();
    let predict = |more: &[&'static str]| -> Vec<String> {
        let mut all: Vec<String> = ["predict", "--device", "cpu", "--input", &image]
            .map(str::to_owned)
            .to_vec();
        all.extend(more.iter().map(|word| (*word).to_owned()));
        all
    };
    for (more, parts) in [
        (
            vec!["--weights", "nowhere", "--output", "out.nii.gz"],
            vec!["nowhere", "no such file"],
        ),
        (
            vec!["--weights", ".", "--output", "out.nii.gz"],
            vec!["config.toml", "--preset"],
        ),
    ] {
        let args = predict(&more);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        refused(at, &args, 1, &parts);
    }

    for (more, parts) in [
        ("--datalist . --out run", ["holds no", ".nii.gz"]),
        ("--classes 257 --out run", ["classes", "256"]),
    ] {
        let words = call("finetune --layers 3 --feature-size 4", more);
        refused(at, &words, 1, &parts);
    }

    // A label map of another grid, and one with a label too many.
    let volume = volume::read(Path::new(&image)).unwrap();
    let [a, b, c] = volume.shape();
    let write = |name: &str, shape: [usize; 3], label: f32| {
        let mut values = vec![0.0; shape.iter().product()];
        values[0] = label;
        let map = volume::Volume::new(shape, values, *volume.affine()).unwrap();
        volume::write(&at.join(name), &map, volume::Datatype::U8).unwrap();
    };
    write("other_grid.nii", [a, b, c - 1], 1.0);
    write("label_7.nii", [a, b, c], 7.0);
    for (label, parts) in [
        ("other_grid.nii", vec!["other_grid.nii", "label map has"]),
        ("label_7.nii", vec!["label_7.nii", "label 7", "3 classes"]),
    ] {
        let list = serde_json::json!({
            "labels": {"0": "background", "1": "anterior", "2": "posterior"},
            "training": [{"image": image, "label": label}],
        });
        std::fs::write(at.join("list.json"), list.to_string()).unwrap();
        let words = call(
            "finetune --layers 3 --feature-size 4",
            "--datalist list.json --out run",
        );
        refused(at, &words, 1, &parts);
    }
}
