//! The program as its users meet it: calls that work as written, and what surrounds them.

use crate::command::{
    Done, FAILED, SMALL_NETWORK, TINY, entries, folder, program, refused, run, text, texture,
    words, write_list, write_volume,
};
use crate::support;
use hounsfield::config::{Preset, PretrainConfig};
use hounsfield::train::Checkpoint;
use serde_json::Value;
use std::process::Stdio;

#[test]
fn a_run_leaves_its_files_and_speaks_plain_lines() {
    let folder = folder();
    let done = run(folder.path(), &words(TINY, &["--out", "run"])).succeeded();
    assert_eq!(done.stdout, "", "{}", done.told());
    assert!(
        !done.stderr.contains(['\r', '\x1b']),
        "no bar where there is no terminal{}",
        done.told()
    );
    let run = folder.path().join("run");
    for name in [
        "config.toml",
        "metrics.jsonl",
        "curves.png",
        "reconstruction.png",
        "summary.json",
        "encoder.safetensors",
        "checkpoints/last/manifest.json",
        "checkpoints/best/manifest.json",
    ] {
        assert!(run.join(name).is_file(), "{name} is missing{}", done.told());
    }
    let events = entries(&run)
        .iter()
        .filter(|name| name.contains("events.out.tfevents."))
        .count();
    assert_eq!(events, 1, "{}", done.told());
    assert!(!entries(&run).iter().any(|name| name.ends_with(".tmp")));
}

#[test]
fn metrics_are_one_object_a_line_with_names_that_say_what_they_are() {
    let folder = folder();
    run(folder.path(), &words(TINY, &["--out", "run"])).succeeded();
    let lines = std::fs::read_to_string(folder.path().join("run/metrics.jsonl")).unwrap();
    let records: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line is JSON"))
        .collect();
    assert_eq!(records.len(), 3, "two steps and a validation: {lines}");
    for record in &records {
        assert!(
            record["step"].is_u64() && record["epoch"].is_u64(),
            "{record}"
        );
    }
    for name in [
        "train/total",
        "train/l1",
        "train/contrastive",
        "learning_rate",
        "gradient_norm",
    ] {
        assert!(
            records[..2].iter().all(|record| record[name].is_number()),
            "{name} in {lines}"
        );
    }
    assert!(records[2]["val/l1"].is_number(), "{lines}");
}

#[test]
fn json_is_one_object_and_all_of_standard_output() {
    let folder = folder();
    let done = run(folder.path(), &words(TINY, &["--out", "run", "--json"]));
    let summary = done.succeeded().json();
    assert_eq!(summary["complete"], true);
    assert_eq!(summary["steps"], 2);
    let file = std::fs::read_to_string(folder.path().join("run/summary.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&file).unwrap(), summary);
}

#[test]
fn pretraining_the_small_preset_on_real_volumes_and_resuming_it_work_as_written() {
    let folder = folder();
    let (list, root) = (
        support::data("openkbp/pretrain.json"),
        support::data("openkbp"),
    );
    let call = [
        "--datalist",
        text(&list),
        "--data-root",
        text(&root),
        "--out",
        "run",
    ];
    let start = "pretrain --preset small --epochs 1 --limit 2 --device cpu";
    run(folder.path(), &words(start, &call)).succeeded();
    let weights = folder
        .path()
        .join("run/checkpoints/last/weights.safetensors");
    let before = std::fs::read(&weights).unwrap();
    run(folder.path(), &["pretrain", "--resume", "run"]).succeeded();
    assert!(
        before == std::fs::read(&weights).unwrap(),
        "a complete run stays as it is"
    );
}

#[test]
fn preview_of_a_real_volume_writes_a_picture() {
    let folder = folder();
    let input = support::data("openkbp/images/pt_003.nii.gz");
    run(
        folder.path(),
        &["preview", "--input", text(&input), "--out", "picture.png"],
    )
    .succeeded();
    let picture = std::fs::read(folder.path().join("picture.png")).unwrap();
    assert!(picture.starts_with(b"\x89PNG") && picture.len() > 10_000);
}

#[test]
fn a_scan_is_previewed_as_a_run_on_it_would_see_it() {
    let folder = folder();
    write_volume(&folder.path().join("a.nii"), texture(0));
    let picture = |more: &str| {
        let call = words("preview --input a.nii --out picture.png", &[]);
        run(folder.path(), &[call, words(more, &[])].concat()).succeeded();
        std::fs::read(folder.path().join("picture.png")).unwrap()
    };
    let bare = picture("");
    assert!(bare == picture("--preset small"));
    assert!(bare != picture("--preset quickstart"));
}

#[test]
fn a_preview_does_not_replace_what_it_shows() {
    let folder = folder();
    write_volume(&folder.path().join("a.nii"), texture(0));
    let before = std::fs::read(folder.path().join("a.nii")).unwrap();
    let call = ["preview", "--input", "a.nii", "--out", "./a.nii"];
    refused(folder.path(), &call, FAILED, &["a.nii", "overwritten"]);
    let list = write_list(folder.path(), &["a.nii"]);
    for out in [list, "a.nii"] {
        let call = ["preview", "--datalist", list, "--out", out];
        refused(folder.path(), &call, FAILED, &[out, "overwritten"]);
    }
    assert!(std::fs::read(folder.path().join("a.nii")).unwrap() == before);
}

#[test]
fn label_maps_beside_their_scans_are_left_out_of_pre_training_and_counted() {
    let folder = folder();
    let scans = folder.path().join("scans");
    std::fs::create_dir(&scans).unwrap();
    for (number, name) in ["a.nii", "b.nii", "a_seg.nii"].into_iter().enumerate() {
        write_volume(&scans.join(name), texture(number));
    }
    let more = ["--max-steps", "1", "--datalist", "scans", "--out", "run"];
    let done = run(folder.path(), &words(SMALL_NETWORK, &more)).succeeded();
    let warned = done.stderr.contains("left out: 1, such as") && done.stderr.contains("a_seg.nii");
    assert!(warned, "{}", done.told());
    let counted = done.stderr.contains("1 training and 1 validation");
    assert!(counted, "{}", done.told());
}

#[test]
fn doctor_tells_adapters_memory_and_a_passed_self_test() {
    let report = run(folder().path(), &["doctor", "--json"])
        .succeeded()
        .json();
    assert!(report["adapters"].is_array(), "{report}");
    assert_eq!(
        report["presets"].as_array().map(Vec::len),
        Some(3),
        "{report}"
    );
    assert!(
        report["self_test"]
            .as_array()
            .is_some_and(|tests| tests.len() >= 4),
        "{report}"
    );
    assert!(report["error"].is_null(), "{report}");
}

#[test]
fn phantoms_that_were_written_can_be_trained_on() {
    let folder = folder();
    run(
        folder.path(),
        &words("phantom --small --cases 2 --out data", &[]),
    )
    .succeeded();
    let list = std::fs::read(folder.path().join("data/dataset.json")).unwrap();
    let list: serde_json::Value = serde_json::from_slice(&list).unwrap();
    let [training, validation] = ["training", "validation"].map(|part| &list[part]);
    assert_eq!(training[0]["image"], "images/phantom_0000.nii.gz");
    assert_eq!(validation[0]["image"], "images/phantom_0001.nii.gz");
    let call = words(TINY, &["--datalist", "data/dataset.json", "--out", "run"]);
    run(folder.path(), &call).succeeded();
}

/// The commands that the program's own help names.
fn commands() -> Vec<String> {
    let help = run(folder().path(), &["-h"]).succeeded().stdout;
    let (_, listed) = help.split_once("Commands:\n").expect("a list of commands");
    listed
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  "))
        // What is further in goes on with the line before.
        .filter(|line| !line.starts_with(' '))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_command_explains_itself() {
    let commands = commands();
    assert_eq!(commands.len(), 11, "{commands:?}");
    for command in &commands {
        let done = run(folder().path(), &[command.as_str(), "--help"]).succeeded();
        assert!(
            done.stdout.contains("Usage:") && done.stderr.is_empty(),
            "{}",
            done.told()
        );
    }
}

#[test]
fn the_help_states_the_defaults_of_settings() {
    let help = run(folder().path(), &["pretrain", "--help"])
        .succeeded()
        .stdout;
    let flat = help.split_whitespace().collect::<Vec<_>>().join(" ");
    let start = flat.find("--epochs <N>").expect("--epochs is explained");
    let epochs = &flat[start
        ..flat[start..]
            .find("--max-steps")
            .map_or(flat.len(), |end| start + end)];
    for preset in Preset::ALL {
        let stated = format!(
            "{}: {}",
            preset.name(),
            preset
                .settings::<PretrainConfig>()
                .unwrap()
                .run
                .epochs
                .unwrap()
        );
        assert!(epochs.contains(&stated), "{stated} in {epochs}");
    }
}

#[test]
fn a_reader_that_leaves_early_ends_the_program_without_a_word() {
    for args in [["doctor", "--json"], ["doctor", "--device=cpu"]] {
        let mut child = program(folder().path())
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let done = Done::of(args.join(" "), &child.wait_with_output().unwrap());
        assert_eq!(done.code, Some(FAILED), "{}", done.told());
        for word in ["error:", "panicked"] {
            assert!(!done.stderr.contains(word), "{}", done.told());
        }
    }
}

#[test]
fn a_terminal_that_goes_away_does_not_end_a_run() {
    let folder = folder();
    let call = words(TINY, &["--out", "run"]);
    let mut child = program(folder.path())
        .args(call)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(folder.path().join("run/summary.json").is_file());
}

#[test]
fn a_run_whose_weights_explode_ends_with_an_error_and_a_good_checkpoint() {
    let folder = folder();
    let more = [
        "--learning-rate",
        "1e30",
        "--clip-norm",
        "0",
        "--max-steps",
        "2",
        "--out",
        "run",
    ];
    let done = run(folder.path(), &words(TINY, &more));
    assert_eq!(done.code, Some(FAILED), "{}", done.told());
    assert!(done.stderr.contains("not finite"), "{}", done.told());
    let checkpoint = Checkpoint::<PretrainConfig>::latest(&folder.path().join("run")).unwrap();
    let weights = checkpoint.weights.iter();
    assert!(
        weights
            .flat_map(|(_, values)| values)
            .all(|w| w.is_finite())
    );
}

#[test]
fn images_that_are_not_in_hu_are_warned_about_where_no_modality_is_named() {
    let folder = folder();
    for (lift, warned) in [(0, false), (500, true)] {
        write_volume(&folder.path().join("a.nii"), |index| {
            texture(0)(index) + lift
        });
        let list = write_list(folder.path(), &["a.nii"]);
        let out = format!("run {lift}");
        let call = words(
            SMALL_NETWORK,
            &["--max-steps", "1", "--datalist", list, "--out", &out],
        );
        let done = run(folder.path(), &call).succeeded();
        let found = done.stderr.contains("a.nii has no value below 51")
            && done.stderr.contains("--intensity percentile");
        assert_eq!(found, warned, "{}", done.told());
    }
}
