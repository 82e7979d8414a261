//! The names of a panel's curves, and what there is to say about them.

use super::ReportError;
use super::axis::{finite, short};
use super::canvas::{Anchor, Canvas, Font};
use super::image::Colour;
use super::panel::{Best, Panel, Series};
use super::style::NOTE;

const WARNING: Colour = [190, 40, 40];
const PALETTE: [Colour; 6] = [
    [31, 96, 196],
    [222, 108, 24],
    [32, 142, 88],
    [128, 76, 180],
    [200, 48, 72],
    [20, 140, 160],
];

/// Space between two texts of a line.
const GAP: f64 = 16.0;
/// Height of a line of names.
pub(super) const LEGEND: f64 = 34.0;
/// The most lines of names; one more says how many are left out.
const MOST_LINES: usize = 8;

/// Length of the stroke in front of a name, with the space after it.
const STROKE: f64 = 36.0;

/// What is written about one series.
pub(super) struct Entry {
    notes: Vec<(String, Font)>,
    /// Of the stroke in front of a name.
    colour: Option<Colour>,
    /// 0 to the right of the title, where series without a name go, then 1 for each line below it.
    pub(super) line: usize,
    /// Distance from the left of the plot, or for line 0 from its right to the left.
    pub(super) offset: f64,
}

/// Places the entries of all series of a panel whose plot is `width` pixels wide.
pub(super) fn legend(
    canvas: &Canvas<'_>,
    panel: &Panel,
    width: f64,
) -> Result<Vec<Entry>, ReportError> {
    let mut entries = Vec::new();
    let (mut line, mut offset) = (1, 0.0);
    for (index, series) in panel.series.iter().enumerate() {
        let colour = colour(index);
        let mut notes = notes(series, colour, &panel.x_label);
        let mut length = 0.0;
        for (text, font) in &notes {
            length += canvas.text_width(*font, text)? + GAP;
        }
        if !series.name.is_empty()
            && let Some((name, font)) = notes.first_mut()
        {
            let natural = canvas.text_width(*font, name)?;
            let room = width - STROKE - (length - natural - GAP);
            (*font, *name) = canvas.fitted(*font, name, room)?;
            length += canvas.text_width(*font, name)? - natural;
        }
        if series.name.is_empty() {
            entries.push(Entry {
                notes,
                colour: None,
                line: 0,
                offset: length - GAP,
            });
            continue;
        }
        if offset > 0.0 && offset + STROKE + length - GAP > width {
            (line, offset) = (line + 1, 0.0);
        }
        if line > MOST_LINES {
            let named = |series: &&Series| !series.name.is_empty();
            let left_out = panel.series[index..].iter().filter(named).count();
            entries.push(Entry {
                notes: vec![(format!("and {left_out} more"), NOTE)],
                colour: None,
                line,
                offset,
            });
            break;
        }
        entries.push(Entry {
            notes,
            colour: Some(colour),
            line,
            offset,
        });
        offset += STROKE + length + GAP;
    }
    Ok(entries)
}

/// Writes the entries of a plot between the columns `left` and `right`, under a title in the row
/// `header`.
pub(super) fn draw_legend(
    canvas: &Canvas<'_>,
    (left, right): (f64, f64),
    header: f64,
    entries: &[Entry],
) -> Result<(), ReportError> {
    for entry in entries {
        let row = header + 1.0 + entry.line as f64 * LEGEND;
        let mut column = if entry.line == 0 {
            right - entry.offset
        } else {
            let start = left + entry.offset;
            if let Some(colour) = entry.colour {
                canvas.line(&[(start, row), (start + 26.0, row)], 3.0, colour)?;
            }
            start + STROKE
        };
        for (text, font) in &entry.notes {
            canvas.text((column, row), Anchor::Left, *font, text)?;
            column += canvas.text_width(*font, text)? + GAP;
        }
    }
    Ok(())
}

/// What there is to say about a series.
fn notes(series: &Series, colour: Colour, x_label: &str) -> Vec<(String, Font)> {
    let in_colour = |colour| Font { colour, ..NOTE };
    let mut notes = Vec::new();
    if !series.name.is_empty() {
        notes.push((series.name.clone(), in_colour(colour)));
    }
    if let Some((x, y)) = best(series) {
        notes.push((
            format!("best {} at {x_label} {}", short(y), short(x)),
            in_colour(colour),
        ));
    }
    let lost = series.points.len() - finite(&series.points).count();
    if lost > 0 {
        notes.push((format!("{lost} not finite"), in_colour(WARNING)));
    }
    notes
}

/// The colour of a series.
pub(super) fn colour(index: usize) -> Colour {
    PALETTE
        .get(index % PALETTE.len())
        .copied()
        .unwrap_or_default()
}

/// The point with the best value; the earliest of equal ones.
pub(super) fn best(series: &Series) -> Option<(f64, f64)> {
    let sign = match series.best? {
        Best::Lowest => 1.0,
        Best::Highest => -1.0,
    };
    finite(&series.points).min_by(|a, b| (a.1 * sign).total_cmp(&(b.1 * sign)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_is_the_first_of_the_lowest_or_highest() {
        let series = |best| Series {
            points: vec![
                (1.0, 0.5),
                (2.0, 0.1),
                (3.0, f64::NAN),
                (4.0, 0.1),
                (5.0, 0.9),
            ],
            best,
            ..Series::default()
        };
        assert_eq!(best(&series(Some(Best::Lowest))), Some((2.0, 0.1)));
        assert_eq!(best(&series(Some(Best::Highest))), Some((5.0, 0.9)));
        assert_eq!(best(&series(None)), None);
    }
}
