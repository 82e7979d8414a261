//! Tests against the specification's vectors, real volumes and the program itself, one module a subject.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails by panicking"
)]

mod augment_vectors;
mod bench;
mod browser;
mod calls;
mod combinations;
mod command;
mod cross_validation;
mod dataset_lists;
mod doubtful;
mod evaluate;
mod experiment;
mod finetune_data;
mod finetune_vectors;
mod house;
mod kernels;
mod losses;
mod metric;
mod monai_options;
mod network;
mod nifti_write;
mod optimiser;
mod page;
mod precision;
mod prediction_settings;
mod recipe;
mod refusals;
mod resume;
mod robustness;
mod scored_predictions;
mod site;
mod stage_two;
mod steps;
mod support;
mod telling;
mod transform_vectors;
mod unetr;
mod unused_tensors;
mod weights_files;
mod windows;
