//! Means and deviations by channel.

use super::norm_shape::NormShape;
use crate::kernels::NORM_EPSILON;
use crate::kernels::host::vectorised;
use crate::platform::map_tasks;

/// Mean and reciprocal deviation, `[batch, 2, channels]`.
///
/// Each chunk gives its mean and the squares around it, computed in two passes; chunks are merged as in Chan, Golub
/// and LeVeque (1979). So a mean far larger than the deviation costs no digits.
pub(in crate::kernels) fn stats(x: &[f32], shape: NormShape) -> Vec<f32> {
    let (channels, chunks) = (shape.channels, shape.chunks());
    let moments = map_tasks(shape.batch * chunks, |task| {
        let x = shape.part(x, task / chunks, task % chunks);
        vectorised(
            #[inline(always)]
            || moments(x, channels),
        )
    });
    let mut stats = Vec::with_capacity(shape.batch * 2 * channels);
    for moments in moments.chunks(chunks.max(1)).take(shape.batch) {
        let (mut mean, mut squares, mut count) = (vec![0.0; channels], vec![0.0; channels], 0.0);
        for part in moments {
            let total = count + part.count;
            for channel in 0..channels {
                let apart = part.mean[channel] - mean[channel];
                mean[channel] += apart * part.count / total;
                squares[channel] +=
                    part.squares[channel] + apart * apart * count * part.count / total;
            }
            count = total;
        }
        stats.extend(mean.iter().map(|mean| *mean as f32));
        let variance = squares.iter().map(|squares| squares / count);
        stats.extend(variance.map(|variance| (variance + NORM_EPSILON).sqrt().recip() as f32));
    }
    stats
}

/// Of one chunk: positions and, by channel, the mean and the sum of squares around it.
struct Moments {
    count: f64,
    mean: Vec<f64>,
    squares: Vec<f64>,
}

#[inline(always)]
fn moments(x: &[f32], channels: usize) -> Moments {
    let count = (x.len() / channels.max(1)) as f64;
    let mut near = vec![0.0f32; channels];
    let mut sums = [vec![0.0f32; channels], vec![0.0f32; channels]];
    sum_channels([x], channels, [&mut near], |_, [x]| [x]);
    for near in &mut near {
        *near = (f64::from(*near) / count) as f32;
    }
    let [first, second] = &mut sums;
    sum_channels([x], channels, [first, second], |channel, [x]| {
        let apart = x - near[channel];
        [apart, apart * apart]
    });
    let mean = near.iter().zip(&sums[0]);
    let mean = mean.map(|(near, sum)| f64::from(*near) + f64::from(*sum) / count);
    // What rounding left of the sum moves the squares to the exact mean.
    let squares = sums[1].iter().zip(&sums[0]);
    let squares =
        squares.map(|(squares, sum)| f64::from(*squares) - f64::from(*sum).powi(2) / count);
    Moments {
        count,
        mean: mean.collect(),
        squares: squares.collect(),
    }
}

/// Adds `term(channel, values)` over positions to `sums`, by channel.
#[inline(always)]
pub(super) fn sum_channels<const N: usize, const T: usize>(
    x: [&[f32]; N],
    channels: usize,
    mut sums: [&mut [f32]; T],
    term: impl Fn(usize, [f32; N]) -> [f32; T],
) {
    let mut first = 0;
    // Two registers of 16 lanes for each sum: the next addition to one need not wait for that to the other.
    while channels - first >= 32 {
        sum_block::<32, N, T>(x, channels, first, &mut sums, &term);
        first += 32;
    }
    while channels - first >= 16 {
        sum_block::<16, N, T>(x, channels, first, &mut sums, &term);
        first += 16;
    }
    while channels - first >= 4 {
        sum_block::<4, N, T>(x, channels, first, &mut sums, &term);
        first += 4;
    }
    while channels > first {
        sum_block::<1, N, T>(x, channels, first, &mut sums, &term);
        first += 1;
    }
}

/// The same for `B` channels, whose sums stay in registers.
#[inline(always)]
fn sum_block<const B: usize, const N: usize, const T: usize>(
    x: [&[f32]; N],
    channels: usize,
    first: usize,
    sums: &mut [&mut [f32]; T],
    term: &impl Fn(usize, [f32; N]) -> [f32; T],
) {
    let mut local = [[0.0f32; B]; T];
    let positions = x[0].len() / channels.max(1);
    for position in 0..positions {
        let x: [&[f32]; N] = x.map(|x| &x[position * channels + first..][..B]);
        for b in 0..B {
            let terms = term(first + b, x.map(|x| x[b]));
            for (local, term) in local.iter_mut().zip(terms) {
                local[b] += term;
            }
        }
    }
    for (sums, local) in sums.iter_mut().zip(local) {
        sums[first..first + B].copy_from_slice(&local);
    }
}
