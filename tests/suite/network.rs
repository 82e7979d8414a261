//! The auto-encoder against the original's outputs and gradients, on the CPU and on software Vulkan (WGSL).

use crate::support::sizes::SMALL;
use crate::support::table::assert_parameters;
use crate::support::{
    AUTO_ENCODER_GRADIENT, assert_gradients_match, assert_matches, cpu, fill, host, numbers,
    software_vulkan, vectors,
};
use burn::Tensor;
use burn::tensor::{Device, TensorData};
use hounsfield::device::give_back;
use hounsfield::loss::pretrain_loss;
use hounsfield::nn::{ViTAutoEncoder, VitConfig};
use hounsfield::weights::describe;

/// Specification 16: float32 forward, relative to the tensor's RMS.
const FORWARD: f64 = 1e-4;
/// Specification 16: losses.
const LOSS: f64 = 1e-5;

fn network(config: &VitConfig, device: &Device) -> ViTAutoEncoder {
    fill::network(ViTAutoEncoder::zeros(config, device).unwrap())
}

fn volume(name: &str, batch: usize, config: &VitConfig, device: &Device) -> Tensor<5> {
    let [d, h, w] = config.image_size;
    let shape = [batch, d, h, w, 1];
    let values = fill::input(name, shape.iter().product());
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Channel-first shape of a single-channel volume.
fn channel_first(batch: usize, config: &VitConfig) -> Vec<usize> {
    let [d, h, w] = config.image_size;
    vec![batch, 1, d, h, w]
}

fn small_network_matches(device: &Device, recompute: bool) {
    let expected = &vectors()["vitautoenc_small"];
    let mut device = device.clone().autodiff();
    if recompute {
        device = device.gradient_checkpointing();
    }
    let network = network(&SMALL, &device);
    let views = Tensor::cat(
        vec![
            volume("input", 2, &SMALL, &device),
            volume("input_2", 2, &SMALL, &device),
        ],
        0,
    );
    let output = network.forward(views, true);
    let shape = channel_first(2, &SMALL);
    for (view, name) in ["output_view1", "output_view2"].into_iter().enumerate() {
        let part = host(output.volume.clone().narrow(0, 2 * view, 2));
        assert_matches(name, &shape, &part, &expected[name], FORWARD);
    }
    for layer in [0, 3, 11] {
        let name = format!("hidden{layer}");
        let tokens = SMALL.tokens();
        let first_view = host(output.hidden[layer].clone().narrow(0, 0, 2 * tokens));
        let shape = [2, tokens, SMALL.hidden_size];
        assert_matches(
            &name,
            &shape,
            &first_view,
            &expected[name.as_str()],
            FORWARD,
        );
    }

    let target = volume("gt", 2, &SMALL, &device);
    for (key, temperature) in [
        ("contrastive_T0.05", 0.05),
        ("contrastive_T0.005", 0.005),
        ("contrastive_T0.5", 0.5),
    ] {
        let loss = pretrain_loss(output.volume.clone(), target.clone(), 1.0, temperature);
        let found = f64::from(host(loss.contrastive.unwrap())[0]);
        let value = expected["losses"][key].as_f64().unwrap();
        // A cosine near 1 is rounded by up to 3e-8 in each of some ten operations, and then divided by the temperature.
        // At 0.005 that is 6e-6 an operation; the logits are near 200, where f32 has one number in 1.5e-5, and rounding
        // them and the logarithm of their sum alone comes to 1.5e-5: 1e-5 cannot be asked there.
        let tolerance = LOSS * (0.05 / temperature).max(1.0);
        assert!(
            (found - value).abs() < tolerance,
            "{key}: {found}, not {value}"
        );
    }
    let loss = pretrain_loss(output.volume, target, 1.0, 0.05);
    for (key, tensor) in [("l1", &loss.l1), ("total", &loss.total)] {
        let found = f64::from(host(tensor.clone())[0]);
        let value = expected["losses"][key].as_f64().unwrap();
        assert!((found - value).abs() < LOSS, "{key}: {found}, not {value}");
    }

    assert_gradients_match(
        &network,
        loss.total,
        &[expected["grad_l2"].clone()],
        AUTO_ENCODER_GRADIENT,
    );
}

#[test]
fn the_small_auto_encoder_equals_the_original_on_the_cpu() {
    small_network_matches(&cpu(), false);
}

#[test]
fn the_small_auto_encoder_equals_the_original_with_recomputed_activations() {
    small_network_matches(&cpu(), true);
}

#[test]
fn the_small_auto_encoder_equals_the_original_on_software_vulkan() {
    small_network_matches(&software_vulkan(), false);
}

#[test]
fn the_tutorial_auto_encoder_equals_the_original_on_the_cpu() {
    let expected = &vectors()["vitautoenc_full"];
    let config = VitConfig::TUTORIAL;
    let network = network(&config, &cpu());
    let output = network.forward(volume("input", 1, &config, &cpu()), true);
    let values = host(output.volume);
    let shape = channel_first(1, &config);
    let tokens = [1, config.tokens(), config.hidden_size];
    let last = host(output.hidden[11].clone());
    for suffix in ["", "_f64"] {
        let name = format!("output{suffix}");
        assert_matches(&name, &shape, &values, &expected[name.as_str()], FORWARD);
        let name = format!("hidden11{suffix}");
        assert_matches(&name, &tokens, &last, &expected[name.as_str()], FORWARD);
    }
    let first = host(output.hidden[0].clone());
    assert_matches("hidden0", &tokens, &first, &expected["hidden0"], FORWARD);
}

#[test]
fn the_deterministic_fill_gives_the_numbers_of_the_specification() {
    let expected = &vectors()["hash_check"];
    assert_eq!(
        u64::from(fill::hash("input")),
        expected["fnv1a32('input')"].as_u64().unwrap()
    );
    for (name, key) in [
        ("input", "u('input',4)"),
        (
            "blocks.0.attn.qkv.weight",
            "u('blocks.0.attn.qkv.weight',3)",
        ),
    ] {
        for (i, value) in numbers(&expected[key]).iter().enumerate() {
            assert_eq!(fill::uniform(name, i), *value, "{name}[{i}]");
        }
    }
}

#[test]
fn every_parameter_has_the_name_and_shape_of_the_original() {
    let network = ViTAutoEncoder::zeros(&VitConfig::TUTORIAL, &cpu()).unwrap();
    assert_parameters(&network, "parameters_vitautoenc.tsv");
}

#[test]
fn the_memory_of_a_network_that_is_dropped_goes_back_to_the_device() {
    let device = software_vulkan();
    let held = || device.memory_pool_usage().unwrap().bytes_reserved;
    let before = held();
    let other = network(&SMALL, &device);
    give_back(&device);
    let numbers: usize = describe(&other)
        .iter()
        .map(|parameter| parameter.shape.iter().product::<usize>())
        .sum();
    let (with, size) = (held(), 4 * numbers as u64);
    // Its own size each, and nothing of what the weights were before they were filled.
    let taken = with - before;
    assert!(
        (size..size + size / 4).contains(&taken),
        "{taken} for {size}"
    );
    drop(other);
    give_back(&device);
    assert!(held() <= with - size, "{} of {with} with {size}", held());
}
