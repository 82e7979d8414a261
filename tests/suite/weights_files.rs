//! Files that PyTorch wrote (`scripts/torch_reference.py`), the networks they move into, and `convert`.

use crate::command::{Done, program, run, words};
use crate::support::fill;
use crate::support::sizes::SMALLEST;
use hounsfield::device::{DeviceChoice, select};
use hounsfield::nn::{ViTAutoEncoder, VisionTransformer, VitConfig};
use hounsfield::weights::{
    FileFormat, Need, NetworkKind, PatchGrids, TransferError, TransferOptions, WeightsFile, decode,
    describe, export, initialise, initialise_with, transfer,
};
use std::path::{Path, PathBuf};

const WHOLE: TransferOptions = TransferOptions {
    need: Need::All,
    allow_partial: false,
    positions: None,
};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).unwrap()
}

/// The number that the script put at a place.
fn expected(name: &str, index: usize) -> f32 {
    ((128.0 * fill::uniform(name, index)).floor() / 64.0 - 1.0) as f32
}

/// The name without what the script put before it.
fn plain(name: &str) -> &str {
    name.trim_start_matches("module.")
        .trim_start_matches("vit.")
}

#[track_caller]
fn assert_numbers(name: &str, values: &[f32]) {
    let expected: Vec<f32> = (0..values.len())
        .map(|i| expected(plain(name), i))
        .collect();
    assert_eq!(values, expected, "{name}");
}

#[test]
fn every_layout_and_type_of_a_checkpoint_is_read() {
    let bytes = bytes("vitautoenc_small.pt");
    let file = WeightsFile::open(&bytes).unwrap();
    assert_eq!(file.format, FileFormat::PyTorch);
    assert_eq!(file.wrapper.as_deref(), Some("state_dict"));
    assert_eq!(file.ignored, ["epoch", "best", "optimizer"]);
    assert_eq!(file.tensors.len(), 25);
    for tensor in &file.tensors[..20] {
        let values = tensor.values();
        assert_eq!(values.len(), tensor.shape.iter().product::<usize>());
        assert_numbers(&tensor.name, &values);
    }
    assert_eq!(file.tensors[1].shape, [8, 1, 4, 4, 4]);
}

#[test]
fn the_format_before_1_6_holds_the_same() {
    let bytes = bytes("vit_small_legacy.pt");
    let file = WeightsFile::open(&bytes).unwrap();
    assert_eq!(file.format, FileFormat::LegacyPyTorch);
    assert_eq!(file.wrapper.as_deref(), Some("network_weights"));
    assert_eq!(file.tensors.len(), 16);
    for tensor in &file.tensors {
        assert_numbers(&tensor.name, &tensor.values());
    }
    for length in (0..bytes.len()).step_by(7) {
        assert!(
            WeightsFile::open(&bytes[..length]).is_err(),
            "cut to {length} bytes"
        );
    }
}

#[test]
fn changed_bytes_never_panic() {
    for name in ["vitautoenc_small.pt", "vit_small_legacy.pt"] {
        let whole = bytes(name);
        for at in (0..whole.len()).step_by(3) {
            for flip in [0x01, 0x80, 0xff] {
                let mut changed = whole.clone();
                changed[at] ^= flip;
                if let Ok(file) = WeightsFile::open(&changed) {
                    assert!(file.tensors.iter().all(|t| t.values().len() <= whole.len()));
                }
            }
        }
    }
}

#[test]
fn a_checkpoint_of_the_original_fills_the_network() {
    pollster::block_on(async {
        let device = select(DeviceChoice::Cpu).await.unwrap().device;
        let network = ViTAutoEncoder::zeros(&SMALLEST, &device).unwrap();
        let bytes = bytes("vitautoenc_small.pt");
        let file = WeightsFile::open(&bytes).unwrap();
        let (values, report) = transfer(&file, &describe(&network), &WHOLE).unwrap();
        assert_eq!(report.origin.network, NetworkKind::AutoEncoder);
        assert_eq!((report.encoder, report.encoder_taken), (16, 16));
        assert_eq!(values.len(), 20);
        assert_eq!(report.converted.len(), 4);
        assert_eq!(report.dropped.len(), 5);
        let network = initialise_with(network, 1, values).unwrap();
        for (info, values) in export(&network).await.unwrap() {
            assert_numbers(&info.name, &values);
        }
    });
}

#[test]
fn what_the_file_lacks_stays_as_it_was_drawn() {
    pollster::block_on(async {
        let device = select(DeviceChoice::Cpu).await.unwrap().device;
        let network = ViTAutoEncoder::zeros(&SMALLEST, &device).unwrap();
        let drawn = initialise(network.clone(), 1).unwrap();
        let bytes = bytes("vit_small_legacy.pt");
        let file = WeightsFile::open(&bytes).unwrap();
        let options = TransferOptions {
            need: Need::Encoder,
            ..WHOLE
        };
        let (values, report) = transfer(&file, &describe(&network), &options).unwrap();
        assert_eq!(report.random.len(), 4);
        let network = initialise_with(network, 1, values).unwrap();
        let (now, before) = (
            export(&network).await.unwrap(),
            export(&drawn).await.unwrap(),
        );
        for ((info, now), (_, before)) in now.iter().zip(&before) {
            match info.name.starts_with("conv3d") {
                true => assert_eq!(now, before, "{}", info.name),
                false => assert_numbers(&info.name, now),
            }
        }
        let refused = transfer(&file, &describe(&network), &WHOLE).unwrap_err();
        assert!(
            matches!(refused, TransferError::Parts { missing: 4, .. }),
            "{refused}"
        );
    });
}

#[test]
fn positions_fit_another_crop_when_asked() {
    pollster::block_on(async {
        let device = select(DeviceChoice::Cpu).await.unwrap().device;
        let config = VitConfig {
            image_size: [16, 8, 4],
            ..SMALLEST
        };
        let network = VisionTransformer::zeros(&config, &device).unwrap();
        let bytes = bytes("vit_small_legacy.pt");
        let file = WeightsFile::open(&bytes).unwrap();
        // As many patches on another grid: only who asks can know.
        let asked = TransferOptions {
            positions: Some(PatchGrids {
                from: Some([2; 3]),
                to: config.grid(),
            }),
            ..WHOLE
        };
        let (values, report) = transfer(&file, &describe(&network), &asked).unwrap();
        assert_eq!(report.resized[0].reason, "2x2x2 to 4x2x1 patches");
        // The first patch of the new grid lies at the first half of axis 0 and between both of axis 2.
        let found = values["patch_embedding.position_embeddings"][0];
        let name = "patch_embedding.position_embeddings";
        let mean = (expected(name, 0) + expected(name, 8)) / 2.0;
        assert!((found - mean).abs() < 1e-6, "{found} {mean}");
    });
}

fn convert(folder: &Path, input: &Path, output: &str, more: &str) -> Done {
    let input = input.to_str().unwrap();
    let call = format!("convert {more} --output {output} --input");
    run(folder, &words(&call, &[input]))
}

#[test]
fn convert_goes_there_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let there = convert(
        folder.path(),
        &path("vitautoenc_small.pt"),
        "a.safetensors",
        "--json",
    )
    .succeeded();
    let report: serde_json::Value = serde_json::from_str(&there.stdout).unwrap();
    assert_eq!(report["tensors"], 20);
    assert_eq!(report["origin"]["network"], "ViTAutoEnc");
    assert_eq!(report["origin"]["wrapper"], "state_dict");
    assert_eq!(report["dropped"].as_array().unwrap().len(), 5);
    let first = folder.path().join("a.safetensors");
    let values = decode(&std::fs::read(&first).unwrap()).unwrap();
    assert_eq!(values.len(), 20);
    for (name, values) in &values {
        assert_numbers(name, values);
    }
    let back = convert(folder.path(), &first, "b.pt", "--monai 1.5").succeeded();
    assert!(back.stdout.contains("added: 7 tensors"), "{}", back.told());
    convert(
        folder.path(),
        &folder.path().join("b.pt"),
        "c.safetensors",
        "",
    )
    .succeeded();
    let again = std::fs::read(folder.path().join("c.safetensors")).unwrap();
    assert_eq!(again, std::fs::read(&first).unwrap());
}

#[test]
fn convert_takes_the_weights_of_the_folder_of_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let small = path("vitautoenc_small.pt");
    convert(folder.path(), &small, "a.safetensors", "").succeeded();
    std::fs::create_dir(at("run")).unwrap();
    let missing = convert(folder.path(), &at("run"), "b.safetensors", "");
    assert_eq!(missing.code, Some(1), "{}", missing.told());
    let said = missing.stderr.contains("holds none of encoder.safetensors");
    assert!(said, "{}", missing.told());
    std::fs::copy(at("a.safetensors"), at("run/encoder.safetensors")).unwrap();
    let done = convert(folder.path(), &at("run"), "b.safetensors", "--json").succeeded();
    let input = done.json()["input"].as_str().unwrap().to_owned();
    assert!(input.ends_with("encoder.safetensors"), "{input}");
    let [a, b] = ["a.safetensors", "b.safetensors"].map(|name| std::fs::read(at(name)).unwrap());
    assert!(a == b);
}

#[test]
fn convert_does_not_write_over_what_it_reads() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("same.pt");
    std::fs::copy(path("vitautoenc_small.pt"), &input).unwrap();
    let done = convert(folder.path(), &input, "./same.pt", "");
    assert_eq!(done.code, Some(1), "{}", done.told());
    assert!(done.stderr.contains("overwritten"), "{}", done.told());
    assert!(std::fs::read(input).unwrap() == bytes("vitautoenc_small.pt"));
}

#[test]
fn convert_says_what_is_wrong_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let good = path("vitautoenc_small.pt");
    let cut = write("cut.pt", &bytes("vitautoenc_small.pt")[..9000]);
    let text = write("text.pt", b"<html>not found</html>");
    let none = folder.path().join("none.pt");
    for (input, output, part) in [
        (
            &cut,
            "a.safetensors",
            "the zip directory at its end is missing",
        ),
        (
            &text,
            "a.safetensors",
            "neither a safetensors nor a PyTorch file",
        ),
        (&none, "a.safetensors", "none.pt"),
        (&good, "a.onnx", "a.onnx ends in none of"),
    ] {
        let done = convert(folder.path(), input, output, "");
        assert_eq!(done.code, Some(1), "{}", done.told());
        assert_eq!(done.stderr.lines().count(), 1, "{}", done.told());
        assert!(done.stderr.contains(part), "{}", done.told());
        assert!(!folder.path().join(output).exists());
    }
    let wrong = program(folder.path())
        .args(["convert", "--input", "a.pt"])
        .output()
        .unwrap();
    assert_eq!(wrong.status.code(), Some(2));
}
