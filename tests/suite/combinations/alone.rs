use super::{FINETUNE, PRETRAIN, called, with};
use crate::command::words;
use std::path::Path;

/// The tensors that a run hands on, without the head of the file, which tells the settings.
fn handed_on(run: &Path, file: &str) -> Vec<u8> {
    let bytes = std::fs::read(run.join(file)).unwrap();
    let head = u64::from_le_bytes(bytes[..8].try_into().unwrap());
    bytes[8 + head as usize..].to_vec()
}

/// The runs of a command with each of these settings alone, and whether what they hand on in `file` is that of the
/// command as it is.
fn same_as_without(command: &str, file: &str, settings: &[&str]) -> Vec<bool> {
    let folder = tempfile::tempdir().unwrap();
    let trained = |setting: &str, out: &str| {
        let setting = words(setting, &["--out", out]);
        let setting: Vec<String> = setting.into_iter().map(str::to_string).collect();
        called(folder.path(), &with(command, &setting)).succeeded();
        handed_on(&folder.path().join(out), file)
    };
    let plain = trained("", "plain");
    let runs = settings.iter().enumerate();
    runs.map(|(number, setting)| trained(setting, &format!("run{number}")) == plain)
        .collect()
}

fn assert_each(command: &str, file: &str, same: bool, settings: &[&str]) {
    for (setting, found) in settings
        .iter()
        .zip(same_as_without(command, file, settings))
    {
        let (is, to_be) = if found {
            ("are the same", "differ")
        } else {
            ("differ", "be the same")
        };
        assert_eq!(
            found, same,
            "the weights {is} with {setting}, and are to {to_be}"
        );
    }
}

/// What says how a run goes and not what it learns.
const WITHOUT_EFFECT: [&str; 6] = [
    "--log-every 2",
    "--workers 1",
    "--cache-memory 0",
    "--recompute true",
    "--max-skipped 3",
    "--cache-dir elsewhere",
];

#[test]
fn each_setting_of_pre_training_changes_what_is_learnt() {
    let settings = [
        "--seed 7",
        "--learning-rate 1e-3",
        "--optimizer adamw --weight-decay 0.1",
        "--weight-decay 0.1",
        "--clip-norm 0.001",
        "--schedule cosine",
        "--warmup-steps 3",
        "--spacing 10",
        "--intensity percentile",
        "--intensity-min -500",
        "--intensity-max 500",
        "--roi-size 24",
        "--batch-volumes 1",
        "--samples-per-volume 2",
        "--accumulation 2",
        "--ratchet false",
        "--temperature 0.5",
        "--contrastive-weight 0.5",
        "--heads 4",
        "--mlp-dim 24",
        "--restoration unetr --layers 3",
    ];
    assert_each(PRETRAIN, LAST, false, &settings);
    assert_each(PRETRAIN, "encoder.safetensors", false, &["--ema-decay 0.5"]);
}

#[test]
fn settings_of_how_a_pre_training_goes_change_nothing_that_is_learnt() {
    assert_each(PRETRAIN, LAST, true, &WITHOUT_EFFECT);
    assert_each(PRETRAIN, LAST, true, &["--validation random"]);
}

#[test]
fn each_setting_of_fine_tuning_changes_what_is_learnt() {
    let settings = [
        "--seed 7",
        "--learning-rate 1e-3",
        "--optimizer adamw --weight-decay 0.1",
        "--weight-decay 0.1",
        "--clip-norm 0.001",
        "--schedule cosine",
        "--warmup-steps 3",
        "--encoder-rate 0.1",
        "--head-rate 3",
        "--class-prior false",
        "--feature-size 2",
        "--architecture unet",
        "--spacing 10",
        "--intensity percentile",
        "--intensity-min -500",
        "--intensity-max 500",
        "--roi-size 24",
        "--batch-volumes 1",
        "--samples-per-volume 2",
        "--flip-probability 1",
        "--rotate-probability 1",
        "--shift-probability 0",
        "--shift-offset 0.4",
        "--affine-probability 1",
        "--heads 4",
        "--mlp-dim 24",
    ];
    assert_each(FINETUNE, LAST, false, &settings);
    assert_each(FINETUNE, "model.safetensors", false, &["--ema-decay 0.5"]);
    let affine = FINETUNE.to_string() + " --affine-probability 1";
    assert_each(
        &affine,
        LAST,
        false,
        &["--affine-angle 60", "--affine-scale 0.5"],
    );
}

#[test]
fn settings_of_how_a_fine_tuning_goes_change_nothing_that_is_learnt() {
    assert_each(FINETUNE, LAST, true, &WITHOUT_EFFECT);
    assert_each(FINETUNE, LAST, true, &["--overlap 0.5", "--skip-air true"]);
}

/// The weights after the last step; those that are handed on are the best ones, and may be of an earlier step.
const LAST: &str = "checkpoints/last/weights.safetensors";
