//! The `experiment` command: one job that goes on, belongs to one plan, and leaves tables.

mod going_on;
mod plans;

use crate::command::{Done, FAILED, refused, run, words};
use serde_json::{Value, json};
use std::path::Path;

/// Three arms and two seeds of networks that take a moment.
const PLAN: &str = r#"
name = "Phantoms"
sizes = [2]
arms = ["random", "pretrained", "unet"]
seeds = [1, 2]

[data]
root = "phantoms"
pretrain = "split.json"
finetune = { 2 = "split.json" }

[pretrain]
sampling = { spacing = [8.0, 8.0, 8.0], roi_size = [16, 16, 16], batch_volumes = 1, samples_per_volume = 1 }
network = { patch_size = 8, hidden_size = 16, mlp_dim = 16, layers = 3, heads = 2 }
run = { epochs = 1 }

[finetune]
crops = { spacing = [8.0, 8.0, 8.0], roi_size = [16, 16, 16], samples_per_volume = 1 }
network = { patch_size = 8, hidden_size = 16, mlp_dim = 16, layers = 3, heads = 2 }
decoder = { feature_size = 2 }
run = { max_steps = 4, validation_steps = 2 }

[arm.pretrained.optimizer]
encoder_rate = 0.5

[bootstrap]
resamples = 200
"#;
const CALL: &str = "experiment --plan plan.toml --out out --device cpu";

/// A folder with five phantoms, two to train on, and the plan. Every patient has a folder, and all images one name.
fn prepared() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let phantoms = words("phantom --small --cases 5 --out phantoms", &[]);
    run(folder.path(), &phantoms).succeeded();
    let case = |number: usize| {
        let phantoms = folder.path().join("phantoms");
        std::fs::create_dir(phantoms.join(format!("p{number}"))).unwrap();
        let [image, label] = ["images", "labels"].map(|kind| {
            let to = format!("p{number}/{kind}.nii.gz");
            let from = format!("{kind}/phantom_{number:04}.nii.gz");
            std::fs::rename(phantoms.join(from), phantoms.join(&to)).unwrap();
            to
        });
        json!({ "image": image, "label": label })
    };
    let list = std::fs::read(folder.path().join("phantoms/dataset.json")).unwrap();
    let mut list: Value = serde_json::from_slice(&list).unwrap();
    list["training"] = json!([case(0), case(1)]);
    list["validation"] = json!([case(2)]);
    list["test"] = json!([case(3), case(4)]);
    let split = folder.path().join("phantoms/split.json");
    std::fs::write(split, list.to_string()).unwrap();
    std::fs::write(folder.path().join("plan.toml"), PLAN).unwrap();
    folder
}

fn call(folder: &Path) -> Done {
    run(folder, &words(CALL, &["--json"])).succeeded()
}

/// The plan with one arm and one seed.
fn random_alone() -> String {
    let plan = PLAN.replace("[\"random\", \"pretrained\", \"unet\"]", "[\"random\"]");
    let plan = plan.replace("[arm.pretrained.optimizer]\nencoder_rate = 0.5\n", "");
    plan.replace("seeds = [1, 2]", "seeds = [1]")
}

#[test]
fn an_experiment_leaves_tables_and_pictures_and_refuses_another_plan() {
    let folder = prepared();
    let done = call(folder.path());
    // Said once, and in the words of a plan.
    let told = done.stderr.matches("flips and quarter turns").count();
    assert_eq!(told, 1, "{}", done.told());
    for flag in ["--flip-probability", "--pretrained", "--accumulation"] {
        assert!(!done.stderr.contains(flag), "{flag}{}", done.told());
    }
    let found = done.json();
    let at = |name: &str| folder.path().join("out").join(name);
    assert_eq!(found["sizes"][0]["training_cases"], 2);
    assert_eq!(found["sizes"][0]["test_cases"], 2);
    assert_eq!(found["sizes"][0]["methods"][0]["name"], "random");
    assert!(found["sizes"][0]["methods"][1]["difference"]["interval"]["low"].is_number());
    for run in found["runs"].as_array().unwrap() {
        assert_eq!(run["steps"], 4);
        let cases: Vec<&String> = run["cases"].as_object().unwrap().keys().collect();
        assert_eq!(cases, ["p3/images.nii.gz", "p4/images.nii.gz"]);
    }
    let text = |name: &str| std::fs::read_to_string(at(name)).unwrap();
    let written: Value = serde_json::from_str(&text("results.json")).unwrap();
    assert_eq!(written, found);
    assert_eq!(text("plan.toml"), PLAN);
    assert!(text("results.md").contains("pre-trained, relative improvement"));
    assert!(text("results.md").contains("start from the same weights"));
    assert_eq!(text("results.csv").lines().count(), 4);
    for name in ["results.png", "curves.png"] {
        let bytes = std::fs::read(at(name)).unwrap();
        assert!(bytes.starts_with(b"\x89PNG"), "{name}");
    }
    // The plan gives the pre-trained arm an optimiser of its own.
    assert!(
        text("results.md")
            .contains("\"pre-trained\" has an optimiser of its own: encoder_rate 0.5")
    );
    for (run, own) in [("pretrained", true), ("random", false)] {
        let config = text(&format!("runs/002-{run}-seed1/config.toml"));
        assert_eq!(config.contains("encoder_rate = 0.5\n"), own, "{config}");
    }
    // The pre-trained arm starts from the encoder, and the random one from nothing.
    assert!(at("runs/002-pretrained-seed1/loaded.json").exists());
    assert!(!at("runs/002-random-seed1/loaded.json").exists());
    // The baseline has convolutions where the others have a transformer.
    let unet = std::fs::read(at("runs/002-unet-seed1/model.safetensors")).unwrap();
    let unet = hounsfield::weights::decode(&unet).unwrap();
    assert!(unet.contains_key("downs.2.merge.weight"));
    assert!(!unet.keys().any(|name| name.starts_with("vit.")));

    // Nothing is left to do.
    let again = call(folder.path());
    assert_eq!(again.json(), found);
    let before = "trained and scored before: 7 of 7 runs";
    assert!(again.stderr.contains(before), "{}", again.told());

    // Runs that began with another encoder than the one that is there now are no part of the same experiment.
    let encoder = at("runs/pretrain/encoder.safetensors");
    let trained = std::fs::read(&encoder).unwrap();
    let mut other = trained.clone();
    *other.last_mut().unwrap() ^= 1;
    std::fs::write(&encoder, other).unwrap();
    refused(
        folder.path(),
        &words(CALL, &[]),
        FAILED,
        &["002-pretrained-seed1", "other weights"],
    );
    std::fs::write(&encoder, trained).unwrap();

    // Words that change nothing are no other plan; numbers are.
    let plan = folder.path().join("plan.toml");
    std::fs::write(&plan, format!("# A remark.\n{PLAN}")).unwrap();
    let shown = run(folder.path(), &words(CALL, &[])).succeeded();
    assert!(shown.stdout.starts_with("cases  arm "), "{}", shown.told());
    assert_eq!(shown.stdout.lines().count(), 4);
    std::fs::write(&plan, PLAN.replace("max_steps = 4", "max_steps = 6")).unwrap();
    refused(
        folder.path(),
        &words(CALL, &[]),
        FAILED,
        &["plan.toml", "max_steps was 4, now 6"],
    );
}

#[test]
fn every_seed_may_have_an_encoder_of_its_own_and_test_scans_in_pre_training_are_told() {
    let folder = prepared();
    let at = folder.path();
    let text = PLAN.replacen("[pretrain]\n", "[pretrain]\nper_seed = true\n", 1);
    let text = text.replacen("pretrain = \"split.json\"", "pretrain = \"before.json\"", 1);
    let text = text.replacen("\"pretrained\", \"unet\"]", "\"pretrained\"]", 1);
    std::fs::write(at.join("plan.toml"), text).unwrap();
    let list = std::fs::read(at.join("phantoms/split.json")).unwrap();
    let mut list: Value = serde_json::from_slice(&list).unwrap();
    let test = list["test"][1].clone();
    list["training"].as_array_mut().unwrap().push(test);
    std::fs::write(at.join("phantoms/before.json"), list.to_string()).unwrap();
    let done = call(at);
    assert!(
        done.stderr.contains("among those of pre-training"),
        "{}",
        done.told()
    );
    let encoder = |folder: &str| {
        std::fs::read(at.join(format!("out/runs/{folder}/encoder.safetensors"))).unwrap()
    };
    assert!(encoder("pretrain-seed1") != encoder("pretrain-seed2"));
    let markdown = std::fs::read_to_string(at.join("out/results.md")).unwrap();
    assert!(markdown.contains("1 of the test cases"), "{markdown}");
    assert!(!markdown.contains("the same weights"), "{markdown}");
}

#[test]
fn given_weights_are_of_the_lists_modality_and_tell_what_they_have_seen() {
    let folder = prepared();
    let at = |name: &str| folder.path().join(name);
    let list = std::fs::read(at("phantoms/split.json")).unwrap();
    let mut list: Value = serde_json::from_slice(&list).unwrap();
    list["modality"] = json!({ "0": "MRI" });
    std::fs::write(at("phantoms/split.json"), list.to_string()).unwrap();
    let test = list["test"][1].clone();
    list["training"].as_array_mut().unwrap().push(test);
    std::fs::write(at("phantoms/before.json"), list.to_string()).unwrap();
    let before = "pretrain --datalist phantoms/before.json --out before --device cpu --max-steps 1 --spacing 8 \
                  --roi-size 16 --patch-size 8 --hidden-size 16 --mlp-dim 16 --layers 3 --heads 2 --batch-volumes 1";
    run(folder.path(), &words(before, &[])).succeeded();
    let (start, rest) = PLAN.split_once("[pretrain]\n").unwrap();
    let (_, rest) = rest.split_once("[finetune]\n").unwrap();
    let text = format!("{start}[pretrain]\nweights = \"before\"\n[finetune]\n{rest}");
    // The list would tell in their place.
    let text = text.replacen("pretrain = \"split.json\"\n", "", 1);
    let text = text.replacen("\"pretrained\", \"unet\"]", "\"pretrained\"]", 1);
    let text = text.replacen("seeds = [1, 2]", "seeds = [1]", 1);
    std::fs::write(at("plan.toml"), text).unwrap();
    let done = call(folder.path());
    let seen = |done: &Done| done.json()["seen_in_pretraining"].clone();
    assert_eq!(seen(&done), json!(["p4/images.nii.gz"]));
    // Both stages scale MR by its own percentiles.
    for other in ["learned from intensities", "than it learned from"] {
        assert!(!done.stderr.contains(other), "{}", done.told());
    }
    std::fs::remove_file(at("before/cases.json")).unwrap();
    assert_eq!(seen(&call(folder.path())), Value::Null);
    let markdown = std::fs::read_to_string(at("out/results.md")).unwrap();
    assert!(markdown.contains("was not checked"), "{markdown}");
}
