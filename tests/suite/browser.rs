//! The kernels and a pre-training in headless Chromium: on WebGPU with its software adapter, and on the CPU in WebAssembly.

use crate::site::{ROOT, results, run, serve, target};
use std::path::Path;
use std::process::Command;

/// Builds the program of `web/check.html` and gives the folder that holds both.
fn build() -> tempfile::TempDir {
    let told = run(Command::new(env!("CARGO"))
        .env("CARGO_TARGET_DIR", target())
        .args([
            "build",
            "--release",
            "--locked",
            "--target=wasm32-unknown-unknown",
            "--no-default-features",
            "--features=web",
            "--bin=web-check",
        ]));
    // Cargo repeats the warnings of a build that it did before.
    assert!(!told.contains("warning:"), "{told}");
    let site = tempfile::tempdir().unwrap();
    let program = target().join("wasm32-unknown-unknown/release/web-check.wasm");
    run(Command::new("wasm-bindgen")
        .args(["--target=web", "--no-typescript", "--out-dir"])
        .arg(site.path())
        .arg(program));
    let page = Path::new(ROOT).join("web/check.html");
    std::fs::copy(page, site.path().join("check.html")).unwrap();
    site
}

/// What was found on a device.
fn found_on(address: &str, device: &str) -> serde_json::Value {
    let folder = tempfile::tempdir().unwrap();
    run(Command::new("node")
        .arg("web/test/suite.mjs")
        .arg(format!("{address}check.html?device={device}"))
        .arg(folder.path()));
    let found = results(folder.path());
    assert!(found["error"].is_null(), "{device}: {}", found["error"]);
    found
}

/// Losses and scores of the pre-training, in order.
fn pretraining(found: &serde_json::Value) -> Vec<f64> {
    serde_json::from_value(found["pretraining"].clone()).unwrap()
}

#[test]
fn chromium_computes_right_and_pre_trains_alike_on_webgpu_and_on_the_cpu_that_auto_prefers() {
    let site = build();
    let address = serve(site.path().to_owned());
    let mut numbers = Vec::new();
    for (device, description) in [("webgpu", "WebGPU"), ("auto", "CPU in WebAssembly")] {
        let found = found_on(&address, device);
        assert_eq!(found["device"], description);
        let suite = found["suite"].as_array().unwrap();
        assert!(suite.len() > 60, "{} comparisons", suite.len());
        for result in suite {
            let error = result["error"].as_f64().unwrap_or(f64::INFINITY);
            assert!(
                error <= hounsfield::device::SUITE_TOLERANCE,
                "{device}: {} is off by {error:.1e}",
                result["name"]
            );
        }
        numbers.push(pretraining(&found));
    }
    let [webgpu, cpu] = &numbers[..] else {
        panic!("two devices: {numbers:?}");
    };
    // Two steps with three losses and a validation each. Adam's first step goes by the sign of a gradient, which near zero
    // is that of its rounding; without an update the second losses would be far from these.
    assert_eq!((webgpu.len(), cpu.len()), (8, 8), "{numbers:?}");
    for (found, expected) in webgpu.iter().zip(cpu) {
        let off = (found - expected).abs() / expected.abs().max(1.0);
        assert!(off <= 1e-3, "{numbers:?}");
    }
}
