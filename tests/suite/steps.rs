//! A step of each stage, from a batch on the host to losses and gradients.

use crate::support::{assert_gradient_norms, cpu, fill, vectors};
use burn::Tensor;
use burn::tensor::Device;
use hounsfield::config::{FinetuneConfig, NetworkConfig, PretrainConfig};
use hounsfield::dataset::{LabelledBatch, TrainingBatch};
use hounsfield::nn::{Restorer, Segmenter};
use hounsfield::train::{finetune_step, pretrain_step};
use hounsfield::weights::{self, Named};

/// Section 16: losses.
const LOSS: f64 = 1e-5;
/// What is left where a gradient cancels to nothing; see the tests of UNETR.
const CANCELLATION: f64 = 2e-8;
/// Crops of the small networks of section 16, and how many.
const PATCH: [usize; 3] = [32, 32, 48];
const CROPS: usize = 2;

/// The small networks of section 16.
fn small_encoder() -> NetworkConfig {
    NetworkConfig {
        patch_size: 16,
        hidden_size: 48,
        mlp_dim: 96,
        layers: 12,
        heads: 4,
    }
}

fn filled<N: Named>(zeros: N) -> N {
    let values = weights::describe(&zeros)
        .into_iter()
        .map(|info| (info.name.clone(), fill::parameter(&info)))
        .collect();
    weights::fill(zeros, &values).unwrap()
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

fn host(tensor: Tensor<1>) -> Vec<f64> {
    let values: Vec<f32> = tensor.into_data().try_into_vec().unwrap();
    values.into_iter().map(f64::from).collect()
}

fn assert_close(found: Tensor<1>, expected: &[f64]) {
    let found = host(found);
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
    let network = filled(Restorer::zeros(&config.restorer(), &tracked()).unwrap());
    let batch = views(CROPS, PATCH);
    let loss = |name: &str| expected["losses"][name].as_f64().unwrap();

    let step = pretrain_step(&network, &batch, &config, &tracked(), None);
    let of_original = [loss("total"), loss("l1"), loss("contrastive_T0.05")];
    assert_close(step.losses, &of_original);
    assert_gradient_norms(step.gradients, &[&expected["grad_l2"]], 0.0);

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
    let network = filled(Segmenter::zeros(&config.segmenter(), &tracked()).unwrap());
    let batch = labelled(CROPS, PATCH);
    let step = finetune_step(&network, &batch, 1, &tracked(), None);
    let (total, dice) = (&expected["dice_ce"], &expected["dice_part"]);
    let (total, dice) = (total.as_f64().unwrap(), dice.as_f64().unwrap());
    assert_close(step.losses, &[total, dice, total - dice]);
    // One activation lies at a kink; see the tests of UNETR.
    let kink = include_str!("../data/unetr_small_kink.json");
    let kink: serde_json::Value = serde_json::from_str(kink).unwrap();
    let sides = [&expected["grad_l2"], &kink["grad_l2"]];
    assert_gradient_norms(step.gradients, &sides, CANCELLATION);
}
