use super::{COMMON, FINE_TUNING, FINETUNE, PRETRAIN, PRETRAINING, called, drawn, with};
use crate::command::{texture, write_volume};
use std::path::{Path, PathBuf};

/// How many runs of each stage.
const RUNS: u32 = 12;

/// How a prediction may be made.
const PREDICTIONS: [&str; 6] = [
    "",
    "--parity",
    "--blending constant --overlap 0.4",
    "--keep-air --overlap 0",
    "--grid model",
    "--blending gaussian --keep-air",
];

fn text(call: &str) -> Vec<String> {
    call.split_whitespace().map(str::to_string).collect()
}

/// What the last checkpoint of a run says, but for its times.
fn last_checkpoint(run: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(run.join("checkpoints/last"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "safetensors"))
        .collect();
    files.sort();
    assert!(files.len() >= 3, "weights and two moments: {files:?}");
    let read = |path: PathBuf| (path.clone(), std::fs::read(path).unwrap());
    files.into_iter().map(read).collect()
}

/// Trains, loses the last checkpoint, goes on from the one before it, and holds what comes to what came at first.
fn trained_twice(folder: &Path, call: &[String]) {
    let told = called(folder, call).succeeded().told();
    let run = folder.join("run");
    let first = last_checkpoint(&run);
    std::fs::remove_dir_all(run.join("checkpoints/last")).unwrap();
    let again = called(
        folder,
        &text(&format!("{} --resume run --device cpu", call[0])),
    );
    let told = format!("{told}{}", again.succeeded().told());
    let second = last_checkpoint(&run);
    assert_eq!(first.len(), second.len(), "{told}");
    for ((path, before), (_, after)) in first.iter().zip(second) {
        assert!(*before == after, "{} differs{told}", path.display());
    }
}

#[test]
fn a_pre_training_of_any_settings_goes_on_to_the_same_bytes_and_starts_a_fine_tuning() {
    for number in 0..RUNS {
        let folder = tempfile::tempdir().unwrap();
        let mut call = with(PRETRAIN, &drawn(number, &[COMMON, PRETRAINING]));
        call.extend(text("--out run"));
        trained_twice(folder.path(), &call);
        // Sizes that are not given are those of the encoder, but for the blocks, of which UNETR wants at least three.
        let mut next = text(
            "finetune --phantoms 1 --max-steps 1 --feature-size 2 --samples-per-volume 1 --device cpu",
        );
        next.extend(text(
            "--pretrained run --spacing 12 --allow-partial --out next",
        ));
        called(folder.path(), &next).succeeded();
    }
}

#[test]
fn a_fine_tuning_of_any_settings_goes_on_to_the_same_bytes_and_predicts_as_its_converted_weights() {
    for number in 0..RUNS {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        write_volume(&at.join("scan.nii"), texture(number as usize));
        write_volume(&at.join("label.nii"), |index| (index % 14) as i16);
        let list = r#"{"test": [{"image": "scan.nii", "label": "label.nii"}]}"#;
        std::fs::write(at.join("list.json"), list).unwrap();
        let mut call = with(FINETUNE, &drawn(100 + number, &[COMMON, FINE_TUNING]));
        call.extend(text("--out run"));
        trained_twice(at, &call);
        called(at, &text("convert --input run --output model.pt")).succeeded();
        let how = PREDICTIONS[number as usize % PREDICTIONS.len()];
        let predicted = |weights: &str, output: &str| {
            let call = format!(
                "predict --weights {weights} --input scan.nii --output {output} --device cpu {how}"
            );
            called(at, &text(&call)).succeeded();
            std::fs::read(at.join(output)).unwrap()
        };
        let own = predicted("run", "own.nii");
        let converted = predicted("model.pt --config run/config.toml", "converted.nii");
        assert!(own == converted, "{how:?} after {call:?}");
        called(
            at,
            &text("evaluate --weights run --datalist list.json --device cpu"),
        )
        .succeeded();
    }
}
