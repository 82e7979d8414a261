//! The contrastive loss against closed cases and its definition.

use crate::support::{cpu, software_vulkan, vectors};
use burn::Tensor;
use burn::tensor::{Device, TensorData};
use hounsfield::loss::{contrastive, pretrain_loss, segmentation_loss};

fn tensor(values: &[f64], rows: usize, device: &Device) -> Tensor<5> {
    let values: Vec<f32> = values.iter().map(|v| *v as f32).collect();
    let width = values.len() / rows;
    Tensor::from_data(TensorData::new(values, [rows, 1, 1, width, 1]), device)
}

fn closed_case(device: &Device) -> Tensor<5> {
    let mut values = Vec::new();
    for b in 0..3 {
        values.extend((0..6).map(|i| f64::from((3 * b + 5 * i) % 11) / 11.0));
    }
    for b in 0..3 {
        values.extend((0..6).map(|i| f64::from((4 * b + 7 * i + 2) % 13) / 13.0));
    }
    tensor(&values, 6, device)
}

fn closed_cases_hold(device: &Device) {
    let views = closed_case(device);
    let expected = vectors()["contrastive"]["T"].clone();
    for (temperature, value) in expected.as_object().unwrap() {
        let found: f32 = contrastive(views.clone(), temperature.parse().unwrap())
            .into_data()
            .try_into_vec()
            .unwrap()[0];
        let value = value.as_f64().unwrap();
        assert!(
            (f64::from(found) - value).abs() <= 1e-5 * value.max(1.0),
            "T {temperature}: {found}, not {value}"
        );
    }
}

#[test]
fn the_contrastive_loss_equals_the_original_at_any_temperature() {
    closed_cases_hold(&cpu());
}

#[test]
fn the_contrastive_loss_equals_the_original_on_software_vulkan() {
    closed_cases_hold(&software_vulkan());
}

#[test]
fn samples_that_outnumber_the_voxels_of_a_line_are_contrasted_as_others() {
    let flat = closed_case(&cpu());
    let deep = flat.clone().reshape([6, 1, 3, 2, 1]);
    let value = |views| -> f32 { contrastive(views, 0.5).into_scalar() };
    let (found, expected) = (value(deep), value(flat));
    assert!((found - expected).abs() < 1e-6, "{found}, not {expected}");
}

/// At the smallest temperature only the most similar row of another sample counts.
fn the_smallest_temperature_is_borne(device: &Device) {
    let temperature = 1e-6;
    let views = closed_case(&device.clone().autodiff()).require_grad();
    let loss = contrastive(views.clone(), temperature);
    let gradient = views.grad(&loss.backward()).unwrap();
    let gradient: Vec<f32> = gradient.into_data().try_into_vec().unwrap();
    assert!(gradient.iter().all(|g| g.is_finite()), "{gradient:?}");
    let loss: Vec<f32> = loss.into_data().try_into_vec().unwrap();

    let rows: Vec<f32> = closed_case(&cpu()).into_data().try_into_vec().unwrap();
    let rows: Vec<&[f32]> = rows.chunks_exact(6).collect();
    let product = |a: &[f32], b: &[f32]| -> f64 {
        let pairs = a.iter().zip(b);
        pairs.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    let cosine = |i: usize, j: usize| {
        let squares = product(rows[i], rows[i]) * product(rows[j], rows[j]);
        product(rows[i], rows[j]) / squares.sqrt()
    };
    let of_row = |i: usize| {
        let others = (0..6).filter(|j| *j != i).map(|j| cosine(i, j));
        others.fold(f64::NEG_INFINITY, f64::max) - cosine(i, (i + 3) % 6)
    };
    let expected = (0..6).map(of_row).sum::<f64>() / 6.0 / temperature;
    let apart = (f64::from(loss[0]) / expected - 1.0).abs();
    assert!(apart < 1e-5, "{loss:?}, not {expected}");
}

#[test]
fn the_smallest_temperature_is_borne_on_the_cpu() {
    the_smallest_temperature_is_borne(&cpu());
}

#[test]
fn the_smallest_temperature_is_borne_on_software_vulkan() {
    the_smallest_temperature_is_borne(&software_vulkan());
}

#[test]
fn a_row_of_zeros_has_no_similarity_and_no_broken_gradient() {
    let mut values = vec![0.0; 4];
    values.extend([1.0, 2.0, 3.0, 4.0, 0.5, 0.1, 0.2, 0.9, 4.0, 3.0, 2.0, 1.0]);
    let views = tensor(&values, 4, &cpu().autodiff()).require_grad();
    let loss = contrastive(views.clone(), 0.05);
    let gradients = loss.backward();
    let gradient: Vec<f32> = views
        .grad(&gradients)
        .unwrap()
        .into_data()
        .try_into_vec()
        .unwrap();
    let loss: Vec<f32> = loss.into_data().try_into_vec().unwrap();
    assert!(loss[0].is_finite(), "{loss:?}");
    assert!(gradient.iter().all(|g| g.is_finite()), "{gradient:?}");
}

#[test]
fn the_gradient_of_the_total_agrees_with_finite_differences() {
    let device = cpu().autodiff();
    let outputs: Vec<f64> = (0..24)
        .map(|i| f64::from((7 * i + 3) % 17) / 17.0)
        .collect();
    let target: Vec<f64> = (0..12)
        .map(|i| f64::from((5 * i + 1) % 13) / 13.0)
        .collect();
    let total = |values: &[f64]| -> f64 {
        let loss = pretrain_loss(
            tensor(values, 4, &cpu()),
            tensor(&target, 2, &cpu()),
            0.7,
            0.5,
        );
        let total: Vec<f32> = loss.total.into_data().try_into_vec().unwrap();
        f64::from(total[0])
    };
    let tracked = tensor(&outputs, 4, &device).require_grad();
    let loss = pretrain_loss(tracked.clone(), tensor(&target, 2, &device), 0.7, 0.5);
    let gradients = loss.total.backward();
    let gradient: Vec<f32> = tracked
        .grad(&gradients)
        .unwrap()
        .into_data()
        .try_into_vec()
        .unwrap();
    for index in 0..outputs.len() {
        let step = 4e-3;
        let (mut up, mut down) = (outputs.clone(), outputs.clone());
        up[index] += step;
        down[index] -= step;
        let difference = (total(&up) - total(&down)) / (2.0 * step);
        assert!(
            (difference - f64::from(gradient[index])).abs() < 2e-3,
            "{index}: {difference}, gradient {}",
            gradient[index]
        );
    }
}

#[test]
fn without_its_weight_the_contrastive_term_needs_no_second_view() {
    let target = tensor(&[0.0, 0.25, 0.5, 1.0], 2, &cpu());
    let outputs = tensor(&[0.5, 0.25, 0.0, 1.0], 2, &cpu());
    let loss = pretrain_loss(outputs, target, 0.0, 0.05);
    assert!(loss.contrastive.is_none());
    let total: Vec<f32> = loss.total.into_data().try_into_vec().unwrap();
    assert_eq!(total, [0.25]);
}

#[test]
fn a_class_that_is_neither_there_nor_found_costs_nothing() {
    let sure = [100.0_f32, -100.0].repeat(2);
    let logits = Tensor::from_data(TensorData::new(sure, [1, 1, 1, 2, 2]), &cpu());
    let labels = Tensor::zeros([1, 1, 1, 2, 1], &cpu());
    let dice: f32 = segmentation_loss(logits, labels).dice.into_scalar();
    assert!(dice.abs() < 1e-6, "{dice}");
}
