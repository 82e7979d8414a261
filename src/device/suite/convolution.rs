//! Convolution of one and of two inputs.

use crate::device::DeviceError;
use crate::device::suite::probe::{compare, gradients, held, host, leaf, noise, places, places_of};
use crate::device::suite::{Extent, SuiteResult};
use crate::kernels::{conv3d, conv3d_pair};
use crate::nn::Precision;
use burn::Tensor;
use burn::tensor::Device;

/// Batch, space, channels of the one or two inputs (0 for none), output channels, kernel.
type Case = (usize, [usize; 3], [usize; 2], usize, usize);

const REDUCED: [Case; 14] = [
    (1, [1, 1, 1], [1, 0], 1, 3),
    (1, [1, 1, 1], [5, 0], 3, 1),
    (2, [2, 3, 4], [3, 0], 2, 3),
    (1, [5, 1, 7], [4, 0], 6, 3),
    (3, [3, 2, 5], [2, 3], 5, 3),
    (1, [4, 4, 9], [1, 0], 16, 3),
    (1, [7, 6, 5], [16, 0], 16, 3),
    (2, [4, 5, 6], [8, 8], 8, 1),
    (1, [6, 6, 6], [64, 64], 64, 3),
    (1, [3, 3, 3], [160, 0], 33, 3),
    (1, [3, 3, 3], [33, 7], 160, 3),
    (1, [16, 16, 16], [16, 0], 16, 3),
    (1, [12, 12, 12], [20, 12], 20, 3),
    (1, [32, 32, 32], [16, 0], 16, 3),
];

/// UNETR's own, and odd sizes near them.
const FULL: [Case; 12] = [
    (1, [96, 96, 96], [1, 0], 16, 3),
    (1, [96, 96, 96], [16, 16], 16, 3),
    (1, [96, 96, 96], [16, 16], 16, 1),
    (1, [96, 96, 96], [16, 0], 14, 1),
    (1, [48, 48, 48], [32, 0], 32, 3),
    (1, [48, 48, 48], [32, 32], 32, 3),
    (1, [24, 24, 24], [64, 0], 64, 3),
    (2, [24, 24, 24], [64, 64], 64, 3),
    (1, [12, 12, 12], [128, 0], 128, 3),
    (1, [12, 12, 12], [128, 128], 128, 3),
    (3, [31, 33, 37], [17, 0], 19, 3),
    (2, [64, 64, 64], [8, 8], 8, 3),
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

/// The convolution as its definition says, at single places.
struct Reference<'a> {
    size: [usize; 3],
    kernel: usize,
    inputs: [(&'a [f32], usize); 2],
    weight: &'a [f32],
    out: usize,
    grad: &'a [f32],
}

impl Reference<'_> {
    fn taps(&self) -> usize {
        self.kernel.pow(3)
    }

    /// The position that a tap meets from `position`, or that meets it where `back`.
    fn neighbour(&self, position: usize, tap: usize, back: bool) -> Option<usize> {
        let [d, h, w] = self.size;
        let k = self.kernel;
        let at = [position / (h * w) % d, position / w % h, position % w];
        let tap = [tap / (k * k), tap / k % k, tap % k];
        let mut to = [0; 3];
        for axis in 0..3 {
            let (plus, minus) = match back {
                false => (tap[axis], k / 2),
                true => (k / 2, tap[axis]),
            };
            to[axis] = (at[axis] + plus).checked_sub(minus)?;
            if to[axis] >= self.size[axis] {
                return None;
            }
        }
        let sample = position / (d * h * w);
        Some(((sample * d + to[0]) * h + to[1]) * w + to[2])
    }

    fn output(&self, place: usize) -> f64 {
        let (position, out) = (place / self.out, place % self.out);
        let total = self.inputs[0].1 + self.inputs[1].1;
        let mut sum = 0.0;
        for tap in 0..self.taps() {
            let Some(from) = self.neighbour(position, tap, false) else {
                continue;
            };
            let mut first = 0;
            for (x, channels) in self.inputs {
                for channel in 0..channels {
                    let w = self.weight[(out * total + first + channel) * self.taps() + tap];
                    sum += f64::from(x[from * channels + channel]) * f64::from(w);
                }
                first += channels;
            }
        }
        sum
    }

    fn input_gradient(&self, input: usize, place: usize) -> f64 {
        let channels = self.inputs[input].1;
        let total = self.inputs[0].1 + self.inputs[1].1;
        let channel = place % channels + if input == 1 { self.inputs[0].1 } else { 0 };
        let mut sum = 0.0;
        for tap in 0..self.taps() {
            let Some(to) = self.neighbour(place / channels, tap, true) else {
                continue;
            };
            for out in 0..self.out {
                let w = self.weight[(out * total + channel) * self.taps() + tap];
                sum += f64::from(self.grad[to * self.out + out]) * f64::from(w);
            }
        }
        sum
    }

    fn weight_gradient(&self, place: usize) -> f64 {
        let total = self.inputs[0].1 + self.inputs[1].1;
        let (tap, channel) = (place % self.taps(), place / self.taps() % total);
        let out = place / self.taps() / total;
        let (x, channels, channel) = match channel.checked_sub(self.inputs[0].1) {
            None => (self.inputs[0].0, self.inputs[0].1, channel),
            Some(channel) => (self.inputs[1].0, self.inputs[1].1, channel),
        };
        (0..self.grad.len() / self.out)
            .filter_map(|position| {
                let from = self.neighbour(position, tap, false)?;
                let g = f64::from(self.grad[position * self.out + out]);
                Some(g * f64::from(x[from * channels + channel]))
            })
            .sum()
    }
}

async fn one(
    device: &Device,
    precision: Precision,
    (batch, size, channels, out, kernel): Case,
    results: &mut Vec<SuiteResult>,
) -> Result<(), DeviceError> {
    let name = "convolution";
    let positions = batch * size.iter().product::<usize>();
    let shape = |channels| [batch, size[0], size[1], size[2], channels];
    let total = channels[0] + channels[1];
    let weight_shape = [out, total, kernel, kernel, kernel];
    let random = |seed, count| held(noise(seed, count), precision);
    let inputs = [0, 1].map(|i| random(i as u32 + 1, positions * channels[i]));
    let weight = random(3, weight_shape.iter().product());
    let grad = random(4, positions * out);

    let a = leaf(&inputs[0], shape(channels[0]), device);
    let w = leaf(&weight, weight_shape, device);
    let cast = |x: &Tensor<5>| precision.cast(x.clone());
    let (y, found) = if channels[1] == 0 {
        let y = conv3d(cast(&a), cast(&w));
        let [a, w] = gradients(y.clone(), &grad, [&a, &w]);
        (y, vec![a, w])
    } else {
        let b = leaf(&inputs[1], shape(channels[1]), device);
        let y = conv3d_pair(cast(&a), cast(&b), cast(&w));
        let [a, b, w] = gradients(y.clone(), &grad, [&a, &b, &w]);
        (y, vec![a, b, w])
    };

    let reference = Reference {
        size,
        kernel,
        inputs: [(&inputs[0], channels[0]), (&inputs[1], channels[1])],
        weight: &weight,
        out,
        grad: &grad,
    };
    let of = |what: &str| {
        format!("convolution {kernel}, {batch} x {size:?}, {channels:?} to {out}: {what}")
    };
    let y = host(name, y.inner()).await?;
    compare(
        of("output"),
        &y,
        &places(y.len()),
        |p| reference.output(p),
        results,
    );
    let last = found.len() - 1;
    for (index, gradient) in found.into_iter().enumerate() {
        let values = host(name, gradient).await?;
        if index < last {
            let what = of(&format!("gradient of input {index}"));
            let exact = |p| reference.input_gradient(index, p);
            compare(what, &values, &places(values.len()), exact, results);
        } else {
            // Each entry is a sum over all positions: a few of them, spread over taps and channels.
            let many = (1 << 24) / positions.max(1);
            let some = places_of(values.len(), many.clamp(64, 4096));
            let exact = |p| reference.weight_gradient(p);
            compare(of("gradient of the weight"), &values, &some, exact, results);
        }
    }
    Ok(())
}
