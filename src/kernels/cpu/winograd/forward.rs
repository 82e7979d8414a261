//! The convolution of strips of tiles.

use super::input::InputTiles;
use super::points::{Register, Value, output_tile, read_points};
use super::{Cut, GAP, Strip, TAPS, TILE, kernel};
use crate::kernels::cpu::fill::zeros;
use crate::kernels::cpu::lanes::{Aligned, Registers, store};
use crate::kernels::cpu::panel::{Columns, Panels};
use crate::kernels::cpu::shape::{ConvShape, Input};
use crate::kernels::cpu::tile::{add_rows, zero};
use crate::platform::{each_chunk, threads};
use macerator::{AutoArch, Simd, WithSimd};

/// Convolution of `inputs` side by side with `weight(out, in, tap)`, for what [`super::suits`]: `[batch, depth, height,
/// width, out]`.
pub(in crate::kernels::cpu) fn forward(
    inputs: &[Input<'_>],
    out_channels: usize,
    shape: ConvShape,
    weight: impl Fn(usize, usize, usize) -> f32 + Sync,
) -> Vec<f32> {
    let panels = Panels::pack(
        inputs,
        out_channels,
        TILE * TAPS,
        |outs, channel, columns, into| {
            kernel::transform(into, columns, outs.len(), |column, tap| {
                weight(outs.start + column, channel, tap)
            });
        },
    );
    let mut out = zeros(shape.positions() * out_channels);
    let [depth, height, width] = shape.size;
    // Several tasks a thread, each of whole strips along the height; fewer tiles a strip where that makes too few.
    let pairs = shape.batch * depth.div_ceil(2);
    let mut cut = Cut::new(shape);
    while cut.tiles > 1 && pairs * height.div_ceil(2 * cut.tiles) < 4 * threads() {
        cut.tiles = cut.tiles.div_ceil(2);
    }
    let strips = height.div_ceil(2 * cut.tiles);
    let parts = (8 * threads()).div_ceil(pairs).min(strips);
    let rows = strips.div_ceil(parts) * 2 * cut.tiles;
    let row = width * out_channels;
    let mut tasks = Vec::new();
    for (sample, out) in out.chunks_mut(depth * height * row).enumerate() {
        for (pair, out) in out.chunks_mut(2 * height * row).enumerate() {
            let (first, second) = out.split_at_mut(height * row);
            let mut second = second.chunks_mut(rows * row);
            for (part, first) in first.chunks_mut(rows * row).enumerate() {
                tasks.push(Task {
                    inputs,
                    panels: &panels,
                    shape,
                    cut,
                    place: [sample, 2 * pair, part * rows],
                    out: [first, second.next().unwrap_or_default()],
                    out_channels,
                });
            }
        }
    }
    each_chunk(&mut tasks, 1, |_, tasks| {
        for task in tasks {
            AutoArch::new().dispatch(Run(task));
        }
    });
    out
}

/// One task: some rows of a pair of planes.
struct Task<'a> {
    inputs: &'a [Input<'a>],
    panels: &'a Panels,
    shape: ConvShape,
    cut: Cut,
    /// Sample, plane and row where the outputs begin.
    place: [usize; 3],
    /// Rows of the two planes; the second is empty past the end of an odd depth.
    out: [&'a mut [f32]; 2],
    out_channels: usize,
}

struct Run<'a, 'b>(&'b mut Task<'a>);

impl WithSimd for Run<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self) {
        let task = self.0;
        let mut inputs: Vec<InputTiles> = task
            .inputs
            .iter()
            .map(|(_, channels)| InputTiles::new(*channels, task.cut))
            .collect();
        let mut products = Products::new::<S>(task.panels, task.cut);
        let rows = task.out[0].len() / (task.shape.size[2] * task.out_channels);
        for strip in task.cut.strips(task.shape, task.place, rows) {
            for (tiles, input) in inputs.iter_mut().zip(task.inputs) {
                tiles.take::<S>(*input, task.shape, strip);
            }
            products.multiply::<S>(&inputs, task.panels, strip);
            products.put::<S>(task, strip);
        }
    }
}

/// The row products of a strip, `[TILE]` times `[positions, columns]` and a gap.
struct Products {
    values: Aligned,
    /// Numbers of one transformed row, with the gap.
    point: usize,
    columns: usize,
    /// Where the inputs under the taps of each position begin.
    starts: Vec<usize>,
}

impl Products {
    #[inline(always)]
    fn new<S: Simd>(panels: &Panels, cut: Cut) -> Products {
        let positions = (cut.tiles * cut.width).next_multiple_of(tall::<S>());
        let columns = panels.padded_columns();
        let point = positions * columns + GAP;
        Products {
            values: Aligned::zeros(TILE * point),
            point,
            columns,
            starts: Vec::with_capacity(positions),
        }
    }

    /// All row products.
    #[inline(always)]
    fn multiply<S: Simd>(&mut self, inputs: &[InputTiles], panels: &Panels, strip: Strip) {
        self.starts.clear();
        self.starts.extend(InputTiles::starts(strip));
        // The last register tile is filled up with the first position.
        let padded = self.starts.len().next_multiple_of(tall::<S>());
        self.starts.resize(padded, 0);
        for point in 0..TILE {
            for columns in panels.columns() {
                match (columns.registers, Registers::<S>::TALL) {
                    (2, true) => self.block::<S, 12, 2>(inputs, columns, point),
                    (_, true) => self.block::<S, 12, 1>(inputs, columns, point),
                    (2, false) => self.block::<S, 6, 2>(inputs, columns, point),
                    _ => self.block::<S, 6, 1>(inputs, columns, point),
                }
            }
        }
    }

    /// The products of one block of columns, in register tiles of `P` positions.
    #[inline(always)]
    fn block<S: Simd, const P: usize, const V: usize>(
        &mut self,
        inputs: &[InputTiles],
        columns: Columns<'_>,
        point: usize,
    ) {
        let lanes = V * Registers::<S>::LANES;
        let values = &mut self.values[point * self.point..][..self.point];
        for (starts, values) in self
            .starts
            .chunks_exact(P)
            .zip(values.chunks_exact_mut(P * self.columns))
        {
            let mut tile = zero::<S, P, V>();
            let mut panel = columns.panel;
            for input in inputs {
                let channels = input.channels();
                let (rows, run) = (input.of_point(point), TAPS * channels);
                let (weights, rest) = panel.split_at(TILE * run * lanes);
                panel = rest;
                let mut runs = [&rows[..run]; P];
                for (run_of, start) in runs.iter_mut().zip(starts) {
                    *run_of = &rows[start * channels..][..run];
                }
                tile = add_rows(tile, runs, &weights[point * run * lanes..][..run * lanes]);
            }
            for (values, tile) in values.chunks_exact_mut(self.columns).zip(&tile) {
                store::<S, V>(&mut values[columns.first..][..lanes], tile);
            }
        }
    }

    /// Turns the products to outputs.
    #[inline(always)]
    fn put<S: Simd>(&self, task: &mut Task<'_>, strip: Strip) {
        let channels = task.out_channels;
        // Where no column is padding, a row is one run.
        let (run, runs, from_next) = if self.columns == channels {
            (strip.width * channels, 1, 0)
        } else {
            (channels, strip.width, self.columns)
        };
        let row = task.shape.size[2] * channels;
        for tile in 0..strip.tiles {
            let first = strip.row - task.place[2] + 2 * tile;
            for index in 0..runs {
                let from = tile * strip.width * self.columns + index * from_next;
                let to = first * row + (strip.column + index) * channels;
                let lanes = Register::<S>::COUNT;
                let mut at = 0;
                while at + lanes <= run {
                    self.transform::<Register<S>>(from + at, &mut task.out, to + at, row);
                    at += lanes;
                }
                for at in at..run {
                    self.transform::<f32>(from + at, &mut task.out, to + at, row);
                }
            }
        }
    }

    /// Turns the products at `from` to 2 x 2 outputs at `to` and `row` after it, where there are such rows.
    #[inline(always)]
    fn transform<T: Value>(&self, from: usize, out: &mut [&mut [f32]; 2], to: usize, row: usize) {
        let tile = output_tile::<T>(read_points(&self.values, self.point, from));
        for (out, values) in out.iter_mut().zip(&tile) {
            for (h, value) in values.iter().enumerate() {
                let to = to + h * row;
                if let Some(out) = out.get_mut(to..to + T::COUNT) {
                    value.write(out);
                }
            }
        }
    }
}

/// Positions of the tallest register tile.
#[inline(always)]
fn tall<S: Simd>() -> usize {
    if Registers::<S>::TALL { 12 } else { 6 }
}
