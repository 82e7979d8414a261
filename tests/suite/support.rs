//! Where the tests find the specification's vectors, the real volumes, and devices.

pub(crate) mod fill;
pub(crate) mod sizes;
pub(crate) mod table;
pub(crate) mod training;

use burn::Tensor;
use burn::tensor::Device;
use hounsfield::device::{AdapterKind, adapters, select};
use hounsfield::optim::{GradientMap, accumulate};
use hounsfield::weights::Named;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

fn beside(rel: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared")
        .join(rel)
}

fn existing(path: PathBuf) -> PathBuf {
    assert!(
        path.exists(),
        "{} is missing: the tests need the shared folder beside the checkout",
        path.display()
    );
    path
}

/// The reference numbers of specification 16.
pub(crate) fn vectors() -> serde_json::Value {
    let path = existing(beside("spec/test_vectors.json"));
    let text = std::fs::read_to_string(&path).expect("test vectors are readable");
    serde_json::from_str(&text).expect("test vectors are JSON")
}

/// Gradient norms of the small UNETR. One activation lies 2.4e-6 above the kink of a leaky ReLU: the order in which a device
/// adds up puts it above, which gives the vectors' norms, or below, and some change by up to 1.3e-3.
pub(crate) fn unetr_small_gradients() -> [serde_json::Value; 2] {
    let below = include_str!("../data/unetr_small_kink.json");
    let below: serde_json::Value = serde_json::from_str(below).expect("JSON");
    [
        vectors()["unetr_small"]["grad_l2"].clone(),
        below["grad_l2"].clone(),
    ]
}

/// A table of the specification.
pub(crate) fn spec(name: &str) -> String {
    let path = existing(beside("spec").join(name));
    std::fs::read_to_string(&path).expect("the specification is readable")
}

/// A file or folder under the shared data; `HOUNSFIELD_DATA` names another place.
pub(crate) fn data(rel: &str) -> PathBuf {
    let root = std::env::var_os("HOUNSFIELD_DATA").map_or_else(|| beside("data"), PathBuf::from);
    existing(root.join(rel))
}

/// The CPU backend.
pub(crate) fn cpu() -> Device {
    Device::flex()
}

/// A software Vulkan adapter: the WGSL path without a GPU.
pub(crate) fn software_vulkan() -> Device {
    let choice = software_vulkan_name().parse().unwrap();
    let selected = pollster::block_on(select(choice));
    selected.expect("the adapter opens").device
}

/// What `--device` calls it.
pub(crate) fn software_vulkan_name() -> String {
    let all = pollster::block_on(adapters());
    let software = all
        .into_iter()
        .find(|a| a.kind == AdapterKind::Software && a.device.starts_with("vulkan"));
    let missing = "a software Vulkan adapter is installed (Debian: mesa-vulkan-drivers)";
    software.expect(missing).device
}

/// Compares a tensor in C order with a summary of the vectors: shape, twelve values, sum and means. `tolerance` is
/// relative to the root mean square.
pub(crate) fn assert_matches(
    what: &str,
    shape: &[usize],
    values: &[f32],
    expected: &serde_json::Value,
    tolerance: f64,
) {
    let expected_shape: Vec<usize> = numbers(&expected["shape"])
        .iter()
        .map(|n| *n as usize)
        .collect();
    assert_eq!(shape, expected_shape, "{what}: shape");
    let count = values.len() as f64;
    let rms = expected["sq_mean"].as_f64().expect("sq_mean").sqrt();
    let points = numbers(&expected["flat_index"]);
    for (index, value) in points.iter().zip(numbers(&expected["values"])) {
        let found = f64::from(values[*index as usize]);
        assert!(
            (found - value).abs() <= tolerance * rms,
            "{what}[{index}] is {found}, should be {value} within {tolerance} of {rms}"
        );
    }
    let mean =
        |f: &dyn Fn(f64) -> f64| values.iter().map(|v| f(f64::from(*v))).sum::<f64>() / count;
    for (name, found, value) in [
        (
            "mean",
            mean(&|v| v),
            expected["sum"].as_f64().unwrap() / count,
        ),
        (
            "abs_mean",
            mean(&|v| v.abs()),
            expected["abs_mean"].as_f64().unwrap(),
        ),
        ("rms", mean(&|v| v * v).sqrt(), rms),
    ] {
        assert!(
            (found - value).abs() <= tolerance * rms,
            "{what}: {name} is {found}, should be {value}"
        );
    }
}

/// How far a number may be off.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tolerance {
    /// Of the number itself.
    pub(crate) relative: f64,
    /// Beside that.
    pub(crate) absolute: f64,
}

/// Of the gradient norms of the small auto-encoder: the L1 loss has a kink at each of its voxels, and some lie near theirs.
pub(crate) const AUTO_ENCODER_GRADIENT: Tolerance = Tolerance {
    relative: 1e-4,
    absolute: 0.0,
};

/// Of the gradient norms of the small UNETR. Where a convolution of one channel meets an instance norm its gradient would
/// be zero but for the norm's epsilon: what is left of sums of order one after cancellation cannot be known to more than
/// their rounding.
pub(crate) const UNETR_GRADIENT: Tolerance = Tolerance {
    relative: 1e-5,
    absolute: 2e-8,
};

/// Compares the L2 norm of a loss's gradient by each parameter, of a network on a tracked device, with that of the
/// vectors. Near a kink there are several sets of norms, and all parameters have to agree with the same one.
pub(crate) fn assert_gradients_match<N: Named>(
    network: &N,
    loss: Tensor<1>,
    expected: &[serde_json::Value],
    tolerance: Tolerance,
) {
    let mut gradients = GradientMap::new();
    accumulate(network, &mut loss.backward(), &mut gradients);
    assert_gradient_norms(gradients, expected, tolerance);
}

/// As [`assert_gradients_match`], of gradients by name.
pub(crate) fn assert_gradient_norms(
    gradients: GradientMap,
    expected: &[serde_json::Value],
    tolerance: Tolerance,
) {
    let found: HashMap<_, f64> = gradients
        .into_iter()
        .map(|(name, gradient)| {
            let squares = host(gradient).into_iter().map(|g| f64::from(g).powi(2));
            (name, squares.sum::<f64>().sqrt())
        })
        .collect();
    let wrong: Vec<_> = expected
        .iter()
        .map(|norms| differences(&found, norms, tolerance))
        .collect();
    assert!(
        wrong.iter().any(Vec::is_empty),
        "gradients (name, found, expected): {wrong:?}"
    );
}

/// The norms that differ.
fn differences(
    found: &HashMap<String, f64>,
    expected: &serde_json::Value,
    tolerance: Tolerance,
) -> Vec<(String, f64, f64)> {
    let norms = expected.as_object().expect("norms by name");
    assert_eq!(found.len(), norms.len(), "parameters with a gradient");
    norms
        .iter()
        .map(|(name, norm)| (name.clone(), found[name], norm.as_f64().unwrap()))
        .filter(|(_, found, norm)| {
            (found - norm).abs() > tolerance.relative * norm.abs() + tolerance.absolute
        })
        .collect()
}

/// The values of a tensor of f32.
pub(crate) fn host<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().expect("f32")
}

/// A JSON list of numbers.
pub(crate) fn numbers(value: &serde_json::Value) -> Vec<f64> {
    value
        .as_array()
        .expect("a list")
        .iter()
        .map(|n| n.as_f64().expect("a number"))
        .collect()
}

/// A JSON list of three numbers.
pub(crate) fn shape(value: &serde_json::Value) -> [usize; 3] {
    let list: Vec<usize> = numbers(value).into_iter().map(|x| x as usize).collect();
    list.try_into().expect("three numbers")
}
