//! Kernels of instance norm.
//!
//! Statistics are merged from short runs of positions by the formula of Chan, Golub and LeVeque: means and sums of
//! squared deviations, never a difference of large squares.

use cubecl::prelude::*;

/// Positions a thread reads at a time.
const BLOCK: usize = 8;

/// What the kernels have to know of `[batch, positions, channels]`.
#[derive(CubeLaunch, CubeType)]
pub(super) struct Layout {
    /// Positions of one volume.
    pub(super) positions: usize,
    /// Channels in vectors.
    pub(super) channels: usize,
    /// Positions of a run, and runs of a volume.
    pub(super) run: usize,
    pub(super) runs: usize,
    /// Threads with work.
    pub(super) threads: usize,
}

/// The run and channel of a thread.
#[derive(CubeType)]
pub(super) struct Stretch {
    pub(super) channel: usize,
    pub(super) batch: usize,
    /// Among the runs of all volumes.
    pub(super) number: usize,
    /// Its positions in the volume; the last is the next run's.
    pub(super) first: usize,
    pub(super) last: usize,
}

#[cube]
pub(super) fn stretch_of(layout: &Layout) -> Stretch {
    let number = ABSOLUTE_POS / layout.channels;
    let first = number % layout.runs * layout.run;
    Stretch {
        channel: ABSOLUTE_POS % layout.channels,
        batch: number / layout.runs,
        number,
        first,
        last: min(first + layout.run, layout.positions),
    }
}

/// Merges mean and squared deviations of `more_count` numbers into those of `count`.
#[cube]
fn merge<N: Size>(
    mean: &mut Vector<f32, N>,
    deviations: &mut Vector<f32, N>,
    count: f32,
    more_mean: Vector<f32, N>,
    more_deviations: Vector<f32, N>,
    more_count: f32,
) {
    let share = more_count / (count + more_count);
    let delta = more_mean - *mean;
    *mean += delta * Vector::new(share);
    *deviations += more_deviations + delta * delta * Vector::new(count * share);
}

/// Mean and squared deviations of each run: `[batch, run, 2, channels]`.
#[cube(launch)]
pub(super) fn run_statistics_kernel<F: Float, N: Size>(
    x: &[Vector<F, N>],
    statistics: &mut [Vector<f32, N>],
    layout: Layout,
    #[define(F)] _dtype: ElemType,
) {
    if ABSOLUTE_POS >= layout.threads {
        terminate!();
    }
    let own = stretch_of(&layout);

    let mut mean = Vector::<f32, N>::new(0.0);
    let mut deviations = Vector::<f32, N>::new(0.0);
    let mut values = Array::<Vector<f32, N>>::new(BLOCK);
    for start in range_stepped(own.first, own.last, BLOCK) {
        let mut sum = Vector::<f32, N>::new(0.0);
        #[unroll]
        for i in 0..BLOCK {
            let position = start + i;
            let inside = position < own.last;
            let index = (own.batch * layout.positions + position) * layout.channels + own.channel;
            let value = Vector::<f32, N>::cast_from(x[select(inside, index, 0usize)]);
            values[i] = select(inside, value, Vector::<f32, N>::new(0.0));
            sum += values[i];
        }
        let count = f32::cast_from(min(own.last - start, BLOCK));
        let block_mean = sum / Vector::new(count);
        let mut block_deviations = Vector::<f32, N>::new(0.0);
        #[unroll]
        for i in 0..BLOCK {
            let difference = values[i] - block_mean;
            let square = difference * difference;
            block_deviations += select(start + i < own.last, square, Vector::<f32, N>::new(0.0));
        }
        merge::<N>(
            &mut mean,
            &mut deviations,
            f32::cast_from(start - own.first),
            block_mean,
            block_deviations,
            count,
        );
    }
    let at = own.number * 2 * layout.channels + own.channel;
    statistics[at] = mean;
    statistics[at + layout.channels] = deviations;
}

/// Merges `group` neighbouring runs of `layout.run` positions each. The last merge, which leaves one run, writes mean
/// and reciprocal deviation.
#[cube(launch)]
pub(super) fn merge_statistics_kernel<N: Size>(
    statistics: &[Vector<f32, N>],
    merged: &mut [Vector<f32, N>],
    layout: Layout,
    group: usize,
    groups: usize,
    epsilon: f32,
    #[comptime] last: bool,
) {
    if ABSOLUTE_POS >= layout.threads {
        terminate!();
    }
    let channel = ABSOLUTE_POS % layout.channels;
    let rest = ABSOLUTE_POS / layout.channels;
    let batch = rest / groups;
    let first = rest % groups * group;

    let mut mean = Vector::<f32, N>::new(0.0);
    let mut deviations = Vector::<f32, N>::new(0.0);
    for run in first..min(first + group, layout.runs) {
        let at = (batch * layout.runs + run) * 2 * layout.channels + channel;
        let count = min(layout.positions - run * layout.run, layout.run);
        merge::<N>(
            &mut mean,
            &mut deviations,
            f32::cast_from((run - first) * layout.run),
            statistics[at],
            statistics[at + layout.channels],
            f32::cast_from(count),
        );
    }
    let at = rest * 2 * layout.channels + channel;
    merged[at] = mean;
    if comptime!(last) {
        let variance = deviations / Vector::new(f32::cast_from(layout.positions));
        merged[at + layout.channels] = (variance + Vector::new(epsilon)).inverse_sqrt();
    } else {
        merged[at + layout.channels] = deviations;
    }
}

/// `leaky_relu((x - mean) * reciprocal_deviation + residual)`.
#[cube(launch)]
pub(super) fn apply_kernel<F: Float, N: Size>(
    x: &[Vector<F, N>],
    statistics: &[Vector<f32, N>],
    residual: ComptimeOption<&[Vector<F, N>]>,
    y: &mut [Vector<F, N>],
    layout: Layout,
    slope: f32,
    #[define(F)] _dtype: ElemType,
) {
    if ABSOLUTE_POS >= layout.threads {
        terminate!();
    }
    let at = statistics_index(&layout);
    let x = Vector::<f32, N>::cast_from(x[ABSOLUTE_POS]);
    let mut z = (x - statistics[at]) * statistics[at + layout.channels];
    #[comptime]
    if let ComptimeOption::Some(residual) = residual {
        z += Vector::<f32, N>::cast_from(residual[ABSOLUTE_POS]);
    }
    let lower = z * Vector::new(slope);
    let above = z.greater_than(&Vector::<f32, N>::new(0.0));
    y[ABSOLUTE_POS] = Vector::cast_from(select_many(above, z, lower));
}

/// Index of the mean that belongs to this thread's vector; the reciprocal deviation is `channels` further.
#[cube]
pub(super) fn statistics_index(layout: &Layout) -> usize {
    let batch = ABSOLUTE_POS / (layout.positions * layout.channels);
    batch * 2 * layout.channels + ABSOLUTE_POS % layout.channels
}

/// Gradient before the activation.
#[cube]
pub(super) fn gradient_of_z<N: Size>(
    y: Vector<f32, N>,
    grad: Vector<f32, N>,
    slope: f32,
) -> Vector<f32, N> {
    let above = y.greater_than(&Vector::<f32, N>::new(0.0));
    select_many(above, grad, grad * Vector::new(slope))
}

/// The normalised input, from what came of it: the activation undone, the residual taken away.
#[cube]
pub(super) fn normal_of<N: Size>(
    y: Vector<f32, N>,
    residual: Vector<f32, N>,
    slope: f32,
) -> Vector<f32, N> {
    let above = y.greater_than(&Vector::<f32, N>::new(0.0));
    select_many(above, y, y / Vector::new(slope)) - residual
}

/// Sums of the gradient before the activation, and of its product with the normalised input, over each run: `[batch,
/// run, 2, channels]`.
#[cube(launch)]
pub(super) fn run_sums_kernel<F: Float, N: Size>(
    y: &[Vector<F, N>],
    residual: ComptimeOption<&[Vector<F, N>]>,
    grad: &[Vector<F, N>],
    sums: &mut [Vector<f32, N>],
    layout: Layout,
    slope: f32,
    #[define(F)] _dtype: ElemType,
) {
    if ABSOLUTE_POS >= layout.threads {
        terminate!();
    }
    let own = stretch_of(&layout);

    let mut sum = Vector::<f32, N>::new(0.0);
    let mut product = Vector::<f32, N>::new(0.0);
    for position in own.first..own.last {
        let at = (own.batch * layout.positions + position) * layout.channels + own.channel;
        let y = Vector::<f32, N>::cast_from(y[at]);
        let grad = gradient_of_z::<N>(y, Vector::<f32, N>::cast_from(grad[at]), slope);
        let mut added = Vector::<f32, N>::new(0.0);
        #[comptime]
        if let ComptimeOption::Some(residual) = &residual {
            added = Vector::<f32, N>::cast_from(residual[at]);
        }
        let normal = normal_of::<N>(y, added, slope);
        sum += grad;
        product += grad * normal;
    }
    let at = own.number * 2 * layout.channels + own.channel;
    sums[at] = sum;
    sums[at + layout.channels] = product;
}

/// Gradient of the input from the sums over all positions, in the place of the output's.
#[cube(launch)]
pub(super) fn input_gradient_kernel<F: Float, N: Size>(
    y: &[Vector<F, N>],
    residual: ComptimeOption<&[Vector<F, N>]>,
    statistics: &[Vector<f32, N>],
    grad: &mut [Vector<F, N>],
    sums: &[Vector<f32, N>],
    layout: Layout,
    slope: f32,
    #[define(F)] _dtype: ElemType,
) {
    if ABSOLUTE_POS >= layout.threads {
        terminate!();
    }
    let at = statistics_index(&layout);
    let scale = statistics[at + layout.channels];
    let y = Vector::<f32, N>::cast_from(y[ABSOLUTE_POS]);
    let mut added = Vector::<f32, N>::new(0.0);
    #[comptime]
    if let ComptimeOption::Some(residual) = residual {
        added = Vector::<f32, N>::cast_from(residual[ABSOLUTE_POS]);
    }
    let normal = normal_of::<N>(y, added, slope);
    let behind = gradient_of_z::<N>(y, Vector::<f32, N>::cast_from(grad[ABSOLUTE_POS]), slope);
    let count = Vector::<f32, N>::new(f32::cast_from(layout.positions));
    let mean = sums[at] / count;
    let product = sums[at + layout.channels] / count;
    grad[ABSOLUTE_POS] = Vector::cast_from(scale * (behind - mean - normal * product));
}

/// `grad * (y > 0 ? 1 : slope)`.
#[cube(launch)]
pub(super) fn leaky_backward_kernel<F: Float, N: Size>(
    y: &[Vector<F, N>],
    grad: &[Vector<F, N>],
    input_grad: &mut [Vector<F, N>],
    slope: f32,
    threads: usize,
    #[define(F)] _dtype: ElemType,
) {
    if ABSOLUTE_POS >= threads {
        terminate!();
    }
    let y = Vector::<f32, N>::cast_from(y[ABSOLUTE_POS]);
    let grad = Vector::<f32, N>::cast_from(grad[ABSOLUTE_POS]);
    input_grad[ABSOLUTE_POS] = Vector::cast_from(gradient_of_z::<N>(y, grad, slope));
}
