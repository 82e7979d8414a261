//! Weights without the folder of their run.

use super::*;
use hounsfield::config::ModelCard;
use hounsfield::weights::{CARD_ENTRY, WeightsFile};

#[test]
fn weights_alone_segment_as_they_do_in_their_run_and_name_the_structures() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    finetuned(at, "--out run --max-steps 1");
    std::fs::create_dir(at.join("elsewhere")).unwrap();
    let alone = at.join("elsewhere/weights.safetensors");
    std::fs::rename(at.join("run/model.safetensors"), &alone).unwrap();
    std::fs::copy(&alone, at.join("run/model.safetensors")).unwrap();
    let input = data("hippocampus/images/hippocampus_003.nii.gz");
    let input = input.display().to_string();
    let predicted = |weights: &str, more: &[&str]| {
        let call = "predict --output out.nii.gz --device cpu --overlap 0 --json --overwrite";
        let call = words(
            call,
            &[&["--input", &input, "--weights", weights], more].concat(),
        );
        let done = run(at, &call).succeeded();
        let labels = read_image(&at.join("out.nii.gz"))
            .unwrap()
            .volume
            .into_data();
        (labels, done.json()["cases"][0]["structures"].clone(), done)
    };
    let (labels, structures, _) = predicted("run", &[]);
    let (of_file, named, _) = predicted("elsewhere/weights.safetensors", &[]);
    assert_eq!(labels, of_file);
    assert_eq!(structures, named);

    // A text that nothing understands is told of, and the settings that are given count.
    let bytes = std::fs::read(&alone).unwrap();
    let file = WeightsFile::open(&bytes).unwrap();
    let card = file.metadata.get(CARD_ENTRY).unwrap();
    let card = ModelCard::parse(card).unwrap();
    assert!(
        card.classes.len() == 14 && card.about.contains("step 1"),
        "{card:?}"
    );
    let (_, _, done) = predicted(
        "elsewhere/weights.safetensors",
        &["--config", "run/config.toml"],
    );
    assert!(
        done.stderr.contains("says of its settings is not used"),
        "{}",
        done.told()
    );
    let broken = replaced(&bytes, b"about = ", b"abaut = ");
    std::fs::write(&alone, broken).unwrap();
    let call = "predict --weights elsewhere/weights.safetensors --output out.nii.gz --device cpu";
    let done = run(at, &words(call, &["--input", &input]));
    assert_eq!(done.code, Some(1), "{}", done.told());
    for part in [
        "missing field `about`",
        "does not say for which settings",
        "--preset",
    ] {
        assert!(done.stderr.contains(part), "{}", done.told());
    }
}

#[test]
fn the_settings_of_a_pre_training_reach_fine_tuning_without_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let sizes = SIZES.replace(
        "--samples-per-volume 1",
        "--samples-per-volume 1 --intensity zscore",
    );
    let call = format!("pretrain --phantoms 2 --max-steps 1 --layers 3 --out before {sizes}");
    run(at, &words(&call, &[])).succeeded();
    std::fs::rename(
        at.join("before/encoder.safetensors"),
        at.join("alone.safetensors"),
    )
    .unwrap();
    let done = finetuned(
        at,
        "--out after --max-steps 1 --pretrained alone.safetensors",
    );
    assert!(done.stderr.contains("--intensity"), "{}", done.told());
    let call = "predict --weights alone.safetensors --input scan.nii --output out.nii --device cpu";
    std::fs::write(at.join("scan.nii"), b"not asked").unwrap();
    refused(
        at,
        &words(call, &[]),
        1,
        &["alone.safetensors is of a pre-training"],
    );
}

#[test]
fn an_encoder_of_another_number_of_heads_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let sizes = SIZES.replace("--heads 2", "--heads 4");
    let call = format!("pretrain --phantoms 2 --max-steps 1 --layers 3 --out before {sizes}");
    run(at, &words(&call, &[])).succeeded();
    for start in ["before", "before/encoder.safetensors"] {
        let more = format!("--out after --max-steps 1 --pretrained {start}");
        let parts = ["4 heads of attention", "has 2", "--heads"];
        refused(at, &super::call(FINETUNE, &more), 1, &parts);
    }
}

#[test]
fn converted_weights_keep_their_settings_where_the_format_has_room() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    finetuned(at, "--out run --max-steps 1");
    let convert = |output: &str, more: &[&str]| {
        let call = words("convert --input run --output", &[&[output], more].concat());
        run(at, &call).succeeded()
    };
    let card = |name: &str| {
        let bytes = std::fs::read(at.join(name)).unwrap();
        WeightsFile::open(&bytes)
            .unwrap()
            .metadata
            .get(CARD_ENTRY)
            .cloned()
    };
    let done = convert("kept.safetensors", &[]);
    assert!(
        done.stdout.contains("settings: written too"),
        "{}",
        done.told()
    );
    assert_eq!(card("kept.safetensors"), card("run/model.safetensors"));
    let done = convert("other.safetensors", &["--patch-grid", "2,4,4"]);
    assert!(done.stdout.contains("another grid"), "{}", done.told());
    assert_eq!(card("other.safetensors"), None);
    let done = convert("torch.pt", &[]);
    let told = done
        .stdout
        .contains("left out, for a PyTorch file holds none");
    assert!(
        told && done.stderr.contains("--config run/config.toml"),
        "{}",
        done.told()
    );
}

/// The bytes with one part in the place of another of the same length.
fn replaced(bytes: &[u8], part: &[u8], by: &[u8]) -> Vec<u8> {
    let at = bytes
        .windows(part.len())
        .position(|some| some == part)
        .unwrap();
    let mut changed = bytes.to_vec();
    changed[at..at + by.len()].copy_from_slice(by);
    changed
}
