//! A convolution of random numbers and its exact results from plain f64 loops.

use super::super::*;
use super::random;

/// One convolution: inputs of some channels each, weights, and the gradient of the output.
pub(super) struct Case {
    pub(super) shape: ConvShape,
    pub(super) channels: Vec<usize>,
    pub(super) out: usize,
    pub(super) x: Vec<Vec<f32>>,
    pub(super) weight: Vec<f32>,
    pub(super) grad: Vec<f32>,
}

impl Case {
    pub(super) fn new(
        batch: usize,
        size: [usize; 3],
        kernel: usize,
        channels: &[usize],
        out: usize,
    ) -> Case {
        let shape = ConvShape {
            batch,
            size,
            kernel,
        };
        let positions = shape.positions();
        let total: usize = channels.iter().sum();
        let x = channels
            .iter()
            .zip(1..)
            .map(|(c, seed)| random(positions * c, seed));
        Case {
            shape,
            channels: channels.to_vec(),
            out,
            x: x.collect(),
            weight: random(out * total * kernel.pow(3), 11),
            grad: random(positions * out, 12),
        }
    }

    pub(super) fn inputs(&self) -> Vec<(&[f32], usize)> {
        let channels = self.channels.iter().copied();
        self.x.iter().map(Vec::as_slice).zip(channels).collect()
    }

    fn total(&self) -> usize {
        self.channels.iter().sum()
    }

    /// Input `channel` of the concatenation at a position.
    fn value(&self, position: usize, mut channel: usize) -> f64 {
        for (x, channels) in self.x.iter().zip(&self.channels) {
            if channel < *channels {
                return x[position * channels + channel].into();
            }
            channel -= channels;
        }
        unreachable!()
    }

    fn weight(&self, out: usize, channel: usize, tap: usize) -> f64 {
        let taps = self.shape.kernel.pow(3);
        self.weight[(out * self.total() + channel) * taps + tap].into()
    }

    /// The position `tap` away from `position`, or `tap` back with `sign` -1.
    fn neighbour(&self, position: usize, tap: usize, sign: isize) -> Option<usize> {
        let ConvShape { size, kernel, .. } = self.shape;
        let reach = (kernel / 2) as isize;
        let offsets = [tap / kernel / kernel, tap / kernel % kernel, tap % kernel];
        let [d, h, w] = size;
        let at = [position / w / h % d, position / w % h, position % w];
        let mut moved = [0; 3];
        for axis in 0..3 {
            let to = at[axis] as isize + sign * (offsets[axis] as isize - reach);
            moved[axis] = usize::try_from(to).ok().filter(|to| *to < size[axis])?;
        }
        Some(((position / (d * h * w) * d + moved[0]) * h + moved[1]) * w + moved[2])
    }

    fn forward_at(&self, position: usize, out: usize) -> f64 {
        let mut sum = 0.0;
        for tap in 0..self.shape.kernel.pow(3) {
            if let Some(from) = self.neighbour(position, tap, 1) {
                for channel in 0..self.total() {
                    sum += self.value(from, channel) * self.weight(out, channel, tap);
                }
            }
        }
        sum
    }

    fn data_gradient_at(&self, position: usize, channel: usize) -> f64 {
        let mut sum = 0.0;
        for tap in 0..self.shape.kernel.pow(3) {
            if let Some(from) = self.neighbour(position, tap, -1) {
                for out in 0..self.out {
                    sum += f64::from(self.grad[from * self.out + out])
                        * self.weight(out, channel, tap);
                }
            }
        }
        sum
    }

    fn weight_gradient_at(&self, out: usize, channel: usize, tap: usize) -> f64 {
        let mut sum = 0.0;
        for position in 0..self.shape.positions() {
            if let Some(from) = self.neighbour(position, tap, 1) {
                sum += self.value(from, channel) * f64::from(self.grad[position * self.out + out]);
            }
        }
        sum
    }

    /// Relative errors of forward, data gradient and weight gradient over about `samples` numbers of each.
    pub(super) fn errors(&self, samples: [usize; 3]) -> [f64; 3] {
        let taps = self.shape.kernel.pow(3);
        let mut errors = [Error::default(); 3];
        let y = forward(&self.inputs(), &self.weight, self.out, self.shape);
        assert_eq!(y.len(), self.shape.positions() * self.out);
        for index in spread(y.len(), samples[0]) {
            errors[0].add(
                y[index],
                self.forward_at(index / self.out, index % self.out),
            );
        }
        let mut first = 0;
        for (x, channels) in self.inputs() {
            let grad = (&self.grad[..], self.out);
            let dx = data_gradient(grad, &self.weight, first, channels, self.shape);
            assert_eq!(dx.len(), x.len());
            for index in spread(dx.len(), samples[1]) {
                let (position, channel) = (index / channels, first + index % channels);
                errors[1].add(dx[index], self.data_gradient_at(position, channel));
            }
            let dw = weight_gradient((x, channels), grad, self.shape);
            assert_eq!(dw.len(), self.out * channels * taps);
            for index in spread(dw.len(), samples[2]) {
                let (row, tap) = (index / taps, index % taps);
                let (out, channel) = (row / channels, first + row % channels);
                errors[2].add(dw[index], self.weight_gradient_at(out, channel, tap));
            }
            first += channels;
        }
        errors.map(Error::relative)
    }
}

/// Sums of squares.
#[derive(Clone, Copy, Default)]
struct Error {
    error: f64,
    size: f64,
}

impl Error {
    fn add(&mut self, found: f32, exact: f64) {
        self.error += (f64::from(found) - exact).powi(2);
        self.size += exact.powi(2);
    }

    fn relative(self) -> f64 {
        (self.error / self.size.max(1e-30)).sqrt()
    }
}

/// About `samples` of `count` indices with all remainders.
fn spread(count: usize, samples: usize) -> impl Iterator<Item = usize> {
    (0..count).step_by((count / samples.max(1)).max(1) | 1)
}
