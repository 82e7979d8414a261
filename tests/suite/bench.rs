//! `bench` as its users meet it.

use crate::command::{entries, folder, refused, run, text, words};
use crate::support;
use hounsfield::config::{FinetuneConfig, Preset, PretrainConfig};
use hounsfield::device::{estimate_finetuning, estimate_pretraining};
use serde_json::Value;

/// What a step takes of a GPU, laid out without running.
fn laid_out(stage: &str, preset: &str, crops: u64) -> Value {
    let device = support::software_vulkan_name();
    let crops = crops.to_string();
    let call = ["--preset", preset, "--crops", &crops, "--device", &device];
    let args = format!("bench step {stage} --json --repeats 2 --dry-run");
    run(folder().path(), &words(&args, &call))
        .succeeded()
        .json()
}

#[test]
fn bench_data_tells_volumes_a_second() {
    let (list, root) = (
        support::data("openkbp/pretrain.json"),
        support::data("openkbp"),
    );
    let call = ["--datalist", text(&list), "--data-root", text(&root)];
    let folder = folder();
    let done = run(
        folder.path(),
        &words("bench data --preset tutorial --limit 2 --json", &call),
    );
    let result = done.succeeded().json();
    assert!(
        result["volumes_per_s"].as_f64().is_some_and(|v| v > 0.0),
        "{result}"
    );
    assert_eq!(result["volumes"], 2);
    assert!(
        entries(folder.path()).is_empty(),
        "a measurement leaves nothing"
    );
}

#[test]
fn bench_step_tells_the_time_of_a_step() {
    for stage in ["pretrain", "finetune"] {
        let args = format!(
            "bench step {stage} --json --device cpu --preset quickstart --crops 1 --repeats 1"
        );
        let result = run(folder().path(), &words(&args, &[])).succeeded().json();
        assert!(
            result["forward_backward_s"]
                .as_f64()
                .is_some_and(|s| s > 0.0),
            "{result}"
        );
        assert_eq!(result["stage"], stage);
    }
}

#[test]
fn a_fine_tuning_step_of_the_tutorial_fits_the_buffers_of_every_webgpu_device() {
    let result = laid_out("finetune", "tutorial", 1);
    let largest = result["largest_allocation_bytes"].as_u64().unwrap();
    // A 16-channel volume of 96^3 at least, and no more than a buffer may be everywhere.
    assert!(
        (4 * 16 * 96 * 96 * 96..=128 << 20).contains(&largest),
        "{result}"
    );
    // Each costs its launch, whatever it does: new ones by the hundred are a step backwards.
    let dispatches = result["dispatches"].as_u64().unwrap();
    assert!((100..1800).contains(&dispatches), "{result}");
    assert!(result["forward_backward_s"].is_null(), "{result}");
    // 0.7 of the tensors that PyTorch holds in MONAI's step (scripts/compare_memory.py: 2423 MiB).
    let memory = result["peak_memory_bytes"].as_u64().unwrap();
    assert!((1416 << 20..1696 << 20).contains(&memory), "{result}");
}

#[test]
fn the_memory_of_a_step_is_estimated_to_a_third() {
    let near = |stage: &str, preset: &str, crops: u64, estimated: u64| {
        let result = laid_out(stage, preset, crops);
        let taken = result["peak_memory_bytes"].as_f64().unwrap();
        let ratio = estimated as f64 / taken;
        assert!(
            (0.75..1.34).contains(&ratio),
            "{stage} {preset} {crops}: {estimated} for {taken}"
        );
    };
    for (name, preset) in [("tutorial", Preset::Tutorial), ("small", Preset::Small)] {
        let config: PretrainConfig = preset.settings().unwrap();
        let estimated = estimate_pretraining(&config.restorer(), 2 * 3, false);
        near("pretrain", name, 3, estimated.total());
        let config: FinetuneConfig = preset.settings().unwrap();
        let estimated = estimate_finetuning(&config.segmenter(), 2, false);
        near("finetune", name, 2, estimated.total());
    }
}

#[test]
fn a_dry_run_is_refused_on_the_cpu() {
    let args = "bench step --preset quickstart --device cpu --dry-run";
    refused(
        folder().path(),
        &words(args, &[]),
        1,
        &["--dry-run needs a GPU"],
    );
}

#[test]
fn tilings_are_timed_on_gpus_only() {
    let args = words("bench tilings --device cpu", &[]);
    refused(folder().path(), &args, 1, &["is no GPU", "name a --device"]);
}
