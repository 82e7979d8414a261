//! The page in headless Chromium, as Trunk builds it: on the CPU in WebAssembly, held against the native program.
//!
//! `web/test/drive.mjs` presses the buttons. This side serves the folder, knows what was asked for, and compares.

use crate::site::{ROOT, results, run, serve, target};
use crate::support::data;
use flate2::Compression;
use flate2::write::GzEncoder;
use hounsfield::config::{FinetuneConfig, StageConfig};
use hounsfield::dataset::phantom::{PhantomSpec, abdomen};
use hounsfield::dataset::{DataList, MemorySource};
use hounsfield::infer::{Blending, SlidingWindow, segment_input};
use hounsfield::metric::{LabelPair, score};
use hounsfield::nn::Unetr;
use hounsfield::platform;
use hounsfield::report::metrics::{self, Record};
use hounsfield::train::{Checkpoint, Control, Event, Finetuning, Observer, Run, TrainError, train};
use hounsfield::volume;
use hounsfield::weights::{
    Archive, Need, PatchGrids, TransferOptions, Values, WeightsFile, decode, describe, fill,
    transfer,
};
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

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

/// The least Dice, over the classes, between the page's segmentation of its phantom and the native program's.
fn agreement(labels: &Path) -> f64 {
    let bundled = Path::new(ROOT).join("web/model");
    let bytes = platform::read(&bundled.join("model.safetensors")).unwrap();
    let text = std::fs::read_to_string(bundled.join("config.toml")).unwrap();
    let config = FinetuneConfig::from_toml(&text, "config.toml").unwrap();
    let device = crate::support::cpu();
    let network = Unetr::zeros(&config.unetr(), &device).unwrap();
    let network = fill(network, &decode(&bytes).unwrap()).unwrap();
    let image = abdomen(2026, &PhantomSpec::quickstart()).unwrap().image;
    let (shape, spacing) = (image.shape(), image.spacing());
    let prepared = config.transform().image(image).unwrap();
    let windows = SlidingWindow {
        window: config.crops.roi_size,
        overlap: 0.5,
        blending: Blending::Gaussian,
        mirror: false,
    };
    let mut go_on = |_, _| ControlFlow::Continue(());
    let expected = segment_input(&network, &prepared, &windows, &device, None, &mut go_on);
    let expected = pollster::block_on(expected).unwrap();
    let found = volume::read(labels).unwrap();
    let found: Vec<u8> = found.data().iter().map(|label| *label as u8).collect();
    let pair = LabelPair::new(&found, &expected, shape, spacing).unwrap();
    let score = score("phantom", &pair, network.classes(), None).unwrap();
    let dice = score.classes.iter().filter_map(|class| class.dice);
    dice.fold(1.0, f64::min)
}

/// Values by step.
fn series(folder: &Path, name: &str) -> Vec<(f64, f64)> {
    let records: Vec<Record> = metrics::read(&folder.join("metrics.jsonl")).unwrap();
    metrics::series(&records, name)
}

/// The run of the page's settings and cases, natively on the CPU: its losses. Stops after `stop` steps.
fn native(
    config: &FinetuneConfig,
    start: Values,
    resume: Option<Checkpoint<FinetuneConfig>>,
    folder: Option<PathBuf>,
    stop: u64,
) -> Vec<(u64, f32)> {
    struct Losses(Vec<(u64, f32)>, Control, u64);
    impl Observer for Losses {
        fn event(&mut self, event: &Event<'_>) -> Result<(), TrainError> {
            if let Event::Steps { losses, .. } = event {
                self.0
                    .extend(losses.iter().map(|step| (step.step, step.losses[0].1)));
                if self.0.last().is_some_and(|(step, _)| *step >= self.2) {
                    self.1.stop();
                }
            }
            Ok(())
        }
    }
    let transform = config.transform();
    let cases = |numbers: &[&str]| {
        let raw = numbers.iter().map(|number| {
            let read = |kind: &str| {
                let file = format!("hippocampus/{kind}/hippocampus_{number}.nii.gz");
                volume::read(&data(&file)).unwrap()
            };
            (
                format!("hippocampus_{number}"),
                read("images"),
                read("labels"),
            )
        });
        Arc::new(MemorySource::prepare_labelled(raw, &transform).unwrap())
    };
    let task = Finetuning::new(
        config.clone(),
        cases(&["024", "052", "158"]),
        cases(&["104"]),
        start,
    )
    .unwrap();
    let control = Control::default();
    let mut losses = Losses(Vec::new(), control.clone(), stop);
    let run = Run {
        task,
        device: crate::support::cpu(),
        folder,
        resume,
    };
    pollster::block_on(train(run, &mut losses, &control)).unwrap();
    losses.0
}

/// What fine-tuning takes from the bundled network.
fn start(bundled: &[u8], config: &FinetuneConfig) -> Values {
    let unetr = config.unetr();
    let empty = Unetr::zeros(&unetr, &crate::support::cpu()).unwrap();
    let options = TransferOptions {
        need: Need::Encoder,
        allow_partial: false,
        positions: Some(PatchGrids {
            from: None,
            to: unetr.vit.grid(),
        }),
    };
    let file = WeightsFile::open(bundled).unwrap();
    transfer(&file, &describe(&empty), &options).unwrap().0
}

/// Largest relative difference that two backends may come to in so many steps.
fn assert_close(step: u64, found: f64, expected: f64) {
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
fn the_page_segments_learns_pauses_and_goes_on_in_webassembly() {
    let (site, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    build(site.path());
    let bytes = download(site.path());
    assert!(
        bytes <= LARGEST_DOWNLOAD,
        "the page's download has {bytes} bytes"
    );
    let address = serve(site.path().to_owned());
    let folder = folder.path();
    let seen = drive("visit", &format!("{address}?device=cpu"), folder);
    assert_eq!(seen["errors"], serde_json::json!([]), "{seen:#}");

    // Nothing leaves the origin, and nothing is asked for once the page is there but for the visit after the reload.
    let requests = seen["requests"].as_array().unwrap();
    for request in requests {
        let url = request.as_str().unwrap();
        assert!(
            url.starts_with(&address) || url.starts_with("blob:"),
            "{url}"
        );
    }
    let refused = seen["refused"].as_object().unwrap();
    for (file, words) in [
        ("ten_gigabytes.nii", "do not fit in memory"),
        ("bomb.nii.gz", "bomb.nii.gz"),
        ("truncated.nii.gz", "truncated"),
        ("example4d.nii.gz", "4"),
        ("weights.pth", "hounsfield convert"),
    ] {
        let told = refused[file].as_str().unwrap();
        assert!(told.contains(words), "{file}: {told}");
        // The words of the native reader, but for what fits into 64 bits only.
        if !["weights.pth", "ten_gigabytes.nii"].contains(&file) {
            let path = match file {
                "truncated.nii.gz" => data("robustness/derived/truncated.nii.gz"),
                "example4d.nii.gz" => data("robustness/nibabel/example4d.nii.gz"),
                made => folder.join(made),
            };
            let bytes = std::fs::read(path).unwrap();
            let error = volume::read_nifti(&bytes, file).unwrap_err().to_string();
            assert_eq!(told, error, "{file}");
        }
    }

    let agreed = agreement(Path::new(seen["labels"].as_str().unwrap()));
    assert!(agreed >= 0.99, "Dice with the native labels: {agreed}");

    assert!(
        seen["latency"].as_f64().unwrap() < 100.0,
        "{}",
        seen["latency"]
    );
    let (before, after) = (&seen["paused"]["before"], &seen["paused"]["after"]);
    assert!(
        after.as_u64().unwrap() <= before.as_u64().unwrap() + 2,
        "{before} {after}"
    );

    // The same run natively, from the same start.
    let half = std::fs::read(seen["half"].as_str().unwrap()).unwrap();
    let archive = Archive::open(&half).unwrap();
    let config = archive
        .bytes("hounsfield-run/config.toml")
        .unwrap()
        .unwrap();
    let config = std::str::from_utf8(config).unwrap();
    let config = FinetuneConfig::from_toml(config, "the page").unwrap();
    let bundled = platform::read(&Path::new(ROOT).join("web/model/model.safetensors")).unwrap();
    let start = start(&bundled, &config);
    let expected = native(&config, start.clone(), None, None, u64::MAX);
    let found = series(folder, "train/total");
    assert_eq!(found.len(), 20);
    for step in [1, 5, 20u64] {
        let at = step as usize - 1;
        assert_close(step, found[at].1, f64::from(expected[at].1));
    }
    assert!(found[19].1 < found[0].1, "the loss falls: {found:?}");

    // The page's half of a run is gone on with natively, and the reverse.
    let unpacked = folder.join("unpacked");
    for name in archive.names() {
        let path = unpacked.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, archive.bytes(name).unwrap().unwrap()).unwrap();
    }
    let checkpoint = Checkpoint::latest(&unpacked.join("hounsfield-run")).unwrap();
    let rest = native(&config, Values::new(), Some(checkpoint), None, u64::MAX);
    let (step, last) = *rest.last().unwrap();
    assert_close(step, found[19].1, f64::from(last));

    let begun = folder.join("native");
    native(&config, start, None, Some(begun), 8);
    let list = archive
        .bytes("hounsfield-run/dataset.json")
        .unwrap()
        .unwrap();
    DataList::parse(list, "dataset.json", Path::new("")).unwrap();
    std::fs::write(folder.join("dataset.json"), list).unwrap();
    std::fs::remove_file(folder.join("metrics.jsonl")).unwrap();
    let seen = drive("native", &format!("{address}?device=cpu"), folder);
    assert_eq!(seen["errors"], serde_json::json!([]), "{seen:#}");
    let (step, last) = *series(folder, "train/total").last().unwrap();
    assert_close(step as u64, last, f64::from(expected[19].1));
}

#[test]
fn the_page_pre_trains_and_fine_tunes_from_what_that_leaves() {
    let (site, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    build(site.path());
    let address = serve(site.path().to_owned());
    let seen = drive("pretrain", &format!("{address}?device=cpu"), folder.path());
    assert_eq!(seen["errors"], serde_json::json!([]), "{seen:#}");
    assert!(seen["picture"].as_u64().unwrap() > 100, "{seen:#}");
    assert!(
        seen["finetuned"]
            .as_str()
            .unwrap()
            .starts_with("Done after step 4"),
        "{seen:#}"
    );
}

#[test]
fn the_page_trains_on_webgpu_and_survives_the_loss_of_its_device() {
    let (site, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    build(site.path());
    let address = serve(site.path().to_owned());
    let seen = drive("lost", &address, folder.path());
    assert!(
        seen["device"].as_str().unwrap().starts_with("WebGPU"),
        "{seen:#}"
    );
    let told = seen["told"].as_str().unwrap();
    assert!(told.contains("goes on from the last autosave"), "{told}");
    assert!(
        seen["done"]
            .as_str()
            .unwrap()
            .starts_with("Done after step 12"),
        "{seen:#}"
    );
}
