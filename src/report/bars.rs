//! `results.png`: bars of every method for each number of training cases, with a dot for each seed and the interval
//! over cases, all in percent, and learning curves below.

mod frame;
mod group;

use super::ReportError;
use super::axis::{Axis, LARGEST};
use super::canvas::{Anchor, Canvas, paint};
use super::curves::{HEADER, MOST, Panel, draw_header};
use super::image::RgbImage;
use super::legend::colour;
use super::plot::draw_panel;
use super::results::level;
use super::style::{FRAME, GRID, MARGIN, NOTE, PANEL, TITLE, WHITE};
use crate::metric::SizeResult;
use frame::Frame;
use group::{below, draw_group};

/// The narrowest name of a method that is cut short.
const NARROWEST: f64 = 50.0;
/// A sample of a method's colour.
const SAMPLE: f64 = 16.0;

/// Draws the results under `title`, with `score` as the name of what the bars show, and below them the panels, two
/// side by side; of very many the first ones. Numbers for which there is no room are left out.
///
/// # Errors
/// When the drawing library fails.
pub fn draw(
    title: &str,
    score: &str,
    results: &[SizeResult],
    panels: &[Panel],
) -> Result<RgbImage, ReportError> {
    let left_out = panels.len().saturating_sub(MOST);
    let panels = &panels[..panels.len() - left_out];
    let rows = panels.len().div_ceil(2);
    let methods = results.iter().map(|size| size.methods.len()).max();
    let below = below(methods.unwrap_or(0));
    let bars = PANEL.1 + 80.0 + below;
    let height = HEADER + bars + rows as f64 * PANEL.1;
    paint(2 * PANEL.0 as usize, height as usize, WHITE, |canvas| {
        draw_header(canvas, title, 2.0 * PANEL.0, left_out)?;
        draw_bars(canvas, (HEADER, HEADER + bars - below), score, results)?;
        for (index, panel) in panels.iter().enumerate() {
            let left = (index % 2) as f64 * PANEL.0;
            let top = HEADER + bars + (index / 2) as f64 * PANEL.1;
            draw_panel(canvas, (left, top), panel)?;
        }
        Ok(())
    })
}

fn draw_bars(
    canvas: &Canvas<'_>,
    (top, bottom): (f64, f64),
    score: &str,
    results: &[SizeResult],
) -> Result<(), ReportError> {
    let methods = || results.iter().flat_map(|size| &size.methods);
    let values = methods().flat_map(|method| {
        let dots = method.seed_means.iter().copied();
        dots.chain([method.interval.low, method.interval.high, method.seeds.mean])
    });
    let percents = values.map(|v| 100.0 * v);
    let percents = percents.filter(|v| v.abs() <= LARGEST);
    // Bars start at zero: their length is the value.
    let frame = Frame {
        left: MARGIN + 70.0,
        right: 2.0 * PANEL.0 - MARGIN,
        top: top + 62.0,
        bottom,
        y: Axis::vertical(percents.chain([0.0]), 6),
    };
    for (tick, label) in frame.y.ticks.iter().zip(frame.y.labels()) {
        let row = frame.row(*tick / 100.0);
        canvas.line(&[(frame.left, row), (frame.right, row)], 1.0, GRID)?;
        canvas.text((frame.left - 12.0, row), Anchor::Right, NOTE, &label)?;
    }
    let (font, score) = canvas.fitted(TITLE, score, (frame.right - MARGIN) / 3.0)?;
    canvas.text((MARGIN, top + 24.0), Anchor::Left, font, &score)?;
    let mut after = MARGIN + canvas.text_width(font, &score)? + 18.0;
    if let Some(explanation) = explanation(results) {
        canvas.text((after, top + 25.0), Anchor::Left, NOTE, &explanation)?;
        after += canvas.text_width(NOTE, &explanation)? + 18.0;
    }
    draw_names(canvas, (after, frame.right), top + 25.0, results)?;
    let width = (frame.right - frame.left) / results.len().max(1) as f64;
    for (index, size) in results.iter().enumerate() {
        let left = frame.left + index as f64 * width;
        draw_group(canvas, &frame, (left, width), size)?;
    }
    let base = frame.row(0.0);
    canvas.line(&[(frame.left, base), (frame.right, base)], 1.3, FRAME)
}

/// What is drawn, in words; `None` without results.
fn explanation(results: &[SizeResult]) -> Option<String> {
    let level = level(results.first()?);
    let mut methods = results.iter().flat_map(|size| &size.methods);
    let differs = methods.any(|method| method.difference.is_some());
    let below = if differs {
        "; below: difference to the first, in points"
    } else {
        ""
    };
    Some(format!(
        "dots: seeds; lines: {level} interval over cases{below}"
    ))
}

/// The methods' names with their colours, between two columns and ending at the right one: in smaller letters where
/// there is little room, and where there is still less cut short, of very many the first ones.
fn draw_names(
    canvas: &Canvas<'_>,
    (left, right): (f64, f64),
    row: f64,
    results: &[SizeResult],
) -> Result<(), ReportError> {
    let methods = results.first().map(|size| size.methods.as_slice());
    let methods = methods.unwrap_or_default();
    let beside = SAMPLE + 36.0;
    let names: String = methods.iter().map(|method| method.name.as_str()).collect();
    let room = right - left - beside * methods.len() as f64;
    let (methods, most, font) = match canvas.shrunk(NOTE, &names, room)? {
        Some(font) => (methods, f64::INFINITY, font),
        None => {
            let each = |count: usize| (right - left) / count as f64 - beside;
            let readable = |count: &usize| each(*count) >= NARROWEST;
            let shown = (1..=methods.len()).take_while(readable).count();
            (&methods[..shown], each(shown), NOTE)
        }
    };
    let mut end = right;
    for (index, method) in methods.iter().enumerate().rev() {
        let (font, name) = canvas.fitted(font, &method.name, most)?;
        canvas.text((end, row), Anchor::Right, font, &name)?;
        let start = end - canvas.text_width(font, &name)? - SAMPLE - 10.0;
        let half = SAMPLE / 2.0;
        let corners = ((start, row - half), (start + SAMPLE, row + half));
        canvas.rectangle(corners.0, corners.1, colour(index))?;
        end = start - 26.0;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
