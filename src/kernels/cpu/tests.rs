//! The kernels against plain f64 loops.

use super::*;

/// Random numbers in -1..1.
fn random(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// One convolution: inputs of some channels each, weights, and the gradient of the output.
struct Case {
    shape: ConvShape,
    channels: Vec<usize>,
    out: usize,
    x: Vec<Vec<f32>>,
    weight: Vec<f32>,
    grad: Vec<f32>,
}

impl Case {
    fn new(batch: usize, size: [usize; 3], kernel: usize, channels: &[usize], out: usize) -> Case {
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

    fn inputs(&self) -> Vec<(&[f32], usize)> {
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
    fn errors(&self, samples: [usize; 3]) -> [f64; 3] {
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

fn assert_exact(case: &Case, samples: [usize; 3]) {
    let errors = case.errors(samples);
    let (shape, channels, out) = (case.shape, &case.channels, case.out);
    assert!(
        errors.iter().all(|error| *error < 1e-5),
        "{shape:?} {channels:?} to {out}: {errors:?}"
    );
}

#[test]
fn convolution_and_its_gradients_match_plain_loops_at_any_size() {
    let sizes = [
        [1, 1, 1],
        [2, 3, 1],
        [1, 2, 5],
        [5, 4, 7],
        [3, 3, 13],
        [2, 6, 12],
        [4, 1, 31],
    ];
    let channels: [(&[usize], usize); 8] = [
        (&[1], 2),
        (&[1], 16),
        (&[16], 16),
        (&[3], 5),
        (&[16, 16], 16),
        (&[5, 2], 21),
        (&[33], 40),
        (&[7, 24], 3),
    ];
    for (index, size) in sizes.into_iter().enumerate() {
        for (channels, out) in channels {
            for kernel in [1, 3] {
                let case = Case::new(1 + index % 3, size, kernel, channels, out);
                assert_exact(&case, [2000; 3]);
            }
        }
    }
}

#[test]
fn a_kernel_wider_than_the_volume_reads_only_inside() {
    assert_exact(&Case::new(2, [2, 1, 3], 5, &[3], 4), [1000; 3]);
}

#[test]
fn convolution_and_its_gradients_match_plain_loops_at_the_sizes_of_unetr() {
    let cases: [(usize, &[usize], usize); 6] = [
        (96, &[1], 16),
        (96, &[16], 16),
        (48, &[32, 32], 32),
        (32, &[16], 16),
        (24, &[64], 64),
        (12, &[128, 128], 128),
    ];
    for (edge, channels, out) in cases {
        assert_exact(&Case::new(1, [edge; 3], 3, channels, out), [3000, 3000, 12]);
    }
}

#[test]
fn results_have_the_same_bits_on_any_number_of_threads() {
    let case = Case::new(2, [9, 10, 11], 3, &[20, 3], 18);
    let shape = NormShape {
        batch: 2,
        positions: 990,
        channels: 20,
    };
    let all = || {
        let grad = (&case.grad[..], case.out);
        let stats = stats(&case.x[0], shape);
        let y = apply(&case.x[0], &stats, None, 0.1, shape);
        [
            forward(&case.inputs(), &case.weight, case.out, case.shape),
            data_gradient(grad, &case.weight, 20, 3, case.shape),
            weight_gradient((&case.x[0], 20), grad, case.shape),
            backward(&y, &stats, None, &case.x[0], 0.1, shape),
            stats,
        ]
    };
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(all)
    };
    let one = on(1);
    for threads in [2, 3, 8] {
        assert!(on(threads) == one, "{threads} threads");
    }
}

#[test]
fn a_number_that_is_not_finite_reaches_exactly_what_it_touches() {
    let mut case = Case::new(1, [3, 4, 9], 3, &[16], 16);
    case.x[0][(4 * 9 + 9 + 8) * 16 + 5] = f32::NAN;
    let y = forward(&case.inputs(), &case.weight, 16, case.shape);
    for (position, y) in y.chunks_exact(16).enumerate() {
        let [d, h, w] = [position / 36, position / 9 % 4, position % 9];
        let touched = d.abs_diff(1) <= 1 && h.abs_diff(1) <= 1 && w.abs_diff(8) <= 1;
        assert!(y.iter().all(|y| y.is_nan() == touched), "{d} {h} {w}");
    }
    let dw = weight_gradient((&case.x[0], 16), (&case.grad, 16), case.shape);
    for (index, dw) in dw.iter().enumerate() {
        // The last voxel of a row is under every tap but the left one of the position after it.
        let touched = index / 27 % 16 == 5 && index % 3 != 0;
        assert_eq!(dw.is_nan(), touched, "{index}");
    }
}

/// Mean and reciprocal deviation of each sample and channel.
fn stats_exactly(x: &[f32], shape: NormShape) -> Vec<[f64; 2]> {
    let NormShape {
        batch,
        positions,
        channels,
    } = shape;
    let mut stats = Vec::new();
    for sample in 0..batch {
        for channel in 0..channels {
            let at = |p| f64::from(x[(sample * positions + p) * channels + channel]);
            let mean = (0..positions).map(at).sum::<f64>() / positions as f64;
            let squares: f64 = (0..positions).map(|p| (at(p) - mean).powi(2)).sum();
            stats.push([mean, (squares / positions as f64 + 1e-5).sqrt().recip()]);
        }
    }
    stats
}

#[test]
fn statistics_are_exact_even_where_the_mean_dwarfs_the_deviation() {
    for (batch, positions, channels) in [
        (1, 1, 3),
        (2, 35, 16),
        (3, 5000, 21),
        (1, 40_000, 16),
        (1, 3000, 1),
    ] {
        let shape = NormShape {
            batch,
            positions,
            channels,
        };
        for mean in [0.0, 3000.0] {
            let x: Vec<f32> = random(batch * positions * channels, 3)
                .iter()
                .map(|x| x + mean)
                .collect();
            let found = stats(&x, shape);
            for (index, [mean, scale]) in stats_exactly(&x, shape).into_iter().enumerate() {
                let at = index / channels * 2 * channels + index % channels;
                let (found_mean, found_scale) =
                    (f64::from(found[at]), f64::from(found[at + channels]));
                assert!(
                    (found_mean - mean).abs() <= 1e-7 * mean.abs() + 1e-6,
                    "{shape:?}"
                );
                assert!(
                    (found_scale - scale).abs() <= 2e-6 * scale,
                    "{shape:?}: {found_scale} for {scale}"
                );
            }
        }
    }
}

#[test]
fn the_norm_adds_the_residual_before_the_activation() {
    let shape = NormShape {
        batch: 2,
        positions: 700,
        channels: 19,
    };
    let count = 2 * 700 * 19;
    let (x, residual) = (random(count, 5), random(count, 6));
    let found = stats(&x, shape);
    let exact = stats_exactly(&x, shape);
    for slope in [0.01, 1.0] {
        for residual in [None, Some(&residual[..])] {
            let y = apply(&x, &found, residual, slope, shape);
            for (index, y) in y.iter().enumerate() {
                let [mean, scale] = exact[index / (700 * 19) * 19 + index % 19];
                let z = (f64::from(x[index]) - mean) * scale
                    + residual.map_or(0.0, |residual| f64::from(residual[index]));
                let z = if z > 0.0 { z } else { z * f64::from(slope) };
                assert!((f64::from(*y) - z).abs() < 1e-5, "{index}: {y} for {z}");
            }
        }
    }
}

#[test]
fn the_gradient_of_the_norm_is_that_of_finite_differences() {
    let shape = NormShape {
        batch: 2,
        positions: 30,
        channels: 5,
    };
    let count = 2 * 30 * 5;
    let (x, grad) = (random(count, 7), random(count, 8));
    let loss = |x: &[f64], slope: f64| {
        let mut loss = 0.0;
        for sample in 0..2 {
            for channel in 0..5 {
                let at = |p: usize| (sample * 30 + p) * 5 + channel;
                let mean = (0..30).map(|p| x[at(p)]).sum::<f64>() / 30.0;
                let variance = (0..30).map(|p| (x[at(p)] - mean).powi(2)).sum::<f64>() / 30.0;
                for p in 0..30 {
                    let z = (x[at(p)] - mean) / (variance + 1e-5).sqrt();
                    loss += f64::from(grad[at(p)]) * if z > 0.0 { z } else { slope * z };
                }
            }
        }
        loss
    };
    for slope in [0.01f32, 1.0] {
        let stats = stats(&x, shape);
        let y = apply(&x, &stats, None, slope, shape);
        let dx = backward(&y, &stats, None, &grad, slope, shape);
        let exact: Vec<f64> = x.iter().map(|x| f64::from(*x)).collect();
        for index in 0..count {
            let moved = |by: f64| {
                let mut x = exact.clone();
                x[index] += by;
                loss(&x, slope.into())
            };
            let difference = (moved(1e-6) - moved(-1e-6)) / 2e-6;
            assert!(
                (f64::from(dx[index]) - difference).abs() < 2e-5,
                "{index}: {} for {difference}",
                dx[index]
            );
        }
    }
}

#[test]
fn the_leaky_gradient_follows_the_sign_of_the_output() {
    let grad = leaky_backward(&[2.0, -0.5, 0.0], &[3.0, 4.0, 5.0], 0.5);
    assert_eq!(grad, [3.0, 2.0, 2.5]);
}
