//! The `experiment` command: one job that goes on, belongs to one plan, and leaves tables.

use crate::command::{Done, program, refused, run, words};
use hounsfield::config::{Arm, ExperimentPlan, PlanScoring, PretrainPlan};
use hounsfield::metric::Bootstrap;
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

const FAILED: i32 = 1;

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

fn written(path: &Path) -> SystemTime {
    std::fs::metadata(path).unwrap().modified().unwrap()
}

/// Starts the experiment and kills it as soon as `path` is there.
fn killed_at(folder: &Path, path: &str) {
    let mut child = program(folder).args(words(CALL, &[])).spawn().unwrap();
    let begun = Instant::now();
    while !folder.join(path).exists() {
        assert!(begun.elapsed() < Duration::from_secs(300), "no {path}");
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn an_experiment_that_was_killed_goes_on_and_ends_as_if_it_had_not_been() {
    let folder = prepared();
    let at = |name: &str| folder.path().join(name);
    let first = "out/runs/002-random-seed1/test.json";
    killed_at(folder.path(), first);
    let (scored, pretrained) = (
        written(&at(first)),
        written(&at("out/runs/pretrain/summary.json")),
    );
    killed_at(
        folder.path(),
        "out/runs/002-random-seed2/checkpoints/last/manifest.json",
    );
    let found = call(folder.path()).json();
    assert_eq!(written(&at(first)), scored, "a scored run is not repeated");
    assert_eq!(
        written(&at("out/runs/pretrain/summary.json")),
        pretrained,
        "pre-training is not repeated"
    );

    // In one go, in another folder.
    let other = words(
        "experiment --plan plan.toml --out other --device cpu --json",
        &[],
    );
    let other = run(folder.path(), &other).succeeded().json();
    assert_eq!(found["sizes"], other["sizes"]);
    let cases = |results: &Value| -> Vec<Value> {
        let runs = results["runs"].as_array().unwrap();
        runs.iter().map(|run| run["cases"].clone()).collect()
    };
    assert_eq!(cases(&found), cases(&other));
    assert_eq!(cases(&found).len(), 6);
}

#[test]
fn an_experiment_leaves_tables_and_pictures_and_refuses_another_plan() {
    let folder = prepared();
    let found = call(folder.path()).json();
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
    let again = run(folder.path(), &words(CALL, &["--json"])).succeeded();
    assert_eq!(again.json(), found);

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
    run(folder.path(), &words(CALL, &[])).succeeded();
    std::fs::write(&plan, PLAN.replace("max_steps = 4", "max_steps = 6")).unwrap();
    refused(
        folder.path(),
        &words(CALL, &[]),
        FAILED,
        &["plan.toml", "max_steps was 4, now 6"],
    );
}

/// The plan with one arm and one seed.
fn random_alone() -> String {
    let plan = PLAN.replace("[\"random\", \"pretrained\", \"unet\"]", "[\"random\"]");
    let plan = plan.replace("[arm.pretrained.optimizer]\nencoder_rate = 0.5\n", "");
    plan.replace("seeds = [1, 2]", "seeds = [1]")
}

#[test]
fn finished_runs_of_other_settings_or_cases_are_not_taken() {
    let folder = prepared();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("plan.toml"), random_alone()).unwrap();
    call(folder.path());
    let reject = |parts: &[&str]| {
        refused(folder.path(), &words(CALL, &[]), FAILED, parts);
    };

    // Somebody else is at work there.
    let lock = std::fs::File::create(at("out/.lock")).unwrap();
    lock.lock().unwrap();
    reject(&["another process", "out"]);
    drop(lock);

    let config = at("out/runs/002-random-seed1/config.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("max_steps = 4", "max_steps = 3")).unwrap();
    reject(&["002-random-seed1", "run.max_steps was 3, now 4"]);
    std::fs::write(&config, text).unwrap();

    let split = at("phantoms/split.json");
    let text = std::fs::read_to_string(&split).unwrap();
    let list: Value = serde_json::from_str(&text).unwrap();
    for (key, parts) in [
        ("training", ["002-random-seed1", "other cases"]),
        ("test", ["002-random-seed1", "other test cases"]),
    ] {
        let mut other = list.clone();
        other[key].as_array_mut().unwrap().reverse();
        std::fs::write(&split, other.to_string()).unwrap();
        reject(&parts);
    }
    std::fs::write(&split, text).unwrap();
    call(folder.path());
}

#[test]
fn scores_of_a_run_that_ended_amid_its_test_cases_are_kept() {
    let folder = prepared();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("plan.toml"), random_alone()).unwrap();
    // What is wrong with the second test case shows when it is read.
    let second = at("phantoms/p4/images.nii.gz");
    let whole = std::fs::read(&second).unwrap();
    std::fs::write(&second, &whole[..whole.len() * 2 / 3]).unwrap();
    let done = run(folder.path(), &words(CALL, &[]));
    assert_eq!(done.code, Some(FAILED), "{}", done.told());
    assert!(done.stderr.contains("p4/images.nii.gz"), "{}", done.told());
    std::fs::write(&second, whole).unwrap();

    let (part, all) = (
        at("out/runs/002-random-seed1/test.part.json"),
        at("out/runs/002-random-seed1/test.json"),
    );
    let read =
        |path: &Path| -> Value { serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap() };
    let mut kept = read(&part);
    assert_eq!(kept["scores"].as_array().unwrap().len(), 1);
    assert!(!all.exists());
    // To be told from a score that was made anew.
    let mark = json!(0.123);
    kept["scores"][0]["classes"][1]["dice"] = mark.clone();
    std::fs::write(&part, kept.to_string()).unwrap();
    call(folder.path());
    let scores = read(&all);
    assert_eq!(scores["cases"].as_array().unwrap().len(), 2);
    assert_eq!(scores["cases"][0]["classes"][1]["dice"], mark);
    assert!(!part.exists());
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

#[test]
fn the_plan_in_the_guide_is_read_and_shows_the_defaults_of_scoring() {
    let guide = include_str!("../../docs/guide.md");
    let (_, plan) = guide.split_once("```toml\n").unwrap();
    let (plan, _) = plan.split_once("```").unwrap();
    let plan = ExperimentPlan::from_toml(plan, "docs/guide.md").unwrap();
    let lists: Vec<&str> = plan.data.finetune.keys().map(String::as_str).collect();
    assert_eq!(lists, ["12", "6"]);
    assert!(matches!(
        plan.pretrain,
        Some(PretrainPlan::Run { per_seed: true, .. })
    ));
    assert_ne!(plan.optimizer(Arm::Pretrained), plan.optimizer(Arm::Random));
    assert_eq!(plan.scoring, PlanScoring::default());
    assert_eq!(plan.bootstrap, Bootstrap::default());
}

#[test]
fn a_plan_that_cannot_work_is_refused_by_file_and_key() {
    let folder = prepared();
    for (from, to, parts) in [
        ("max_steps = 4", "max_step = 4", ["plan.toml", "max_step"]),
        ("seeds = [1, 2]", "seeds = []", ["plan.toml", "seeds"]),
        (
            "{ 2 = \"split.json\" }",
            "{ 2 = \"none.json\" }",
            ["none.json", "does not exist"],
        ),
        ("sizes = [2]", "sizes = [3]", ["plan.toml", "3"]),
    ] {
        let text = PLAN.replacen(from, to, 1);
        assert_ne!(text, PLAN, "{from}");
        std::fs::write(folder.path().join("plan.toml"), text).unwrap();
        refused(folder.path(), &words(CALL, &[]), FAILED, &parts);
    }
}

#[test]
fn weights_that_are_not_there_are_refused_by_key_before_the_folder_is_made() {
    let folder = prepared();
    let (start, rest) = PLAN.split_once("[pretrain]\n").unwrap();
    let (_, rest) = rest.split_once("[finetune]\n").unwrap();
    let text = format!("{start}[pretrain]\nweights = \"absent\"\n[finetune]\n{rest}");
    std::fs::write(folder.path().join("plan.toml"), text).unwrap();
    let parts = ["plan.toml", "`weights`", "absent", "does not exist"];
    refused(folder.path(), &words(CALL, &[]), FAILED, &parts);
}

/// What fine-tuning would find out after all of pre-training.
#[test]
fn lists_without_classes_or_with_others_are_refused_before_anything_is_trained() {
    let folder = prepared();
    let at = |name: &str| folder.path().join(name);
    let list = std::fs::read(at("phantoms/split.json")).unwrap();
    let mut list: Value = serde_json::from_slice(&list).unwrap();
    list["labels"] = Value::Null;
    std::fs::write(at("phantoms/bare.json"), list.to_string()).unwrap();
    list["labels"] = json!({ "0": "background", "1": "tumour" });
    list["training"].as_array_mut().unwrap().truncate(1);
    std::fs::write(at("phantoms/one.json"), list.to_string()).unwrap();
    for (sizes, lists, parts) in [
        (
            "sizes = [2]",
            "2 = \"bare.json\"",
            ["bare.json", "names no classes"],
        ),
        (
            "sizes = [2, 1]",
            "2 = \"split.json\", 1 = \"one.json\"",
            ["one.json", "name different classes"],
        ),
    ] {
        let text = PLAN.replacen("sizes = [2]", sizes, 1);
        let text = text.replacen("2 = \"split.json\"", lists, 1);
        std::fs::write(at("plan.toml"), text).unwrap();
        refused(folder.path(), &words(CALL, &[]), FAILED, &parts);
    }
}
