//! One panel of a curves picture: axes, curves and legend.

use super::ReportError;
use super::axis::{Axis, finite};
use super::canvas::{Anchor, Canvas, mix};
use super::image::Colour;
use super::legend::{LEGEND, best, colour, draw_legend, legend};
use super::panel::{Panel, Series};
use super::smooth::{averages, extremes, smooth};
use super::style::{FRAME, GRID, MARGIN, NOTE, PANEL, TITLE, WHITE};

/// Series of fewer points are drawn as they are, with a mark on every point.
const FEW: usize = 30;

/// The inside of a panel, where curves go, with its axes.
struct Plot {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    x: Axis,
    y: Axis,
}

impl Plot {
    /// The pixel column of a step or epoch.
    fn column(&self, x: f64) -> f64 {
        self.left + self.x.place(x) * (self.right - self.left)
    }

    /// The pixel row of a value.
    fn row(&self, y: f64) -> f64 {
        self.bottom - self.y.place(y) * (self.bottom - self.top)
    }

    fn at(&self, (x, y): (f64, f64)) -> (f64, f64) {
        (self.column(x), self.row(y))
    }
}

/// Draws a panel with its top left corner at the given place.
pub(super) fn draw_panel(
    canvas: &Canvas<'_>,
    (left, top): (f64, f64),
    panel: &Panel,
) -> Result<(), ReportError> {
    let points = || {
        panel
            .series
            .iter()
            .flat_map(|series| finite(&series.points))
    };
    let x = Axis::horizontal(points().map(|point| point.0), 6);
    let y = Axis::vertical(points().map(|point| point.1), 6);
    let labels = y.labels();
    let mut gutter = 0.0_f64;
    for label in &labels {
        gutter = gutter.max(canvas.text_width(NOTE, label)?);
    }
    let plot_left = left + MARGIN + gutter + 12.0;
    let plot_right = left + PANEL.0 - MARGIN;
    let entries = legend(canvas, panel, plot_right - plot_left)?;
    let lines = entries.iter().map(|entry| entry.line).max().unwrap_or(0);
    let bottom = top + PANEL.1 - 88.0;
    let plot = Plot {
        left: plot_left,
        right: plot_right,
        // However many names there are, some of the plot is left.
        top: (top + 56.0 + lines as f64 * LEGEND).min(bottom - 100.0),
        bottom,
        x,
        y,
    };

    draw_axes(canvas, &plot, &labels, &panel.x_label)?;
    let header = top + 26.0;
    let start = left + MARGIN;
    let mut room = plot.right - start;
    // What is said of curves without a name stands at the right.
    let beside = entries.iter().filter(|entry| entry.line == 0);
    room -= beside.map(|entry| entry.offset + 16.0).fold(0.0, f64::max);
    let log = "log scale";
    if plot.y.is_log() {
        room -= canvas.text_width(NOTE, log)? + 16.0;
    }
    let (font, title) = canvas.fitted(TITLE, &panel.title, room)?;
    canvas.text((start, header), Anchor::Left, font, &title)?;
    if plot.y.is_log() {
        let after = start + canvas.text_width(font, &title)? + 16.0;
        canvas.text((after, header + 1.0), Anchor::Left, NOTE, log)?;
    }
    if points().next().is_none() {
        let centre = (
            (plot.left + plot.right) / 2.0,
            (plot.top + plot.bottom) / 2.0,
        );
        let some = panel.series.iter().any(|series| !series.points.is_empty());
        let why = match some {
            true => "no finite values",
            false => "no values yet",
        };
        canvas.text(centre, Anchor::Middle, NOTE, why)?;
    }
    for (index, series) in panel.series.iter().enumerate() {
        draw_series(canvas, &plot, series, colour(index))?;
    }
    draw_legend(canvas, (plot.left, plot.right), header, &entries)
}

fn draw_axes(
    canvas: &Canvas<'_>,
    plot: &Plot,
    labels: &[String],
    x_label: &str,
) -> Result<(), ReportError> {
    for (&tick, label) in plot.y.ticks.iter().zip(labels) {
        let row = plot.row(tick);
        canvas.line(&[(plot.left, row), (plot.right, row)], 1.0, GRID)?;
        canvas.text((plot.left - 12.0, row), Anchor::Right, NOTE, label)?;
    }
    for (&tick, label) in plot.x.ticks.iter().zip(plot.x.labels()) {
        let column = plot.column(tick);
        canvas.line(&[(column, plot.top), (column, plot.bottom)], 1.0, GRID)?;
        canvas.text((column, plot.bottom + 22.0), Anchor::Middle, NOTE, &label)?;
    }
    let corner = (plot.left, plot.bottom);
    let frame = [(plot.left, plot.top), corner, (plot.right, plot.bottom)];
    canvas.line(&frame, 1.3, FRAME)?;
    let middle = (plot.left + plot.right) / 2.0;
    let (font, x_label) = canvas.fitted(NOTE, x_label, plot.right - plot.left)?;
    canvas.text((middle, plot.bottom + 52.0), Anchor::Middle, font, &x_label)
}

fn draw_series(
    canvas: &Canvas<'_>,
    plot: &Plot,
    series: &Series,
    colour: Colour,
) -> Result<(), ReportError> {
    let points: Vec<_> = finite(&series.points).map(|point| plot.at(point)).collect();
    if points.len() < FEW {
        canvas.line(&points, 2.2, colour)?;
        for &point in &points {
            canvas.disc(point, 4.0, colour)?;
        }
    } else {
        canvas.line(&extremes(&points), 1.0, mix(colour, WHITE, 0.68))?;
        canvas.line(&smooth(&averages(&points)), 2.6, colour)?;
    }
    if let Some(point) = best(series) {
        let at = plot.at(point);
        for (radius, colour) in [(9.5, WHITE), (8.0, colour), (4.0, WHITE)] {
            canvas.disc(at, radius, colour)?;
        }
    }
    Ok(())
}
