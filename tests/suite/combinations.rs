//! Settings together, drawn by chance but the same every time: whatever is trained goes on to the same bytes and is of use
//! to the command that comes next. And each alone: those that are to change a training do, those that are not do not.

mod alone;
mod together;

use crate::command::{Done, run, words};
use hounsfield::random::{Mt19937, RandomSource};
use std::path::Path;

/// A flag, and the values it may have.
type Setting = (&'static str, &'static [&'static str]);

/// Settings of the optimiser and of the run, which both stages have.
const COMMON: &[Setting] = &[
    ("--seed", &["1", "77"]),
    ("--optimizer", &["adam", "adamw"]),
    ("--weight-decay", &["0.1"]),
    ("--clip-norm", &["0.01"]),
    ("--schedule", &["constant", "cosine"]),
    ("--warmup-steps", &["2"]),
    ("--ema-decay", &["0.5"]),
    ("--batch-volumes", &["2", "4"]),
    ("--samples-per-volume", &["1", "2"]),
    ("--accumulation", &["2"]),
    ("--validation-steps", &["1", "2"]),
    ("--heads", &["1", "4"]),
    ("--hidden-size", &["8", "32"]),
    ("--mlp-dim", &["24"]),
    ("--intensity", &["percentile", "zscore"]),
    ("--log-every", &["1", "2"]),
    ("--workers", &["1", "3"]),
    ("--cache-memory", &["0"]),
    ("--recompute", &["true"]),
];

/// Settings of pre-training alone.
const PRETRAINING: &[Setting] = &[
    ("--layers", &["1", "3"]),
    ("--patch-size", &["4"]),
    ("--roi-size", &["24", "16,24,16"]),
    ("--ratchet", &["false"]),
    ("--temperature", &["0.005", "0.5"]),
    ("--contrastive-weight", &["0", "0.3"]),
    ("--validation", &["fixed", "random"]),
];

/// Settings of fine-tuning alone.
const FINE_TUNING: &[Setting] = &[
    ("--architecture", &["unetr", "unet"]),
    ("--feature-size", &["2", "8"]),
    ("--encoder-rate", &["0.01", "0.1"]),
    ("--head-rate", &["3"]),
    ("--class-prior", &["false"]),
    ("--skip-air", &["false", "true"]),
    ("--overlap", &["0", "0.5"]),
    ("--geometry-order", &["spacing-first"]),
    ("--flip-probability", &["0", "1"]),
    ("--rotate-probability", &["0", "1"]),
    ("--shift-probability", &["0", "1"]),
    ("--shift-offset", &["0.3"]),
    ("--affine-probability", &["1"]),
    ("--affine-angle", &["40"]),
    ("--affine-scale", &["0.3"]),
];

/// A pre-training of three steps, on phantoms.
const PRETRAIN: &str = "pretrain --phantoms 4 --roi-size 16 --patch-size 8 --hidden-size 16 --mlp-dim 16 --layers 1 --heads 2 \
                        --spacing 8 --batch-volumes 2 --samples-per-volume 1 --max-steps 3 --checkpoint-minutes 0 --device cpu \
                        --learning-rate 2e-3 --schedule constant --warmup-steps 0 --clip-norm 0 --ema-decay 0";

/// A fine-tuning of three steps, on phantoms.
const FINETUNE: &str = "finetune --phantoms 4 --roi-size 16 --patch-size 8 --hidden-size 16 --mlp-dim 16 --layers 3 --heads 2 \
                        --feature-size 4 --spacing 12 --batch-volumes 2 --samples-per-volume 1 --max-steps 3 \
                        --checkpoint-minutes 0 --device cpu \
                        --learning-rate 2e-3 --schedule constant --warmup-steps 0 --clip-norm 0 --ema-decay 0";

/// The command with these settings in place of its own.
fn with(command: &str, settings: &[String]) -> Vec<String> {
    let mut call = words(command, &[])
        .into_iter()
        .map(str::to_string)
        .collect::<Vec<_>>();
    for setting in settings.chunks(2) {
        match call.iter().position(|word| *word == setting[0]) {
            Some(at) => call[at + 1].clone_from(&setting[1]),
            None => call.extend_from_slice(setting),
        }
    }
    call
}

fn called(folder: &Path, call: &[String]) -> Done {
    run(folder, &call.iter().map(String::as_str).collect::<Vec<_>>())
}

/// About half of the settings, each with one of its values.
fn drawn(number: u32, tables: &[&[Setting]]) -> Vec<String> {
    let mut random = Mt19937::new(number);
    let mut settings = Vec::new();
    for (flag, values) in tables.iter().copied().flatten() {
        let value = values[random.integer(0, values.len())];
        if random.uniform() < 0.5 {
            settings.extend([(*flag).to_string(), value.to_string()]);
        }
    }
    settings
}
