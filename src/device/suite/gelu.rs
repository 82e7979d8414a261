//! Exact GELU, alone and with the product behind it.

use crate::device::DeviceError;
use crate::device::suite::probe::{compare, gradients, held, host, leaf, noise, places};
use crate::device::suite::{Extent, SuiteResult};
use crate::kernels::{gelu, gelu_product};
use crate::nn::Precision;
use burn::tensor::Device;

/// Rows, columns in and out.
const REDUCED: [[usize; 3]; 2] = [[5, 3, 2], [37, 24, 11]];
const FULL: [[usize; 3]; 1] = [[216, 3072, 768]];

pub(super) async fn check(
    device: &Device,
    extent: Extent,
    precision: Precision,
    results: &mut Vec<SuiteResult>,
) -> Result<(), DeviceError> {
    for case in extent.cases(REDUCED, FULL) {
        product(device, precision, case, results).await?;
    }
    Ok(())
}

/// GELU and its derivative at a number, with the error function as its Maclaurin series, good to 1e-13 up to 4.
fn exact_gelu(x: f64) -> (f64, f64) {
    let z = x / 2f64.sqrt();
    let (mut term, mut erf) = (z, z);
    for n in 1..120 {
        term *= -z * z / f64::from(n);
        erf += term / f64::from(2 * n + 1);
    }
    let share = 0.5 * (1.0 + erf * 2.0 / std::f64::consts::PI.sqrt());
    let density = (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
    (x * share, share + x * density)
}

/// The product behind a GELU, rows, columns in and out.
async fn product(
    device: &Device,
    precision: Precision,
    [rows, input, out]: [usize; 3],
    results: &mut Vec<SuiteResult>,
) -> Result<(), DeviceError> {
    let name = "product of gelu";
    let x: Vec<f32> = noise(1, rows * input).iter().map(|v| 4.0 * v).collect();
    let weight = held(noise(2, input * out), precision);
    let grad = held(noise(3, rows * out), precision);
    let a = leaf(&x, [1, 1, 1, rows, input], device);
    let w = leaf(&weight, [1, 1, 1, input, out], device);
    let flat = w.clone().reshape([input, out]);
    let y = gelu_product(a.clone().reshape([rows, input]), precision.cast(flat));
    let [by_x, by_weight] = gradients(y.clone(), &grad, [&a, &w]);
    let of = |what: &str| format!("{name}, {rows} x {input} to {out}: {what}");
    let exact: Vec<(f64, f64)> = x.iter().map(|x| exact_gelu(f64::from(*x))).collect();
    let weight_at = |i: usize, o: usize| f64::from(weight[i * out + o]);
    let grad_at = |row: usize, o: usize| f64::from(grad[row * out + o]);

    let found = host(name, y.inner()).await?;
    let at = |p: usize| {
        let (row, o) = (p / out, p % out);
        let terms = (0..input).map(|i| exact[row * input + i].0 * weight_at(i, o));
        terms.sum()
    };
    compare(of("output"), &found, &places(found.len()), at, results);
    let found = host(name, by_x).await?;
    let at = |p: usize| {
        let (row, i) = (p / input, p % input);
        let terms = (0..out).map(|o| grad_at(row, o) * weight_at(i, o));
        terms.sum::<f64>() * exact[p].1
    };
    let told = of("gradient of the input");
    compare(told, &found, &places(found.len()), at, results);
    let found = host(name, by_weight).await?;
    let at = |p: usize| {
        let (i, o) = (p / out, p % out);
        let terms = (0..rows).map(|row| exact[row * input + i].0 * grad_at(row, o));
        terms.sum()
    };
    let told = of("gradient of the weight");
    compare(told, &found, &places(found.len()), at, results);
    Ok(())
}

/// GELU and its derivative.
pub(super) async fn check_alone(
    device: &Device,
    results: &mut Vec<SuiteResult>,
) -> Result<(), DeviceError> {
    let shape = [1, 9, 10, 11, 13];
    let count = shape.iter().product();
    let x: Vec<f32> = noise(1, count).iter().map(|v| 4.0 * v).collect();
    let a = leaf(&x, shape, device);
    let grad = noise(2, count);
    let y = gelu(a.clone());
    let [slope] = gradients(y.clone(), &grad, [&a]);
    let found = host("gelu", y.inner()).await?;
    let at = |p: usize| exact_gelu(f64::from(x[p])).0;
    compare(
        "gelu: output".to_owned(),
        &found,
        &places(count),
        at,
        results,
    );
    let found = host("gelu", slope).await?;
    let at = |p: usize| exact_gelu(f64::from(x[p])).1 * f64::from(grad[p]);
    compare(
        "gelu: gradient".to_owned(),
        &found,
        &places(count),
        at,
        results,
    );
    Ok(())
}
