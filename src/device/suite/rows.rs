//! Operations over the rows of a matrix: layer norm and bias, with the gradients of their parameters.

use crate::device::DeviceError;
use crate::device::suite::probe::{compare, gradients, host, leaf, noise, places};
use crate::device::suite::{Extent, SuiteResult};
use crate::kernels::{add_bias, layer_norm};
use burn::Tensor;
use burn::tensor::Device;

/// Rows and features.
const REDUCED: [[usize; 2]; 5] = [[1, 1], [3, 5], [7, 130], [216, 64], [4099, 12]];
const FULL: [[usize; 2]; 4] = [[216, 768], [432, 3072], [110_592, 16], [884_736, 4]];

pub(super) async fn check(
    device: &Device,
    extent: Extent,
    results: &mut Vec<SuiteResult>,
) -> Result<(), DeviceError> {
    for [rows, features] in extent.cases(REDUCED, FULL) {
        let case = Case::of(rows, features);
        case.norm(device, results).await?;
        case.bias(device, results).await?;
    }
    Ok(())
}

/// The inputs of both operations, and what layer norm makes of them in double precision.
struct Case {
    rows: usize,
    features: usize,
    x: Vec<f32>,
    weight: Vec<f32>,
    bias: Vec<f32>,
    grad: Vec<f32>,
    /// `(mean, reciprocal deviation)` of each row.
    statistics: Vec<(f64, f64)>,
}

impl Case {
    fn of(rows: usize, features: usize) -> Self {
        // Rows differ in mean and deviation.
        let x: Vec<f32> = noise(1, rows * features)
            .into_iter()
            .enumerate()
            .map(|(i, x)| x * (1.0 + (i / features % 3) as f32) + (i / features % 5) as f32)
            .collect();
        let statistics = x
            .chunks(features)
            .map(|row| {
                let mean = |f: &dyn Fn(f64) -> f64| {
                    row.iter().map(|x| f(f64::from(*x))).sum::<f64>() / features as f64
                };
                let middle = mean(&|x| x);
                (
                    middle,
                    (mean(&|x| (x - middle).powi(2)) + 1e-5).sqrt().recip(),
                )
            })
            .collect();
        Case {
            rows,
            features,
            x,
            weight: noise(2, features),
            bias: noise(3, features),
            grad: noise(4, rows * features),
            statistics,
        }
    }

    fn normal(&self, place: usize) -> f64 {
        let (mean, scale) = self.statistics[place / self.features];
        (f64::from(self.x[place]) - mean) * scale
    }

    /// Sum over all rows in a column.
    fn column(&self, feature: usize, f: impl Fn(usize) -> f64) -> f64 {
        (0..self.rows)
            .map(|row| f(row * self.features + feature))
            .sum()
    }

    /// The leaves: matrix, weight, bias.
    fn leaves(&self, device: &Device) -> [Tensor<5>; 3] {
        let Case { rows, features, .. } = *self;
        [
            leaf(&self.x, [1, 1, 1, rows, features], device),
            leaf(&self.weight, [1, 1, 1, 1, features], device),
            leaf(&self.bias, [1, 1, 1, 1, features], device),
        ]
    }

    async fn norm(
        &self,
        device: &Device,
        results: &mut Vec<SuiteResult>,
    ) -> Result<(), DeviceError> {
        let (name, Case { rows, features, .. }) = ("layer norm", self);
        let [x, weight, bias] = &self.leaves(device);
        let y = layer_norm(
            x.clone().reshape([*rows, *features]),
            weight.clone().reshape([*features]),
            bias.clone().reshape([*features]),
        );
        let [of_x, of_weight, of_bias] = gradients(y.clone(), &self.grad, [x, weight, bias]);
        let title = |what: &str| format!("{name}, {rows} x {features}: {what}");
        let all = places(rows * features);
        let each = places(*features);
        let [grad, weight, bias] = [&self.grad, &self.weight, &self.bias];
        let slope = |i: usize| f64::from(grad[i]) * f64::from(weight[i % features]);

        let found = host(name, y).await?;
        compare(
            title("forward"),
            &found,
            &all,
            |i| self.normal(i) * f64::from(weight[i % features]) + f64::from(bias[i % features]),
            results,
        );
        let found = host(name, of_x).await?;
        // With one feature the gradient is nothing but rounding.
        if *features > 1 {
            compare(
                title("gradient of the input"),
                &found,
                &all,
                |i| {
                    let row = i / features * features;
                    let mean = |f: &dyn Fn(usize) -> f64| {
                        (row..row + features).map(f).sum::<f64>() / *features as f64
                    };
                    let (sum, product) = (mean(&slope), mean(&|i| slope(i) * self.normal(i)));
                    self.statistics[i / features].1 * (slope(i) - sum - self.normal(i) * product)
                },
                results,
            );
            let found = host(name, of_weight).await?;
            compare(
                title("gradient of the weight"),
                &found,
                &each,
                |feature| self.column(feature, |i| f64::from(grad[i]) * self.normal(i)),
                results,
            );
        }
        let found = host(name, of_bias).await?;
        compare(
            title("gradient of the bias"),
            &found,
            &each,
            |feature| self.column(feature, |i| f64::from(grad[i])),
            results,
        );
        Ok(())
    }

    async fn bias(
        &self,
        device: &Device,
        results: &mut Vec<SuiteResult>,
    ) -> Result<(), DeviceError> {
        let (name, Case { rows, features, .. }) = ("bias", self);
        let [x, _, bias] = &self.leaves(device);
        let matrix = x.clone().reshape([*rows, *features]);
        let y = add_bias(matrix, bias.clone().reshape([*features]));
        // Of one sign: a sum that loses what is small beside it shows only where it grows.
        let grad: Vec<f32> = self.grad.iter().map(|grad| grad.abs()).collect();
        let [of_x, of_bias] = gradients(y.clone(), &grad, [x, bias]);
        let title = |what: &str| format!("{name}, {rows} x {features}: {what}");
        let all = places(rows * features);
        let found = host(name, y).await?;
        compare(
            title("forward"),
            &found,
            &all,
            |i| f64::from(self.x[i]) + f64::from(self.bias[i % features]),
            results,
        );
        let found = host(name, of_x).await?;
        compare(
            title("gradient of the input"),
            &found,
            &all,
            |i| f64::from(grad[i]),
            results,
        );
        let found = host(name, of_bias).await?;
        compare(
            title("gradient of the bias"),
            &found,
            &places(*features),
            |feature| self.column(feature, |i| f64::from(grad[i])),
            results,
        );
        Ok(())
    }
}
