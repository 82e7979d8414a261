//! A step of each stage, from a batch on the host to losses and gradients.

use crate::support::{
    AUTO_ENCODER_GRADIENT, UNETR_GRADIENT, assert_gradient_norms, cpu, fill, host,
    unetr_small_gradients, vectors,
};
use burn::Tensor;
use burn::tensor::Device;
use hounsfield::config::{FinetuneConfig, NetworkConfig, PretrainConfig};
use hounsfield::dataset::{LabelledBatch, TrainingBatch};
use hounsfield::nn::{Restorer, Segmenter};
use hounsfield::optim::GradientMap;
use hounsfield::train::{StepOutput, finetune_step, pretrain_step};
use hounsfield::weights;
use std::ops::Range;

/// Specification 16: losses.
const LOSS: f64 = 1e-5;
/// Crops of the small networks of specification 16, and how many.
const PATCH: [usize; 3] = [32, 32, 48];
const CROPS: usize = 2;

/// The small networks of specification 16.
fn small_encoder() -> NetworkConfig {
    NetworkConfig {
        patch_size: 16,
        hidden_size: 48,
        mlp_dim: 96,
        layers: 12,
        heads: 4,
    }
}

fn tracked() -> Device {
    cpu().autodiff()
}

fn views(patches: usize, patch: [usize; 3]) -> TrainingBatch {
    let count = patches * patch.iter().product::<usize>();
    TrainingBatch {
        epoch: 0,
        step: 0,
        names: vec!["case".to_owned()],
        target: fill::input("gt", count),
        view1: fill::input("input", count),
        view2: fill::input("input_2", count),
        patches,
        patch,
    }
}

fn labelled(patches: usize, patch: [usize; 3]) -> LabelledBatch {
    let count = patches * patch.iter().product::<usize>();
    let label = fill::input("label", count).into_iter();
    LabelledBatch {
        epoch: 0,
        step: 0,
        names: vec!["case".to_owned()],
        image: fill::input("input", count),
        label: label.map(|v| (3.0 * v).floor() as u8).collect(),
        patches,
        patch,
    }
}

fn double(tensor: Tensor<1>) -> Vec<f64> {
    host(tensor).into_iter().map(f64::from).collect()
}

fn assert_close(found: Tensor<1>, expected: &[f64]) {
    let found = double(found);
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() < LOSS, "{found:?}, not {expected:?}");
    }
}

#[test]
fn a_step_of_pre_training_has_the_losses_and_gradients_of_the_original() {
    let expected = &vectors()["vitautoenc_small"];
    let mut config = PretrainConfig::default();
    config.sampling.roi_size = PATCH;
    config.network = small_encoder();
    let network = fill::network(Restorer::zeros(&config.restorer(), &tracked()).unwrap());
    let batch = views(CROPS, PATCH);
    let loss = |name: &str| expected["losses"][name].as_f64().unwrap();

    let step = pretrain_step(&network, &batch, &config, &tracked(), None);
    let of_original = [loss("total"), loss("l1"), loss("contrastive_T0.05")];
    assert_close(step.losses, &of_original);
    assert_gradient_norms(
        step.gradients,
        &[expected["grad_l2"].clone()],
        AUTO_ENCODER_GRADIENT,
    );

    // Temperature and weight are those of the settings.
    config.loss.temperature = 0.5;
    config.loss.contrastive_weight = 2.0;
    let step = pretrain_step(&network, &batch, &config, &tracked(), None);
    let (l1, contrastive) = (loss("l1"), loss("contrastive_T0.5"));
    let total = l1 * (1.0 + 2.0 * contrastive);
    assert_close(step.losses, &[total, l1, contrastive]);
    config.loss.contrastive_weight = 0.0;
    let step = pretrain_step(&network, &batch, &config, &tracked(), None);
    assert_close(step.losses, &[l1, l1]);
}

#[test]
fn a_step_of_fine_tuning_has_the_losses_and_gradients_of_the_original() {
    let expected = &vectors()["unetr_small"];
    let mut config = FinetuneConfig::default();
    config.crops.roi_size = PATCH;
    config.network = small_encoder();
    config.decoder.feature_size = 4;
    config.decoder.classes = Some(3);
    let network = fill::network(Segmenter::zeros(&config.segmenter(), &tracked()).unwrap());
    let batch = labelled(CROPS, PATCH);
    let step = finetune_step(&network, &batch, CROPS, &tracked(), None);
    let (total, dice) = (&expected["dice_ce"], &expected["dice_part"]);
    let (total, dice) = (total.as_f64().unwrap(), dice.as_f64().unwrap());
    assert_close(step.losses, &[total, dice, total - dice]);
    assert_gradient_norms(step.gradients, &unetr_small_gradients(), UNETR_GRADIENT);
}

/// Crops of networks that take a moment.
const TINY: [usize; 3] = [16; 3];

fn tiny_encoder() -> NetworkConfig {
    NetworkConfig {
        patch_size: 8,
        hidden_size: 16,
        mlp_dim: 16,
        layers: 3,
        heads: 2,
    }
}

/// All gradients, by the names of their parameters.
fn flat(gradients: GradientMap) -> Vec<f64> {
    gradients.into_values().flat_map(double).collect()
}

/// The same losses, and the same gradients but for rounding, a fraction of their norm.
fn assert_step(found: StepOutput, losses: &[f64], gradients: &[f64], rounding: f64) {
    assert_close(found.losses, losses);
    let found = flat(found.gradients);
    assert_eq!(found.len(), gradients.len());
    let apart: f64 = found
        .iter()
        .zip(gradients)
        .map(|(a, b)| (a - b).powi(2))
        .sum();
    let norm: f64 = gradients.iter().map(|g| g.powi(2)).sum();
    assert!(norm > 0.0);
    let apart = (apart / norm).sqrt();
    assert!(
        apart < rounding,
        "gradients are {apart} of their norm apart"
    );
}

#[test]
fn a_fine_tuning_step_in_parts_is_the_whole_step() {
    let mut config = FinetuneConfig::default();
    config.crops.roi_size = TINY;
    config.network = tiny_encoder();
    config.decoder.feature_size = 2;
    config.decoder.classes = Some(3);
    let zeros = Segmenter::zeros(&config.segmenter(), &tracked()).unwrap();
    let network = weights::initialise(zeros, 1).unwrap();
    let batch = labelled(5, TINY);
    let step = |at_once| finetune_step(&network, &batch, at_once, &tracked(), None);
    let whole = step(5);
    let (losses, gradients) = (double(whole.losses), flat(whole.gradients));
    // Of 3 and 2 crops, of 2, 2 and 1, and of 1 each.
    for at_once in [3, 2, 1] {
        assert_step(step(at_once), &losses, &gradients, 1e-5);
    }
}

/// Some crops of a batch.
fn some(batch: &TrainingBatch, crops: Range<usize>) -> TrainingBatch {
    let voxels = batch.patch.iter().product::<usize>();
    let range = crops.start * voxels..crops.end * voxels;
    let cut = |values: &[f32]| values[range.clone()].to_vec();
    TrainingBatch {
        target: cut(&batch.target),
        view1: cut(&batch.view1),
        view2: cut(&batch.view2),
        patches: crops.len(),
        ..batch.clone()
    }
}

#[test]
fn the_last_step_of_an_epoch_contrasts_as_many_crops_as_the_others() {
    let mut config = PretrainConfig::default();
    config.sampling.roi_size = TINY;
    config.network = tiny_encoder();
    let zeros = Restorer::zeros(&config.restorer(), &tracked()).unwrap();
    let network = weights::initialise(zeros, 1).unwrap();
    // One volume, where a full step has four and two crops of each, is a quarter of the step: one part of its four.
    let batch = views(2, TINY);
    let whole = pretrain_step(&network, &batch, &config, &tracked(), None);
    let (losses, gradients) = (double(whole.losses), flat(whole.gradients));
    assert!(losses[2] > 0.0, "{losses:?}");
    config.sampling.accumulation = 4;
    let found = pretrain_step(&network, &batch, &config, &tracked(), None);
    assert_step(found, &losses, &gradients, 1e-6);
}

#[test]
fn a_pre_training_step_in_parts_contrasts_the_crops_of_each_part_alone() {
    let mut config = PretrainConfig::default();
    config.sampling.roi_size = TINY;
    config.network = tiny_encoder();
    let zeros = Restorer::zeros(&config.restorer(), &tracked()).unwrap();
    let network = weights::initialise(zeros, 1).unwrap();
    let mut batch = views(8, TINY);
    // Far from what the network paints, so that no voxel lies at the kink of its L1 loss. Gradients of one sign, and those of
    // the contrastive term, cancel in the layers before, which enlarges rounding.
    for target in &mut batch.target {
        *target += 10.0;
    }
    let step = |batch: &TrainingBatch, config: &PretrainConfig| {
        pretrain_step(&network, batch, config, &tracked(), None)
    };
    let parts = [(0..3, 0.375), (3..6, 0.375), (6..8, 0.25)];
    let (mut losses, mut gradients) = (vec![0.0f64; 3], Vec::<f64>::new());
    for (part, share) in parts {
        let part = some(&batch, part);
        let found = step(&part, &config);
        for (sum, loss) in losses.iter_mut().zip(double(found.losses)) {
            *sum += share * loss;
        }
        let found = flat(found.gradients);
        gradients.resize(found.len(), 0.0);
        for (sum, gradient) in gradients.iter_mut().zip(found) {
            *sum += share * gradient;
        }
    }
    config.sampling.accumulation = 3;
    assert_step(step(&batch, &config), &losses, &gradients, 1e-4);

    // Without the contrastive term it is the whole step.
    config.loss.contrastive_weight = 0.0;
    config.sampling.accumulation = 1;
    let whole = step(&batch, &config);
    let (losses, gradients) = (double(whole.losses), flat(whole.gradients));
    for accumulation in [2, 3, 9] {
        config.sampling.accumulation = accumulation;
        assert_step(step(&batch, &config), &losses, &gradients, 1e-4);
    }
}
