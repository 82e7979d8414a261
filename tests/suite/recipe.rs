//! The preset `tutorial` holds the numbers of the specification, written out here once more.

use hounsfield::augment::{
    AugmentSettings, CorruptionSpec, CropSettings, DropoutSpec, ShuffleSpec,
};
use hounsfield::config::{
    CropConfig, FinetuneConfig, InferenceConfig, IntensityMode, LossConfig, NetworkConfig,
    OptimizerConfig, Preset, PretrainConfig, SamplingConfig, StageConfig,
};
use hounsfield::nn::{Architecture, Precision, Restoration, UnetrConfig, VitConfig};
use hounsfield::optim::{AdamConfig, Decay, ScheduleKind};
use hounsfield::transform::{
    FinetuneTransform, GeometryOrder, Intensity, IntensityWindow, PretrainTransform,
};

/// Specification 5.1 to 5.3.
const NETWORK: NetworkConfig = NetworkConfig {
    patch_size: 16,
    hidden_size: 768,
    mlp_dim: 3072,
    layers: 12,
    heads: 12,
};
const VIT: VitConfig = VitConfig {
    image_size: [96; 3],
    patch_size: 16,
    hidden_size: 768,
    mlp_dim: 3072,
    layers: 12,
    heads: 12,
};

fn pretraining() -> PretrainConfig {
    Preset::Tutorial.settings().unwrap()
}

fn finetuning() -> FinetuneConfig {
    Preset::Tutorial.settings().unwrap()
}

/// Specification 6.2 and 6.4: the stages differ in their weight decay alone.
fn optimizer(optimizer: Decay, weight_decay: f64) -> OptimizerConfig {
    OptimizerConfig {
        optimizer,
        learning_rate: 1e-4,
        encoder_rate: 1.0,
        head_rate: 1.0,
        weight_decay,
        clip_norm: 0.0,
        schedule: ScheduleKind::Constant,
        warmup_steps: 0,
        ema_decay: 0.0,
    }
}

fn adam(decay: Decay, weight_decay: f64) -> AdamConfig {
    AdamConfig {
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        weight_decay,
        decay,
        encoder_rate: 1.0,
        head_rate: 1.0,
    }
}

/// Specification 3.
#[test]
fn crops_and_views_of_pre_training_are_the_originals() {
    let config = pretraining();
    let sampling = SamplingConfig {
        spacing: [2.0; 3],
        intensity: IntensityMode::Auto,
        intensity_min: -57.0,
        intensity_max: 164.0,
        roi_size: [96; 3],
        batch_volumes: 4,
        samples_per_volume: 2,
        accumulation: 1,
        ratchet: true,
    };
    assert_eq!(config.sampling, sampling);
    let transform = PretrainTransform {
        spacing: [2.0; 3],
        intensity: Intensity::Range(IntensityWindow {
            min: -57.0,
            max: 164.0,
        }),
        patch: [96; 3],
    };
    assert_eq!(config.transform(), transform);
    let boxes = |min: usize, max: usize| DropoutSpec {
        holes: 6,
        min_size: [min; 3],
        max_size: [max; 3],
    };
    let corruption = CorruptionSpec {
        inpaint: boxes(5, 32),
        outpaint: boxes(20, 64),
        shuffle: ShuffleSpec {
            probability: 0.8,
            holes: 10,
            size: [8; 3],
        },
        ratchet: true,
    };
    assert_eq!(config.corruption(), corruption);
}

/// Specification 5.3, 6.1, 6.2 and 7.
#[test]
fn network_loss_and_length_of_pre_training_are_the_originals() {
    let config = pretraining();
    assert_eq!(config.network, NETWORK);
    assert_eq!(config.vit(), VIT);
    assert_eq!(config.decoder.restoration, Restoration::Linear);
    let loss = LossConfig {
        temperature: 0.05,
        contrastive_weight: 1.0,
    };
    assert_eq!(config.loss, loss);
    assert_eq!(config.optimizer, optimizer(Decay::Adam, 0.0));
    assert_eq!(config.optimizer.adam(), adam(Decay::Adam, 0.0));
    let run = &config.run;
    assert_eq!((run.epochs, run.max_steps), (Some(500), None));
    assert_eq!((run.validation_interval, run.validation_steps), (2, 0));
    assert_eq!((run.seed, run.precision), (123, Precision::F32));
    // 600 volumes, four a step.
    assert_eq!(config.total_steps(150), 75_000);
}

/// Specification 4.
#[test]
fn crops_of_fine_tuning_are_the_originals() {
    let config = finetuning();
    let crops = CropConfig {
        spacing: [1.5, 1.5, 2.0],
        geometry_order: GeometryOrder::OrientationFirst,
        intensity: IntensityMode::Auto,
        intensity_min: -175.0,
        intensity_max: 250.0,
        roi_size: [96; 3],
        batch_volumes: 1,
        samples_per_volume: 4,
        accumulation: 1,
    };
    assert_eq!(config.crops, crops);
    let transform = FinetuneTransform {
        order: GeometryOrder::OrientationFirst,
        spacing: [1.5, 1.5, 2.0],
        intensity: Intensity::Range(IntensityWindow {
            min: -175.0,
            max: 250.0,
        }),
        patch: [96; 3],
        classes: 14,
    };
    assert_eq!(config.transform(), transform);
    // What is not a setting of a run.
    let crop = CropSettings {
        patch: [96; 3],
        positive: 1.0,
        negative: 1.0,
        image_threshold: 0.0,
    };
    assert_eq!(CropSettings::default(), crop);
    assert_eq!(transform.intensity.foreground_threshold(), 0.0);
    let augment = AugmentSettings {
        flip_probability: 0.1,
        rotate_probability: 0.1,
        shift_probability: 0.5,
        shift_offset: 0.1,
        affine_probability: 0.0,
        ..config.augment
    };
    assert_eq!(config.augment, augment);
}

/// Specification 5.4, 6.4, 9 and 9.1.
#[test]
fn network_optimiser_and_length_of_fine_tuning_are_the_originals() {
    let config = finetuning();
    assert_eq!(config.network, NETWORK);
    let unetr = UnetrConfig {
        vit: VIT,
        feature_size: 16,
        classes: 14,
    };
    assert_eq!(config.unetr(), unetr);
    assert_eq!(config.decoder.architecture, Architecture::Unetr);
    assert!(!config.start.class_prior);
    assert_eq!(config.optimizer, optimizer(Decay::AdamW, 1e-5));
    // Decoupled: the decay is no part of the gradient.
    assert_eq!(config.optimizer.adam(), adam(Decay::AdamW, 1e-5));
    let windows = InferenceConfig {
        overlap: 0.25,
        skip_air: false,
    };
    assert_eq!(config.inference, windows);
    let run = &config.run;
    assert_eq!((run.epochs, run.max_steps), (None, Some(30_000)));
    assert_eq!(run.validation_steps, 100);
    assert_eq!(run.precision, Precision::F32);
}
