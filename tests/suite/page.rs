//! The page in headless Chromium, as Trunk builds it: on the CPU in WebAssembly and on WebGPU, held against the native
//! program.
//!
//! `web/test/drive.mjs` presses the buttons. This side serves the folder, knows what was asked for, and compares.

mod lists;
// Parts of the page's program that need no browser: their tests run here.
#[path = "../../web/worker/settings/doubts.rs"]
mod doubts;
#[path = "../../web/worker/names.rs"]
mod names;
mod native;
#[path = "../../web/worker/cases/values.rs"]
mod values;
mod visit;

use crate::site::{results, run, serve, target};
use crate::support::data;
use flate2::Compression;
use flate2::write::GzEncoder;
use hounsfield::config::{FinetuneConfig, StageConfig};
use hounsfield::report::metrics::{self, Record};
use hounsfield::weights::{Archive, Values};
use native::Natively;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;
use visit::visit;

/// Bytes, compressed, without the network.
const LARGEST_DOWNLOAD: usize = 6_000_000;

/// Builds the page into a folder.
fn build(site: &Path) {
    run(Command::new("trunk")
        .env("CARGO_TARGET_DIR", target())
        .env_remove("NO_COLOR")
        .args(["build", "--release", "--offline", "--dist"])
        .arg(site));
}

/// Bytes of the page's download, gzipped, without the network.
fn download(site: &Path) -> usize {
    std::fs::read_dir(site)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| {
            let bytes = std::fs::read(path).unwrap();
            let mut packed = GzEncoder::new(Vec::new(), Compression::best());
            packed.write_all(&bytes).unwrap();
            packed.finish().unwrap().len()
        })
        .sum()
}

/// Drives the page through a story; gives what was seen.
fn drive(story: &str, address: &str, folder: &Path) -> serde_json::Value {
    run(Command::new("node")
        .args(["web/test/drive.mjs", story, address])
        .args([folder, data("README.md").parent().unwrap()]));
    results(folder)
}

/// Builds the page and drives it through one story; gives the folder of its files with what was seen.
fn told(story: &str, query: &str) -> (TempDir, serde_json::Value) {
    told_with(story, query, |_| {})
}

/// The same, with files that `prepare` puts into the folder.
fn told_with(story: &str, query: &str, prepare: fn(&Path)) -> (TempDir, serde_json::Value) {
    let (site, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    prepare(folder.path());
    build(site.path());
    let address = serve(site.path().to_owned());
    let seen = drive(story, &format!("{address}{query}"), folder.path());
    (folder, seen)
}

/// Values by step.
fn series(folder: &Path, name: &str) -> Vec<(f64, f64)> {
    let records: Vec<Record> = metrics::read(&folder.join("metrics.jsonl")).unwrap();
    metrics::series(&records, name)
}

/// The settings of a run that the page gave.
fn settings(run: &Archive<'_>) -> FinetuneConfig {
    let config = run.bytes("hounsfield-run/config.toml").unwrap().unwrap();
    let config = std::str::from_utf8(config).unwrap();
    FinetuneConfig::from_toml(config, "the page").unwrap()
}

/// Nothing went wrong in the page itself.
fn assert_no_errors(seen: &serde_json::Value) {
    assert_eq!(seen["errors"], serde_json::json!([]), "{seen:#}");
}

/// Pausing takes effect within two steps.
fn assert_paused_soon(seen: &serde_json::Value) {
    let (before, after) = (&seen["paused"]["before"], &seen["paused"]["after"]);
    assert!(
        after.as_u64().unwrap() <= before.as_u64().unwrap() + 2,
        "{before} {after}"
    );
}

/// Largest relative difference that two backends may come to in so many steps.
fn assert_close(step: usize, found: f64, expected: f64) {
    let tolerance = match step {
        0..=1 => 1e-5,
        2..=5 => 1e-4,
        _ => 1e-3,
    };
    let off = (found - expected).abs() / expected.abs();
    assert!(
        off <= tolerance,
        "step {step}: {found} and natively {expected}"
    );
}

#[test]
fn parts_of_the_page_hold_without_a_browser() {
    run(Command::new("node").arg("web/test/parts.mjs"));
}

#[test]
fn the_viewer_gets_over_lost_graphics() {
    let (_folder, seen) = told("graphics", "?device=cpu");
    assert_no_errors(&seen);
    assert_eq!(seen["graphics"]["different"], true, "{seen:#}");
    assert_eq!(seen["graphics"]["restored"], true, "{seen:#}");
    let painted = seen["painted"].as_f64().unwrap();
    assert!(painted > 0.0 && painted < 0.05, "{painted} of the picture");
}

#[test]
fn the_page_segments_learns_pauses_and_goes_on_in_webassembly() {
    visit("?device=cpu", "Processor");
}

#[test]
fn on_webgpu_the_page_segments_learns_pauses_and_goes_on() {
    visit("?device=webgpu", "WebGPU");
}

#[test]
fn the_page_pre_trains_and_fine_tunes_from_what_that_leaves() {
    let (_folder, seen) = told_with("pretrain", "?device=cpu", |folder| {
        let settings = folder.join("settings.toml");
        let text = "[network]\npatch_size = 8\nhidden_size = 24\nmlp_dim = 32\nlayers = 3\nheads = 2\n[sampling]\nroi_size = [16, 16, 16]\n";
        std::fs::write(&settings, text).unwrap();
        run(Command::new(env!("CARGO_BIN_EXE_hounsfield"))
            .args([
                "pretrain",
                "--device",
                "cpu",
                "--phantoms",
                "2",
                "--epochs",
                "1",
            ])
            .arg("--config")
            .arg(settings)
            .arg("--out")
            .arg(folder.join("native")));
    });
    assert_no_errors(&seen);
    assert!(seen["picture"].as_u64().unwrap() > 100, "{seen:#}");
    assert_checks_are_told_and_timed(&seen["states"]);
    assert!(
        seen["finetuned"]
            .as_str()
            .unwrap()
            .starts_with("Done after step 4"),
        "{seen:#}"
    );
    let of_another_size = seen["of_another_size"].as_str().unwrap();
    assert!(of_another_size.starts_with("Done after step 4"), "{seen:#}");
    for key in ["shrunk", "typed", "crowded", "resized"] {
        assert!(seen[key].is_string(), "{key}");
    }
    assert_eq!(seen["half"], false);
    let refused = seen["refused"].as_str().unwrap();
    assert!(refused.contains("does not offer it"), "{refused}");
}

/// What is said of a pre-training of 6 steps with a check after every third.
fn assert_checks_are_told_and_timed(states: &serde_json::Value) {
    let states: Vec<String> = serde_json::from_value(states.clone()).unwrap();
    let said = |start: &str, end: &str| {
        let found = states
            .iter()
            .any(|state| state.starts_with(start) && state.ends_with(end));
        assert!(found, "{start}..{end}: {states:#?}");
    };
    said("Step 1 of 6, ", " left without checks");
    said(
        "Checking with 1 scan after step 3 of 6: 0 %, ",
        " left without checks",
    );
    said("Checked after step 3 of 6: error ", ", the best so far");
    // The first check has told how long the second takes.
    said("Step 4 of 6, ", "s left");
    said("Checking with 1 scan after step 6 of 6: 0 %, ", "s left");
}

#[test]
fn a_run_on_a_phantom_gets_to_its_end_after_reloads_and_with_a_damaged_copy() {
    let (_folder, seen) = told("phantom", "?device=cpu");
    assert_no_errors(&seen);
    let count = |key: &str| seen[key].as_array().unwrap().len();
    assert_eq!((count("undisturbed"), count("resumed")), (150, 150));
    assert_eq!(seen["resumed"], seen["undisturbed"]);
    assert_eq!(seen["survived"], seen["undisturbed"]);
    let accidents = &seen["accidents"];
    let offered = accidents["offered"].as_str().unwrap();
    assert!(offered.contains("An earlier fine-tuning"), "{offered}");
    let (told, older) = (accidents["damaged"].as_str().unwrap(), &accidents["older"]);
    let taken = format!("the one of step {older}.");
    assert!(told.contains(&taken), "{told} instead of {taken}");
    let asked = seen["asked"].as_str().unwrap();
    assert!(asked.contains("remove it?"), "{asked}");
}

/// Takes the timestamps from every adapter, before the worker of the page does anything: some browsers offer none.
fn without_timestamps(site: &Path) {
    let start = site.join("worker_start.js");
    let page = std::fs::read_to_string(&start).unwrap();
    let hide = include_str!("../../web/test/no_timestamps.js");
    std::fs::write(start, format!("{hide}{page}")).unwrap();
}

#[test]
fn on_webgpu_without_timestamps_training_survives_the_loss_of_its_device() {
    let (site, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    build(site.path());
    without_timestamps(site.path());
    let address = serve(site.path().to_owned());
    let seen = drive("loss", &format!("{address}?device=webgpu"), folder.path());
    assert!(
        seen["device"].as_str().unwrap().starts_with("WebGPU"),
        "{seen:#}"
    );
    assert_eq!(seen["timestamps"], false, "{seen:#}");
    let told = seen["told"].as_str().unwrap();
    assert!(told.contains("goes on from the last autosave"), "{told}");
    assert_eq!(seen["blocked"], "connect-src");
    let lost = seen["lost"].as_str().unwrap();
    assert!(lost.contains("open it again under Teach"), "{lost}");
    assert_eq!(seen["left_out"], "", "{seen:#}");

    // Paused, gone on with after a reload, its device destroyed: still the steps of an undisturbed native run.
    let whole = std::fs::read(seen["run"].as_str().unwrap()).unwrap();
    let config = settings(&Archive::open(&whole).unwrap());
    let natively = Natively {
        config: &config,
        training: &["024", "158"],
        validation: &["052"],
    };
    let expected = natively.losses(Values::new());
    let found = series(folder.path(), "train/total");
    assert_eq!(found.len(), 60);
    for step in [1, 5, 20] {
        assert_close(step, found[step - 1].1, expected[step - 1]);
    }
}
