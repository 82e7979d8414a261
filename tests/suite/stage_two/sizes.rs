//! Sizes that fine-tuning has from the encoder it starts from.

use super::*;
use crate::command::FAILED;

/// Pre-training of sizes that no preset has.
const PRETRAIN: &str = "pretrain --phantoms 2 --max-steps 1 --batch-volumes 1 --spacing 8 --roi-size 16,16,32 \
                        --patch-size 8 --hidden-size 20 --mlp-dim 24 --layers 3 --heads 5 --device cpu --out before";

/// What pre-training suggests at its end, made short.
const NEXT: &str = "finetune --phantoms 2 --max-steps 1 --samples-per-volume 1 --spacing 8 --feature-size 4 --device cpu";

#[test]
fn sizes_that_nobody_gave_are_those_of_the_encoder_and_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let done = run(at, &words(PRETRAIN, &[])).succeeded();
    let suggested = "hounsfield finetune --pretrained before";
    assert!(done.stderr.contains(suggested), "{}", done.told());
    std::fs::copy(
        at.join("before/encoder.safetensors"),
        at.join("alone.safetensors"),
    )
    .unwrap();
    for (start, out) in [("before", "of run"), ("alone.safetensors", "of file")] {
        let call = words(NEXT, &["--pretrained", start, "--out", out]);
        let done = run(at, &call).succeeded();
        let sizes = "--hidden-size 20 --mlp-dim 24 --layers 3 --heads 5 --roi-size 16,16,32";
        let told = format!("sizes that nobody gave are those of {start}: {sizes}\n");
        assert_eq!(done.stderr.matches(&told).count(), 1, "{}", done.told());
        let loaded = std::fs::read(at.join(out).join("loaded.json")).unwrap();
        let loaded: serde_json::Value = serde_json::from_slice(&loaded).unwrap();
        assert_eq!(loaded["encoder_taken"], loaded["encoder"]);
        let config = std::fs::read_to_string(at.join(out).join("config.toml")).unwrap();
        assert!(config.contains("heads = 5\n"), "{config}");
    }
}

#[test]
fn sizes_that_were_given_and_are_not_those_of_the_encoder_are_refused_with_both() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    run(at, &words(PRETRAIN, &[])).succeeded();
    std::fs::write(at.join("my.toml"), "[network]\nlayers = 2\n").unwrap();
    for (given, parts) in [
        (
            "--hidden-size 40",
            [
                "encoder.safetensors",
                "hidden_size 20 and this network has 40",
            ],
        ),
        (
            "--config my.toml",
            ["encoder.safetensors", "layers 3 and this network has 2"],
        ),
        ("--heads 4", ["5 heads of attention", "give both the same"]),
        ("--roi-size 16", ["encoder.safetensors", "--roi-size"]),
    ] {
        let more = words("--pretrained before --out after", &words(given, &[]));
        refused(at, &words(NEXT, &more), FAILED, &parts);
    }
}
