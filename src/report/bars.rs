//! `results.png`: bars of every method for each number of training cases, with a dot for each seed and the interval
//! over cases, all in percent, and learning curves below.

use super::ReportError;
use super::axis::{Axis, LARGEST};
use super::canvas::{Anchor, Canvas, Font, mix, paint};
use super::curves::{HEADER, MOST, Panel, draw_header};
use super::image::{Colour, RgbImage};
use super::legend::colour;
use super::plot::{FRAME, GRID, INK, MARGIN, NOTE, PANEL, TITLE, WHITE, draw_panel};
use super::results::{bracketed, level, percent};
use crate::metric::SizeResult;

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
/// The narrowest name of a method that is cut short.
const NARROWEST: f64 = 50.0;
/// A sample of a method's colour.
const SAMPLE: f64 = 16.0;

/// Where the bars go.
struct Frame {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    y: Axis,
}

impl Frame {
    /// The pixel row of a value from 0 to 1, which the axis has in percent.
    fn row(&self, value: f64) -> f64 {
        self.bottom - self.y.place(100.0 * value) * (self.bottom - self.top)
    }
}

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

/// The height of what is said below the bars: a line for the means, one for the group, and one for each of so many
/// methods after the first.
fn below(methods: usize) -> f64 {
    LINE * (methods.clamp(1, MOST_LINES + 1) as f64 + 1.0) + 28.0
}

/// The curves of several runs of each method as one panel: `runs[method]` has the method's name and the curve of
/// each seed. Seeds are averaged at the steps that all of them have, so that a run that is still going on shortens the
/// curve and does not bend it.
pub fn learning_curves(title: &str, x_label: &str, runs: &[(String, Vec<Points>)]) -> Panel {
    let series = runs.iter().map(|(name, seeds)| super::curves::Series {
        name: name.clone(),
        points: average(seeds),
        best: None,
    });
    Panel {
        title: title.to_owned(),
        x_label: x_label.to_owned(),
        series: series.collect(),
    }
}

/// A curve: step or epoch, and value.
pub type Points = Vec<(f64, f64)>;

fn average(seeds: &[Points]) -> Points {
    let Some((first, others)) = seeds.split_first() else {
        return Vec::new();
    };
    let at = |points: &Points, x: f64| points.iter().find(|p| p.0 == x).map(|p| p.1);
    let mean = |(x, y): &(f64, f64)| {
        let mut sum = *y;
        for other in others {
            sum += at(other, *x)?;
        }
        Some((*x, sum / seeds.len() as f64))
    };
    first.iter().filter_map(mean).collect()
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

/// The bars of one number of training cases, and what is said below them.
fn draw_group(
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

/// Draws the first text that can be made to fit into a width, if any does: beside its neighbours it would be read as one
/// with them.
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

/// The methods' names with their colours, between two columns and ending at the right one: in smaller letters where there
/// is little room, and where there is still less cut short, of very many the first ones.
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
mod tests {
    use super::*;
    use crate::metric::{Bootstrap, Method, compare_methods};
    use crate::report::canvas::fits;
    use crate::report::results::tests::made_up;

    #[test]
    fn bars_are_as_high_as_their_values() -> Result<(), ReportError> {
        let results = made_up(2);
        let image = draw("Results", "Dice", &results, &[])?;
        assert_eq!(image.width(), 1600);
        // The first bar of each group, counted in pixels of its fill.
        let fill = mix(colour(0), WHITE, 0.45);
        let tall = |x: usize| {
            (0..image.height())
                .filter(|y| image.get(x, *y) == Some(fill))
                .count()
        };
        let heights: Vec<usize> = (0..3)
            .map(|group| {
                let from = 106 + group * 486;
                (from..from + 486).map(tall).max().unwrap_or(0)
            })
            .collect();
        let share = |group: usize| heights[group] as f64 / heights[0] as f64;
        for (group, size) in results.iter().enumerate() {
            let expected = size.methods[0].seeds.mean / results[0].methods[0].seeds.mean;
            assert!((share(group) - expected).abs() < 0.02, "{heights:?}");
        }
        Ok(())
    }

    #[test]
    fn the_mean_stands_below_its_bar_and_nothing_above_it() -> Result<(), ReportError> {
        // All seeds and cases are equal, so that dots and interval lie at the bar's end.
        let method = Method {
            name: "random".to_owned(),
            scores: vec![vec![0.5; 4]; 2],
        };
        let size = compare_methods(6, &[method], &Bootstrap::default()).unwrap();
        let image = draw("", "", &[size], &[])?;
        let fill = mix(colour(0), WHITE, 0.45);
        let of_bar = |y: &usize| image.get(790, *y) == Some(fill);
        let bar: Vec<usize> = (0..image.height()).filter(of_bar).collect();
        let (first, last) = (bar[0], bar[bar.len() - 1]);
        let dark = |rows: std::ops::Range<usize>| {
            let pixels = rows.flat_map(|y| (783..888).map(move |x| (x, y)));
            let colours = pixels.filter_map(|(x, y)| image.get(x, y));
            colours
                .filter(|[r, g, b]| u32::from(*r) + u32::from(*g) + u32::from(*b) < 500)
                .count()
        };
        assert_eq!(dark(142..first - 10), 0);
        assert!(dark(last + 8..last + 34) > 20);
        Ok(())
    }

    #[test]
    fn any_results_can_be_drawn() -> Result<(), ReportError> {
        draw("", "", &[], &[])?;
        let mut odd = made_up(3);
        odd[0].methods.clear();
        odd[1].methods[0].seed_means.clear();
        odd[2].methods[1].seed_means[0] = f64::NAN;
        let plain = draw("", "", &odd, &[])?;
        let panel = learning_curves("Dice", "step", &[]);
        let more = draw("", "", &odd, &[panel.clone(), panel.clone(), panel])?;
        assert_eq!(more.height(), plain.height() + 2 * 560);
        Ok(())
    }

    #[test]
    fn what_is_said_of_a_size_stays_below_its_bars() -> Result<(), ReportError> {
        let mut results = made_up(2);
        results.push(results[0].clone());
        let image = draw("", "", &results, &[])?;
        let (left, width) = (106.0, 1458.0 / 4.0);
        for border in 1..4 {
            let x = (left + f64::from(border) * width) as usize;
            let pixels = (770..image.height()).flat_map(|y| (x - 2..x + 3).map(move |x| (x, y)));
            let inked = pixels.filter(|(x, y)| image.get(*x, *y) != Some(WHITE));
            assert_eq!(
                inked.count(),
                0,
                "between sizes {border} and {}",
                border + 1
            );
        }
        Ok(())
    }

    #[test]
    fn extremes_can_be_drawn() -> Result<(), ReportError> {
        let mut size = made_up(3).remove(0);
        for method in &mut size.methods {
            method.name = "a method of a long name ".repeat(50);
        }
        size.methods[1].interval.low = f64::NAN;
        size.methods[1].seeds.mean = f64::NAN;
        size.methods[2].seeds.mean = f64::MAX;
        let odd = size.methods.clone();
        draw(
            &"long ".repeat(400),
            &"long ".repeat(400),
            std::slice::from_ref(&size),
            &[],
        )?;
        // More bars than columns, and more methods than lines.
        size.methods = (0..60).map(|n| odd[n % 3].clone()).collect();
        let all = vec![size.clone(); 80];
        let image = draw("", "", &all, &[])?;
        assert_eq!(image.width(), 1600);
        // One of everything.
        size.methods.truncate(1);
        size.methods[0].seed_means.truncate(1);
        draw("", "", &[size], &[learning_curves("", "", &[])])?;
        Ok(())
    }

    #[test]
    fn the_largest_picture_is_none_too_large() {
        let rows = MOST.div_ceil(2) as f64;
        let height = HEADER + PANEL.1 + 80.0 + below(usize::MAX) + rows * PANEL.1;
        assert!(fits(2 * PANEL.0 as usize, height as usize));
    }

    #[test]
    fn seeds_are_averaged_where_all_have_a_value() {
        let a = vec![(1.0, 0.2), (2.0, 0.4), (3.0, 0.6)];
        let b = vec![(1.0, 0.4), (3.0, 0.8), (4.0, 1.0)];
        let panel = learning_curves("Dice", "step", &[("random".to_owned(), vec![a, b])]);
        let points = &panel.series[0].points;
        let expected = [(1.0, 0.3), (3.0, 0.7)];
        assert_eq!(points.len(), 2);
        for (found, expected) in points.iter().zip(expected) {
            assert!(found.0 == expected.0 && (found.1 - expected.1).abs() < 1e-12);
        }
    }
}
