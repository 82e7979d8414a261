//! The bars of one number of training cases.

use super::frame::Frame;
use crate::metric::SizeResult;
use crate::report::ReportError;
use crate::report::canvas::{Anchor, Canvas, Font, mix};
use crate::report::image::Colour;
use crate::report::legend::colour;
use crate::report::results::{bracketed, percent};
use crate::report::style::{INK, NOTE, WHITE};

/// Share of a group's width that its bars take.
const FILLED: f64 = 0.62;
/// The widest bar, pixels.
const WIDEST: f64 = 110.0;
/// Height of a line below the bars.
const LINE: f64 = 30.0;
/// The most lines of differences below the bars of a group; the tables have them all.
const MOST_LINES: usize = 12;
/// Text that is read first.
const STRONG: Font = Font {
    colour: INK,
    ..NOTE
};

/// The height of what is said below the bars: a line for the means, one for the group, and one for each of so many
/// methods after the first.
pub(super) fn below(methods: usize) -> f64 {
    LINE * (methods.clamp(1, MOST_LINES + 1) as f64 + 1.0) + 28.0
}

/// The bars of one number of training cases, and what is said below them.
pub(super) fn draw_group(
    canvas: &Canvas<'_>,
    frame: &Frame,
    (left, width): (f64, f64),
    size: &SizeResult,
) -> Result<(), ReportError> {
    let count = size.methods.len().max(1) as f64;
    let bar = (width * FILLED / count).min(WIDEST);
    let middle = left + width / 2.0;
    for (index, method) in size.methods.iter().enumerate() {
        let centre = middle + (index as f64 - (count - 1.0) / 2.0) * bar;
        let colour = colour(index);
        let half = (0.5 * bar - 3.0).max(0.5);
        let mean = method.seeds.mean;
        let (high, low) = (frame.row(mean.max(0.0)), frame.row(mean.min(0.0)));
        let fill = mix(colour, WHITE, 0.45);
        canvas.rectangle((centre - half, high), (centre + half, low), fill)?;

        draw_dots(canvas, frame, (centre, half), &method.seed_means, colour)?;
        let ends = [method.interval.low, method.interval.high];
        if ends.iter().all(|end| end.is_finite()) {
            let ends = ends.map(|end| frame.row(end));
            let [bottom, top] = ends;
            canvas.line(&[(centre, bottom), (centre, top)], 2.0, INK)?;
            let cap = half.clamp(1.0, 9.0);
            for row in ends {
                canvas.line(&[(centre - cap, row), (centre + cap, row)], 2.0, INK)?;
            }
        }
        // Not above the bar, where it would seem to be that of the highest dot.
        let below = (centre, frame.bottom + 20.0);
        let text = match mean.is_finite() {
            true => format!("{:.2}", 100.0 * mean),
            false => "-".to_owned(),
        };
        draw_first(canvas, (below, bar), STRONG, &[text])?;
    }
    let plural = if size.training_cases == 1 { "" } else { "s" };
    let number = size.training_cases.to_string();
    let labels = [format!("{number} training case{plural}"), number];
    let mut row = frame.bottom + 22.0 + LINE;
    draw_first(canvas, ((middle, row), width - 8.0), STRONG, &labels)?;
    let differences = size.methods.iter().enumerate();
    let differences = differences.filter_map(|(index, m)| Some((index, m, m.difference?)));
    for (index, method, difference) in differences.take(MOST_LINES) {
        row += LINE;
        let font = Font {
            colour: colour(index),
            ..NOTE
        };
        let text = percent(&difference);
        let over_seeds = method.seeds_interval.as_ref();
        let longer = over_seeds.map(|i| format!("{text}, with seeds {}", bracketed(i)));
        let texts: Vec<String> = longer.into_iter().chain([text]).collect();
        draw_first(canvas, ((middle, row), width - 8.0), font, &texts)?;
    }
    Ok(())
}

/// Draws the first text that can be made to fit into a width, if any does: beside its neighbours it would be read as
/// one with them.
fn draw_first(
    canvas: &Canvas<'_>,
    (middle, width): ((f64, f64), f64),
    font: Font,
    texts: &[String],
) -> Result<(), ReportError> {
    for text in texts {
        if let Some(font) = canvas.shrunk(font, text, width)? {
            return canvas.text(middle, Anchor::Middle, font, text);
        }
    }
    Ok(())
}

/// One dot a seed, side by side left and right of the interval.
fn draw_dots(
    canvas: &Canvas<'_>,
    frame: &Frame,
    (centre, half): (f64, f64),
    seeds: &[f64],
    colour: Colour,
) -> Result<(), ReportError> {
    let radius = half.clamp(1.0, 5.0);
    for (index, seed) in seeds.iter().enumerate().filter(|(_, s)| s.is_finite()) {
        let share = (index as f64 + 0.5) / seeds.len() as f64 - 0.5;
        let at = (centre + share * 1.5 * half, frame.row(*seed));
        canvas.disc(at, 1.3 * radius, WHITE)?;
        canvas.disc(at, radius, colour)?;
    }
    Ok(())
}
