//! The residual unit against its parts, which the other checks hold to double precision: a small difference before a leaky
//! ReLU may put a value on the other side of its corner. The outputs of small units are compared with plain
//! double-precision ones too, and the gradients of one with its differences.

use crate::device::DeviceError;
use crate::device::suite::probe::{compare, gradients, held, host, leaf, noise, places, places_of};
use crate::device::suite::{Extent, SuiteResult};
use crate::kernels::{ResidualWeights, conv3d, conv3d_pair, instance_norm, residual_unit};
use crate::nn::Precision;
use burn::Tensor;
use burn::tensor::Device;

/// No activation in half precision, whose roundings would move values over the corner of a leaky ReLU.
fn slope_in(precision: Precision) -> f32 {
    match precision {
        Precision::F32 => 0.01,
        Precision::F16 => 1.0,
    }
}

/// Batch, space, channels of both inputs (the second may have none), channels out.
type Case = (usize, [usize; 3], [usize; 2], usize);

/// The first is the one that is differentiated. There are two channels where a UNETR has one: of one, the norm undoes what
/// the shortcut's weight does, and its gradient is nothing but rounding.
const REDUCED: [Case; 4] = [
    (2, [3, 4, 2], [2, 1], 3),
    (1, [5, 6, 7], [2, 0], 16),
    (3, [4, 3, 5], [4, 4], 4),
    (1, [8, 8, 8], [16, 16], 16),
];

const FULL: [Case; 4] = [
    (1, [32, 32, 32], [2, 0], 16),
    (1, [32, 32, 32], [16, 16], 16),
    (1, [48, 48, 48], [16, 16], 16),
    (2, [12, 12, 12], [64, 64], 64),
];

pub(super) async fn check(
    device: &Device,
    extent: Extent,
    precision: Precision,
    results: &mut Vec<SuiteResult>,
) -> Result<(), DeviceError> {
    for case in extent.cases(REDUCED, FULL) {
        one(device, precision, case, results).await?;
    }
    Ok(())
}

/// The unit as the operations it is made of.
fn parts(a: Tensor<5>, b: Option<Tensor<5>>, weights: ResidualWeights, slope: f32) -> Tensor<5> {
    let convolve = |weight| match &b {
        None => conv3d(a.clone(), weight),
        Some(b) => conv3d_pair(a.clone(), b.clone(), weight),
    };
    let shortcut = instance_norm(convolve(weights.conv3), None, 1.0);
    let hidden = instance_norm(convolve(weights.conv1), None, slope);
    instance_norm(conv3d(hidden, weights.conv2), Some(shortcut), slope)
}

async fn one(
    device: &Device,
    precision: Precision,
    case: Case,
    results: &mut Vec<SuiteResult>,
) -> Result<(), DeviceError> {
    let name = "residual unit";
    let (batch, [d, h, w], [first, second], out) = case;
    let positions = batch * d * h * w;
    let (total, slope) = (first + second, slope_in(precision));
    let shapes = [
        [batch, d, h, w, first],
        [batch, d, h, w, second],
        [out, total, 3, 3, 3],
        [out, out, 3, 3, 3],
        [out, total, 1, 1, 1],
    ];
    let mut seed = 0;
    let numbers = shapes.map(|shape| {
        seed += 1;
        held(noise(seed, shape.iter().product()), precision)
    });
    let grad = held(noise(6, positions * out), precision);
    let run = |unit: bool| {
        let leaf = |which: usize| leaf(&numbers[which], shapes[which], device);
        let [a, conv1, conv2, conv3] = [0, 2, 3, 4].map(leaf);
        let b = (second > 0).then(|| leaf(1));
        let cast = |x: &Tensor<5>| precision.cast(x.clone());
        let weights = ResidualWeights {
            conv1: cast(&conv1),
            conv2: cast(&conv2),
            conv3: cast(&conv3),
        };
        let of = if unit { residual_unit } else { parts };
        let y = of(cast(&a), b.as_ref().map(cast), weights, slope);
        // The output itself is given away, so that the backward pass may write over it.
        let copy = y.clone().inner() * 1.0;
        let found = match &b {
            None => gradients(y, &grad, [&a, &conv1, &conv2, &conv3]).to_vec(),
            Some(b) => gradients(y, &grad, [&a, b, &conv1, &conv2, &conv3]).to_vec(),
        };
        (copy, found)
    };
    let of = |what: &str| {
        format!("residual unit, {batch} x {d} x {h} x {w}, {first} and {second} to {out}: {what}")
    };
    let ((y, found), (y_of_parts, found_of_parts)) = (run(true), run(false));
    let y = host(name, y).await?;
    let exact = host(name, y_of_parts).await?;
    let at = |i: usize| f64::from(exact[i]);
    compare(of("output"), &y, &places(y.len()), at, results);

    let plain = Plain {
        size: [batch, d, h, w],
        numbers: numbers.map(|numbers| numbers.iter().map(|v| f64::from(*v)).collect()),
        channels: [first, second, out],
        grad: &grad,
        slope: f64::from(slope),
    };
    if REDUCED.contains(&case) {
        let exact = plain.unit(&plain.numbers);
        let told = of("output, in double precision");
        compare(told, &y, &places(y.len()), |i| exact[i], results);
    }
    let of_what: &[(usize, &str)] = match second {
        0 => &[(0, "x"), (2, "conv1"), (3, "conv2"), (4, "conv3")],
        _ => &[(0, "a"), (1, "b"), (2, "conv1"), (3, "conv2"), (4, "conv3")],
    };
    let all = found.into_iter().zip(found_of_parts).zip(of_what);
    for ((gradient, of_parts), (index, what)) in all {
        let values = host(name, gradient).await?;
        let exact = host(name, of_parts).await?;
        let at = |i: usize| f64::from(exact[i]);
        let told = of(&format!("gradient of {what}"));
        compare(told, &values, &places(values.len()), at, results);
        if case == REDUCED[0] && precision == Precision::F32 {
            let told = of(&format!("gradient of {what}, by differences"));
            let at = |i: usize| plain.difference(*index, i);
            compare(told, &values, &places_of(values.len(), 48), at, results);
        }
    }
    Ok(())
}

/// The unit in double precision, number by number.
struct Plain<'a> {
    /// Batch and space.
    size: [usize; 4],
    /// Both inputs and the three weights.
    numbers: [Vec<f64>; 5],
    /// Of both inputs and the output.
    channels: [usize; 3],
    grad: &'a [f32],
    slope: f64,
}

impl Plain<'_> {
    /// Central difference of `sum(y * grad)` by one number of an input or a weight.
    fn difference(&self, which: usize, place: usize) -> f64 {
        const STEP: f64 = 1e-5;
        let at = |step: f64| {
            let mut numbers = self.numbers.clone();
            numbers[which][place] += step;
            let y = self.unit(&numbers);
            y.iter()
                .zip(self.grad)
                .map(|(y, grad)| y * f64::from(*grad))
                .sum::<f64>()
        };
        (at(STEP) - at(-STEP)) / (2.0 * STEP)
    }

    fn unit(&self, [a, b, conv1, conv2, conv3]: &[Vec<f64>; 5]) -> Vec<f64> {
        let [first, second, out] = self.channels;
        let x: Vec<f64> = (0..self.size.iter().product())
            .flat_map(|at| [&a[at * first..][..first], &b[at * second..][..second]].concat())
            .collect();
        let leaky = |z: f64| z * if z > 0.0 { 1.0 } else { self.slope };
        let hidden = self.norm(self.convolve(&x, conv1, first + second, 3));
        let hidden: Vec<f64> = hidden.into_iter().map(leaky).collect();
        let main = self.norm(self.convolve(&hidden, conv2, out, 3));
        let shortcut = self.norm(self.convolve(&x, conv3, first + second, 1));
        let both = main.iter().zip(shortcut);
        both.map(|(main, shortcut)| leaky(main + shortcut))
            .collect()
    }

    fn convolve(&self, x: &[f64], weight: &[f64], channels: usize, kernel: usize) -> Vec<f64> {
        let [batch, d, h, w] = self.size;
        let (out, half) = (self.channels[2], kernel / 2);
        let mut y = vec![0.0; batch * d * h * w * out];
        for (place, y) in y.iter_mut().enumerate() {
            let (position, feature) = (place / out, place % out);
            let (sample, at) = (position / (d * h * w), position % (d * h * w));
            for tap in 0..kernel.pow(3) {
                let from = [
                    at / (h * w) + tap / (kernel * kernel),
                    at / w % h + tap / kernel % kernel,
                    at % w + tap % kernel,
                ];
                let inside = from.iter().zip([d, h, w]);
                if inside.into_iter().any(|(i, n)| *i < half || *i - half >= n) {
                    continue;
                }
                let [i, j, k] = from.map(|i| i - half);
                let from = ((sample * d + i) * h + j) * w + k;
                for channel in 0..channels {
                    *y += x[from * channels + channel]
                        * weight[(feature * channels + channel) * kernel.pow(3) + tap];
                }
            }
        }
        y
    }

    fn norm(&self, mut x: Vec<f64>) -> Vec<f64> {
        let [batch, d, h, w] = self.size;
        let (out, voxels) = (self.channels[2], d * h * w);
        let sample_length = x.len() / batch;
        for sample in x.chunks_mut(sample_length) {
            for channel in 0..out {
                let of_channel = || sample.iter().skip(channel).step_by(out);
                let mean = of_channel().sum::<f64>() / voxels as f64;
                let squares = of_channel().map(|x| (x - mean).powi(2)).sum::<f64>();
                let scale = (squares / voxels as f64 + 1e-5).sqrt().recip();
                for x in sample.iter_mut().skip(channel).step_by(out) {
                    *x = (*x - mean) * scale;
                }
            }
        }
        x
    }
}
