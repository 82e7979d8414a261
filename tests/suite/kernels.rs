//! Own operations at real sizes, where errors hide: sums, biases and GELU, on the CPU and on software Vulkan.

use crate::support::{cpu, host, software_vulkan};
use burn::Tensor;
use burn::tensor::{Device, TensorData};
use hounsfield::device::{Extent, SUITE_TOLERANCE, SuiteResult, half_suite, kernel_suite};
use hounsfield::kernels::{add_bias, gelu, layer_norm, mean_all, softmax, sum_all};

/// Values with no pattern a wrong index could hide behind.
fn value(index: usize) -> f32 {
    ((index as u32).wrapping_mul(2_654_435_761) >> 8) as f32 / (1u32 << 24) as f32
}

fn filled(rows: usize, columns: usize, device: &Device) -> Tensor<2> {
    let values: Vec<f32> = (0..rows * columns).map(value).collect();
    Tensor::from_data(TensorData::new(values, [rows, columns]), device)
}

/// Rows and columns from one number up to the bias of the tutorial's last layer.
const SIZES: [(usize, usize); 7] = [
    (1, 1),
    (7, 3),
    (1031, 2),
    (864, 768),
    (13_824, 16),
    (196_608, 1),
    (110_592, 16),
];

fn sums_are_right(device: &Device) {
    for (rows, columns) in SIZES {
        let exact: f64 = (0..rows * columns).map(|i| f64::from(value(i))).sum();
        let x = filled(rows, columns, device);
        let sum = f64::from(host(sum_all(x.clone()))[0]);
        assert!(
            (sum - exact).abs() <= 1e-5 * exact,
            "{rows} x {columns}: sum {sum}, not {exact}"
        );
        let mean = f64::from(host(mean_all(x * 2.0))[0]);
        let exact = 2.0 * exact / (rows * columns) as f64;
        assert!(
            (mean - exact).abs() <= 1e-5 * exact,
            "{rows} x {columns}: mean"
        );
    }
}

#[test]
fn sums_are_right_at_real_sizes_on_the_cpu() {
    sums_are_right(&cpu());
}

#[test]
fn sums_are_right_at_real_sizes_on_software_vulkan() {
    sums_are_right(&software_vulkan());
}

fn bias_gradients_are_right(device: &Device) {
    let device = device.clone().autodiff();
    for (rows, columns) in SIZES {
        let x = filled(rows, columns, &device);
        let weights = filled(rows, columns, &device) + 0.5;
        let bias = Tensor::<1>::zeros([columns], &device).require_grad();
        let y = add_bias(x, bias.clone()) * weights;
        let gradients = sum_all(y).backward();
        let found = host(bias.grad(&gradients).unwrap());
        let mut exact = vec![0.0; columns];
        for index in 0..rows * columns {
            exact[index % columns] += f64::from(value(index)) + 0.5;
        }
        for (column, (found, exact)) in found.iter().zip(&exact).enumerate() {
            assert!(
                (f64::from(*found) - exact).abs() <= 1e-5 * exact,
                "{rows} x {columns}, column {column}: {found}, not {exact}"
            );
        }
    }
}

#[test]
fn bias_gradients_are_right_at_real_sizes_on_the_cpu() {
    bias_gradients_are_right(&cpu());
}

#[test]
fn bias_gradients_are_right_at_real_sizes_on_software_vulkan() {
    bias_gradients_are_right(&software_vulkan());
}

/// Gradients of scale and shift of a layer norm over as many rows as the tutorial's batch of 16 views has.
fn norm_gradients(device: &Device) -> [Vec<f32>; 2] {
    let device = device.clone().autodiff();
    let (rows, features) = (16 * 216, 768);
    let x = filled(rows, features, &device);
    let weights = filled(features, rows, &device).reshape([rows, features]);
    let scale = Tensor::<1>::ones([features], &device).require_grad();
    let shift = Tensor::<1>::zeros([features], &device).require_grad();
    let y = layer_norm(x, scale.clone(), shift.clone()) * weights;
    let gradients = sum_all(y).backward();
    [scale, shift].map(|parameter| host(parameter.grad(&gradients).unwrap()))
}

#[test]
fn norm_gradients_on_software_vulkan_equal_those_on_the_cpu_at_real_sizes() {
    let gpu = norm_gradients(&software_vulkan());
    for (name, (cpu, gpu)) in ["scale", "shift"]
        .iter()
        .zip(norm_gradients(&cpu()).iter().zip(&gpu))
    {
        let largest = cpu.iter().fold(0.0, |m: f32, v| m.max(v.abs()));
        for (column, (cpu, gpu)) in cpu.iter().zip(gpu).enumerate() {
            assert!(
                (cpu - gpu).abs() <= 1e-4 * largest,
                "{name}, column {column}: {gpu} on Vulkan, {cpu} on the CPU"
            );
        }
    }
}

/// GELU and its derivative in f64, with erf as its Maclaurin series, good to 1e-13 up to 4.
fn exact_gelu(x: f64) -> (f64, f64) {
    let z = x / 2f64.sqrt();
    let (mut term, mut erf) = (z, z);
    for n in 1..120 {
        term *= -z * z / f64::from(n);
        erf += term / f64::from(2 * n + 1);
    }
    let erf = erf * 2.0 / std::f64::consts::PI.sqrt();
    let density = (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let share = 0.5 * (1.0 + erf);
    (x * share, share + x * density)
}

fn gelu_is_exact(device: &Device) {
    let device = device.clone().autodiff();
    let points: Vec<f32> = (-400..=400).map(|i| i as f32 / 100.0).collect();
    let count = points.len();
    let x =
        Tensor::<1>::from_data(TensorData::new(points.clone(), [count]), &device).require_grad();
    let y = gelu(x.clone());
    let gradients = y.clone().sum().backward();
    let slope = host(x.grad(&gradients).unwrap());
    for ((x, y), slope) in points.iter().zip(host(y)).zip(slope) {
        let (exact, exact_slope) = exact_gelu(f64::from(*x));
        assert!(
            (f64::from(y) - exact).abs() < 2e-6,
            "gelu({x}) = {y}, not {exact}"
        );
        assert!(
            (f64::from(slope) - exact_slope).abs() < 2e-6,
            "gelu'({x}) = {slope}, not {exact_slope}; the tanh approximation is 9e-4 off"
        );
    }
}

#[test]
fn gelu_and_its_gradient_are_exact_on_the_cpu() {
    gelu_is_exact(&cpu());
}

#[test]
fn gelu_and_its_gradient_are_exact_on_software_vulkan() {
    gelu_is_exact(&software_vulkan());
}

/// Softmax and its gradient in f64 for a row and the gradient of its output.
fn exact_softmax(x: &[f32], grad: &[f32]) -> (Vec<f64>, Vec<f64>) {
    let largest = x.iter().copied().fold(f32::MIN, f32::max);
    let powers: Vec<f64> = x.iter().map(|x| f64::from(x - largest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    let y: Vec<f64> = powers.iter().map(|p| p / sum).collect();
    let mean: f64 = y.iter().zip(grad).map(|(y, g)| y * f64::from(*g)).sum();
    let slope = y
        .iter()
        .zip(grad)
        .map(|(y, g)| y * (f64::from(*g) - mean))
        .collect();
    (y, slope)
}

fn softmax_is_exact(device: &Device) {
    let device = device.clone().autodiff();
    for (rows, columns, scale) in [
        (1, 1, 1.0),
        (5, 7, 3.0),
        (24 * 216, 216, 8.0),
        (3, 1728, 60.0),
    ] {
        let x = (filled(rows, columns, &device) * scale).require_grad();
        let weights = filled(columns, rows, &device).reshape([rows, columns]);
        let y = softmax(x.clone());
        let gradients = (y.clone() * weights.clone()).sum().backward();
        let (y, slope) = (host(y), host(x.grad(&gradients).unwrap()));
        let (x, weights) = (host(x), host(weights));
        for row in [0, rows / 2, rows - 1] {
            let range = row * columns..(row + 1) * columns;
            let (exact, exact_slope) = exact_softmax(&x[range.clone()], &weights[range.clone()]);
            for (column, index) in range.enumerate() {
                let error = (f64::from(y[index]) - exact[column]).abs();
                assert!(
                    error <= 3e-6 * exact[column] + 1e-9,
                    "{rows} x {columns}: {error}"
                );
                let error = (f64::from(slope[index]) - exact_slope[column]).abs();
                assert!(
                    error <= 3e-6 * exact[column] + 1e-9,
                    "{rows} x {columns}, slope: {error}"
                );
            }
        }
    }
}

#[test]
fn softmax_and_its_gradient_are_exact_on_the_cpu() {
    softmax_is_exact(&cpu());
}

#[test]
fn softmax_and_its_gradient_are_exact_on_software_vulkan() {
    softmax_is_exact(&software_vulkan());
}

/// Every operation against a double-precision reference, forward and backward, up to UNETR's own shapes.
fn suite_holds(device: &Device) {
    let results = pollster::block_on(kernel_suite(device, Extent::Full)).unwrap();
    all_hold(&results);
    // A suite that lost its cases holds too. There are some 310, and a few more on adapters.
    assert!(results.len() >= 300, "{} comparisons", results.len());
    for operation in ["convolution", "instance norm"] {
        let of = |result: &&SuiteResult| result.name.starts_with(operation);
        let largest = |result: &SuiteResult| result.name.contains("96, 96, 96");
        let found = results.iter().filter(of).any(largest);
        assert!(found, "{operation} is not compared at 96 x 96 x 96");
    }
}

fn all_hold(results: &[SuiteResult]) {
    let worst: Vec<String> = results
        .iter()
        .filter(|result| !result.holds())
        .map(|result| format!("{}: {:.1e}", result.name, result.error))
        .collect();
    assert!(
        worst.is_empty(),
        "{} of {}:\n{}",
        worst.len(),
        results.len(),
        worst.join("\n")
    );
}

#[test]
fn every_operation_is_right_up_to_the_sizes_of_the_tutorial_on_the_cpu() {
    suite_holds(&cpu());
}

#[test]
fn every_operation_is_right_up_to_the_sizes_of_the_tutorial_on_software_vulkan() {
    suite_holds(&software_vulkan());
}

/// Convolutions, norms, residual units, patch expansions, perceptrons and attention, which half precision computes in f16.
#[test]
fn operations_in_half_precision_are_right_to_its_roundings_on_software_vulkan() {
    let device = software_vulkan();
    let results = pollster::block_on(half_suite(&device, Extent::Reduced)).unwrap();
    all_hold(&results);
    // It is another path: f32 would be a hundred times as close.
    for operation in [
        "convolution",
        "instance norm",
        "residual unit",
        "patch expansion",
        "product of gelu",
        "attention",
    ] {
        let of = results
            .iter()
            .filter(|result| result.name.starts_with(operation));
        let worst = of.map(|result| result.error).fold(0.0, f64::max);
        assert!(worst > SUITE_TOLERANCE, "{operation}: {worst:.1e}");
    }
}
