//! What an experiment that goes on takes of what is there, what it does again, and what it refuses.

use super::{CALL, call, prepared, random_alone};
use crate::command::{FAILED, program, refused, run, words};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
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
    for part in [
        "002-random-seed1 failed: ",
        "p4/images.nii.gz",
        "1 of 1 runs failed: 002-random-seed1; without them there is nothing",
    ] {
        assert!(done.stderr.contains(part), "{}", done.told());
    }
    assert_eq!(done.stdout, "", "{}", done.told());
    std::fs::write(&second, whole).unwrap();

    let (part, all) = (
        at("out/runs/002-random-seed1/test.part.json"),
        at("out/runs/002-random-seed1/test.json"),
    );
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
fn test_cases_are_scored_anew_where_their_label_maps_are_others() {
    let folder = prepared();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("plan.toml"), random_alone()).unwrap();
    call(folder.path());
    // To be told from scores that are made anew.
    let file = at("out/runs/002-random-seed1/test.json");
    let mut scores = read(&file);
    let made = scores["cases"].clone();
    scores["cases"][1]["classes"][1]["dice"] = json!(0.123);
    std::fs::write(&file, scores.to_string()).unwrap();
    call(folder.path());
    assert_eq!(read(&file), scores);

    // The same labels in another file.
    let labels = ["p4/labels.nii.gz", "p4/second_reader.nii"];
    let [from, to] = labels.map(|name| at("phantoms").join(name));
    let mut unpacked = Vec::new();
    let packed = std::fs::read(from).unwrap();
    std::io::Read::read_to_end(
        &mut flate2::read::GzDecoder::new(&packed[..]),
        &mut unpacked,
    )
    .unwrap();
    std::fs::write(to, unpacked).unwrap();
    let split = at("phantoms/split.json");
    let text = std::fs::read_to_string(&split).unwrap();
    let [old, new] = labels;
    std::fs::write(&split, text.replace(old, new)).unwrap();
    let done = call(folder.path());
    let said = "made before the label maps changed: the test cases are scored anew";
    assert!(done.stderr.contains(said), "{}", done.told());
    assert_eq!(read(&file)["cases"], made);
}

#[test]
fn a_run_that_cannot_be_finished_costs_the_others_nothing() {
    let folder = prepared();
    let at = |name: &str| folder.path().join(name);
    let plan = random_alone().replace("[\"random\"]", "[\"random\", \"unet\"]");
    let plan = plan.replace("seeds = [1]", "seeds = [1, 2]");
    std::fs::write(at("plan.toml"), plan).unwrap();
    let whole = call(folder.path()).json();
    // As after a crash that its checkpoint did not survive.
    let lost = at("out/runs/002-unet-seed2");
    for name in ["summary.json", "test.json"] {
        std::fs::remove_file(lost.join(name)).unwrap();
    }
    let manifest = lost.join("checkpoints/last/manifest.json");
    let intact = std::fs::read(&manifest).unwrap();
    std::fs::write(&manifest, "").unwrap();
    let done = run(folder.path(), &words(CALL, &["--json"]));
    assert_eq!(done.code, Some(FAILED), "{}", done.told());
    let last = done.stderr.lines().last().unwrap_or_default();
    let error = "error: 1 of 4 runs failed: 002-unet-seed2; the same command tries again";
    assert_eq!(last, error, "{}", done.told());
    for part in [
        "trained and scored before: 3 of 4 runs",
        "002-unet-seed2 failed: ",
    ] {
        assert!(done.stderr.contains(part), "{}", done.told());
    }
    let found = done.json();
    assert_eq!(found["failed"][0]["folder"], "002-unet-seed2");
    assert_eq!(found["runs"].as_array().unwrap().len(), 3);
    for method in found["sizes"][0]["methods"].as_array().unwrap() {
        assert_eq!(method["seeds"]["count"], 1);
    }
    let markdown = std::fs::read_to_string(at("out/results.md")).unwrap();
    assert!(markdown.contains("**1 of 4 runs failed.**"), "{markdown}");

    std::fs::write(&manifest, intact).unwrap();
    assert_eq!(call(folder.path()).json()["sizes"], whole["sizes"]);
}
