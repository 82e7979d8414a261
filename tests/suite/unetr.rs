//! UNETR and its loss against the original's outputs and gradients, on the CPU and on software Vulkan (WGSL).

use crate::support::table::assert_parameters;
use crate::support::{
    UNETR_GRADIENT, assert_gradients_match, assert_matches, cpu, fill, host, numbers, sizes,
    software_vulkan, unetr_small_gradients, vectors,
};
use burn::Tensor;
use burn::tensor::{Device, TensorData};
use hounsfield::loss::segmentation_loss;
use hounsfield::nn::{Unet, Unetr, UnetrConfig, VitConfig};
use hounsfield::weights::{self, Values, describe};

/// Specification 16: float32 forward, relative to the tensor's RMS.
const FORWARD: f64 = 1e-4;
/// Specification 16: losses.
const LOSS: f64 = 1e-5;

const SMALL: UnetrConfig = UnetrConfig {
    vit: sizes::SMALL,
    feature_size: 4,
    classes: 3,
};

fn network(config: &UnetrConfig, device: &Device) -> Unetr {
    fill::network(Unetr::zeros(config, device).unwrap())
}

fn filled(
    name: &str,
    batch: usize,
    size: [usize; 3],
    device: &Device,
    f: fn(f32) -> f32,
) -> Tensor<5> {
    let shape = [batch, size[0], size[1], size[2], 1];
    let values: Vec<f32> = fill::input(name, shape.iter().product())
        .into_iter()
        .map(f)
        .collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Channels last to the original's channels first.
fn channels_first(tensor: Tensor<5>) -> (Vec<usize>, Vec<f32>) {
    let tensor = tensor.permute([0, 4, 1, 2, 3]);
    (tensor.dims().to_vec(), host(tensor))
}

fn small_network_matches(device: &Device, recompute: bool) {
    let expected = &vectors()["unetr_small"];
    let mut device = device.clone().autodiff();
    if recompute {
        device = device.gradient_checkpointing();
    }
    let network = network(&SMALL, &device);
    let size = SMALL.vit.image_size;
    let logits = network.forward(filled("input", 2, size, &device, |v| v));
    let (shape, values) = channels_first(logits.clone());
    assert_matches("output", &shape, &values, &expected["output"], FORWARD);

    let labels = filled("label", 2, size, &device, |v| (3.0 * v).floor());
    let loss = segmentation_loss(logits, labels);
    for (key, tensor) in [("dice_ce", &loss.total), ("dice_part", &loss.dice)] {
        let found = f64::from(host(tensor.clone())[0]);
        let value = expected[key].as_f64().unwrap();
        assert!((found - value).abs() < LOSS, "{key}: {found}, not {value}");
    }
    let sides = unetr_small_gradients();
    assert_gradients_match(&network, loss.total, &sides, UNETR_GRADIENT);
}

#[test]
fn the_small_unetr_equals_the_original_on_the_cpu() {
    small_network_matches(&cpu(), false);
}

#[test]
fn the_small_unetr_equals_the_original_with_recomputed_activations() {
    small_network_matches(&cpu(), true);
}

#[test]
fn the_small_unetr_equals_the_original_on_software_vulkan() {
    small_network_matches(&software_vulkan(), false);
}

#[test]
fn the_tutorial_unetr_equals_the_original_on_the_cpu() {
    let expected = &vectors()["unetr_full"];
    let config = UnetrConfig::TUTORIAL;
    let network = network(&config, &cpu());
    let output = network.forward(filled("input", 1, config.vit.image_size, &cpu(), |v| v));
    let (shape, values) = channels_first(output);
    assert_matches("output", &shape, &values, &expected["output"], FORWARD);
    let voxels = values.len() / shape[1];
    let mut counts = vec![0.0; shape[1]];
    for voxel in 0..voxels {
        let mut best = 0;
        for class in 1..shape[1] {
            if values[class * voxels + voxel] > values[best * voxels + voxel] {
                best = class;
            }
        }
        counts[best] += 1.0;
    }
    // Voxels whose two best logits differ by a rounding error may fall either way.
    for (class, (found, value)) in counts
        .iter()
        .zip(numbers(&expected["argmax_histogram"]))
        .enumerate()
    {
        assert!(
            (found - value).abs() <= 20.0,
            "class {class}: {found} voxels, not {value}"
        );
    }
}

fn closed_case_of_the_loss_holds(device: &Device) {
    let device = device.clone().autodiff();
    let expected = &vectors()["dice_ce"];
    let (mut logits, mut labels) = (Vec::new(), Vec::new());
    for b in 0..2 {
        for i in 0..2 {
            for j in 0..3 {
                for k in 0..3 {
                    for c in 0..4 {
                        let n = (5 * b + 3 * c + 7 * i + 11 * j + 13 * k) % 17;
                        logits.push((n as f32 - 8.0) / 4.0);
                    }
                    labels.push(((2 * b + i + 2 * j + k) % 3) as f32);
                }
            }
        }
    }
    let logits =
        Tensor::<5>::from_data(TensorData::new(logits, [2, 2, 3, 3, 4]), &device).require_grad();
    let labels = Tensor::<5>::from_data(TensorData::new(labels, [2, 2, 3, 3, 1]), &device);
    let loss = segmentation_loss(logits.clone(), labels);
    for (key, tensor) in [("total", &loss.total), ("dice", &loss.dice)] {
        let found = f64::from(host(tensor.clone())[0]);
        let value = expected[key].as_f64().unwrap();
        assert!((found - value).abs() < LOSS, "{key}: {found}, not {value}");
    }
    let gradient = logits.grad(&loss.total.backward()).unwrap();
    let (_, gradient) = channels_first(gradient);
    for (found, value) in gradient.iter().zip(numbers(&expected["grad_first6"])) {
        assert!(
            (f64::from(*found) - value).abs() < 1e-7,
            "{found}, not {value}"
        );
    }
}

#[test]
fn dice_and_cross_entropy_equal_the_original_on_the_cpu() {
    closed_case_of_the_loss_holds(&cpu());
}

#[test]
fn dice_and_cross_entropy_equal_the_original_on_software_vulkan() {
    closed_case_of_the_loss_holds(&software_vulkan());
}

#[test]
fn every_parameter_has_the_name_and_shape_of_the_original() {
    let network = Unetr::zeros(&UnetrConfig::TUTORIAL, &cpu()).unwrap();
    assert_parameters(&network, "parameters_unetr.tsv");
}

/// Those of a decoder's convolution are what comes up from below and what comes over the skip connection.
#[test]
fn every_convolution_of_the_unet_counts_with_each_half_of_its_inputs() {
    let sizes = UnetrConfig {
        vit: VitConfig {
            image_size: [16; 3],
            patch_size: 8,
            hidden_size: 8,
            mlp_dim: 8,
            layers: 1,
            heads: 1,
        },
        feature_size: 2,
        classes: 3,
    };
    let zeros = || Unet::zeros(&sizes, &cpu()).unwrap();
    let infos = describe(&zeros());
    let given: Values = infos
        .iter()
        .map(|info| (info.name.clone(), fill::parameter(info)))
        .collect();
    let logits = |values: &Values| {
        let network = weights::fill(zeros(), values).unwrap();
        host(network.forward(filled("input", 1, [16; 3], &cpu(), |v| v)))
    };
    let before = logits(&given);
    for info in infos.iter().filter(|info| info.shape.len() > 1) {
        let (inputs, kernel) = (info.shape[1], info.shape[2..].iter().product::<usize>());
        for half in 0..inputs.min(2) {
            let mut other = given.clone();
            let values = other.get_mut(&info.name).unwrap();
            for (n, value) in values.iter_mut().enumerate() {
                if 2 * (n / kernel % inputs) / inputs == half {
                    *value += fill::uniform("other", n) as f32;
                }
            }
            assert!(logits(&other) != before, "{}, half {half}", info.name);
        }
    }
}
