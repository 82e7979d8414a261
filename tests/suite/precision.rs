//! Half precision beside single, on software Vulkan.

use crate::support::{cpu, software_vulkan, training};
use hounsfield::config::{PretrainConfig, StageConfig};
use hounsfield::dataset::MemorySource;
use hounsfield::dataset::phantom::{PhantomSpec, abdomen};
use hounsfield::device::{Selected, check_precision};
use hounsfield::nn::Precision;
use hounsfield::train::{Pretraining, Run};
use std::sync::Arc;

fn config(precision: Precision) -> PretrainConfig {
    let text = r#"
        [sampling]
        spacing = [8.0, 8.0, 8.0]
        roi_size = [16, 16, 16]
        batch_volumes = 1
        [network]
        patch_size = 8
        hidden_size = 48
        mlp_dim = 96
        layers = 1
        heads = 4
        [optimizer]
        learning_rate = 5e-3
        clip_norm = 1.0
        [run]
        epochs = 12
        validation_interval = 100
    "#;
    let mut config = PretrainConfig::from_toml(text, "test").unwrap();
    config.run.precision = precision;
    config
}

fn losses(precision: Precision) -> Vec<f32> {
    let config = config(precision);
    let cases = [1, 2].map(|seed| {
        let image = abdomen(seed, &PhantomSpec::quickstart()).unwrap().image;
        (format!("phantom {seed}"), image)
    });
    let source = Arc::new(MemorySource::prepare(cases, &config.transform()).unwrap());
    let run = Run {
        task: Pretraining::new(config, source.clone(), source).unwrap(),
        device: software_vulkan(),
        folder: None,
        resume: None,
    };
    training::losses(run, u64::MAX)
}

#[test]
fn half_precision_trains_to_the_loss_of_single_precision() {
    let (half, single) = (losses(Precision::F16), losses(Precision::F32));
    assert_eq!(half.len(), single.len());
    let mean = |losses: &[f32]| losses.iter().rev().take(4).sum::<f32>() / 4.0;
    let (half_end, single_end) = (mean(&half), mean(&single));
    assert!(single_end < 0.9 * single[0], "no learning: {single:?}");
    assert!(
        (half_end - single_end).abs() <= 0.02 * single_end,
        "{half_end} in f16, {single_end} in f32"
    );
    // The first losses differ by rounding, and they do differ: the path is another one.
    assert!((half[0] - single[0]).abs() <= 2e-3 * single[0]);
    assert_ne!(half, single);
}

#[test]
fn half_precision_is_refused_where_it_is_not_offered() {
    let selected = Selected {
        device: cpu(),
        description: "CPU".to_owned(),
        is_gpu: false,
        checks: None,
    };
    let error = check_precision(&selected, Precision::F16).unwrap_err();
    assert!(error.to_string().contains("precision f32"), "{error}");
    assert!(check_precision(&selected, Precision::F32).is_ok());
}
