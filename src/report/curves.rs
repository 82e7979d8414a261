//! Curves of a run: panels of series against steps or epochs, each with the raw values faint and a
//! smoothed line over them.

use super::ReportError;
use super::canvas::{Anchor, Canvas, paint};
use super::image::RgbImage;
use super::plot::draw_panel;
use super::style::{HEADING, MARGIN, NOTE, PANEL, WHITE};

pub use super::panel::{Best, Panel, Series};

/// The measurements of a pre-training run, each as (step or epoch, value).
#[derive(Debug, Clone, Copy)]
pub struct PretrainingSeries<'a> {
    /// `step` or `epoch`.
    pub x_label: &'a str,
    /// Sum of both losses.
    pub total: &'a [(f64, f64)],
    /// Reconstruction error on the validation volumes.
    pub validation_l1: &'a [(f64, f64)],
    /// Contrastive loss; empty where there is none.
    pub contrastive: &'a [(f64, f64)],
    /// Reconstruction error on the training volumes.
    pub reconstruction_l1: &'a [(f64, f64)],
}

/// The panels of `curves.png` for pre-training, for [`draw`]: four, or three where no step had a contrastive loss.
pub fn pretraining(run: &PretrainingSeries<'_>) -> Vec<Panel> {
    let panel = |title, points, best| Panel::single(title, run.x_label, points, best);
    let mut panels = vec![
        panel("Training loss, total", run.total, None),
        panel("Validation L1", run.validation_l1, Some(Best::Lowest)),
    ];
    if !run.contrastive.is_empty() || run.total.is_empty() {
        panels.push(panel("Training loss, contrastive", run.contrastive, None));
    }
    panels.push(panel(
        "Training loss, reconstruction L1",
        run.reconstruction_l1,
        None,
    ));
    panels
}

/// Height of the title above the panels: four panels and the title make 1600 x 1200.
pub(super) const HEADER: f64 = 80.0;

/// The most panels of a picture: a larger one viewers would not open.
pub(super) const MOST: usize = 60;

/// The title of a picture so wide, and how many of the panels it does not show.
pub(super) fn draw_header(
    canvas: &Canvas<'_>,
    title: &str,
    width: f64,
    left_out: usize,
) -> Result<(), ReportError> {
    let mut right = width - MARGIN;
    if left_out > 0 {
        let note = format!("{left_out} more are not shown");
        canvas.text((right, 46.0), Anchor::Right, NOTE, &note)?;
        right -= canvas.text_width(NOTE, &note)? + MARGIN;
    }
    let (font, title) = canvas.fitted(HEADING, title, right - MARGIN)?;
    canvas.text((MARGIN, 46.0), Anchor::Left, font, &title)
}

/// Columns and rows of the grid of so many panels.
fn grid(panels: usize) -> (usize, usize) {
    let fits = |columns: &usize| columns.saturating_mul(*columns) >= panels;
    let columns = (1..=panels).find(fits).unwrap_or(1);
    (columns, panels.div_ceil(columns).max(1))
}

/// Width and height of a picture of such a grid.
fn size((columns, rows): (usize, usize)) -> (f64, f64) {
    (PANEL.0 * columns as f64, PANEL.1 * rows as f64 + HEADER)
}

/// Draws the panels on a grid under a common title; of very many the first ones.
///
/// # Errors
/// When the drawing library fails.
pub fn draw(title: &str, panels: &[Panel]) -> Result<RgbImage, ReportError> {
    draw_first(title, panels, MOST)
}

fn draw_first(title: &str, panels: &[Panel], most: usize) -> Result<RgbImage, ReportError> {
    let left_out = panels.len().saturating_sub(most);
    let panels = &panels[..panels.len() - left_out];
    let grid = grid(panels.len());
    let (width, height) = size(grid);
    paint(width as usize, height as usize, WHITE, |canvas| {
        draw_header(canvas, title, width, left_out)?;
        for (index, panel) in panels.iter().enumerate() {
            let left = (index % grid.0) as f64 * PANEL.0;
            let top = (index / grid.0) as f64 * PANEL.1 + HEADER;
            draw_panel(canvas, (left, top), panel)?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::canvas::fits;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    /// How many pixels of a part of the picture are not white.
    fn inked(image: &RgbImage, columns: std::ops::Range<usize>) -> usize {
        let is_inked = |x: usize, y: usize| image.get(x, y).is_some_and(|c| c != WHITE);
        let rows = 0..image.height();
        rows.map(|y| columns.clone().filter(|&x| is_inked(x, y)).count())
            .sum()
    }

    #[test]
    fn four_panels_make_1600_by_1200_pixels() -> Outcome {
        let points = [(1.0, 0.5), (2.0, 0.25)];
        let run = PretrainingSeries {
            x_label: "step",
            total: &points,
            validation_l1: &points,
            contrastive: &points,
            reconstruction_l1: &points,
        };
        let image = draw("Pre-training", &pretraining(&run))?;
        assert_eq!((image.width(), image.height()), (1600, 1200));
        Ok(())
    }

    #[test]
    fn a_run_without_a_contrastive_loss_has_no_panel_for_it() {
        let points = [(1.0, 0.5), (2.0, 0.25)];
        let titles = |total, contrastive| -> Vec<String> {
            let run = PretrainingSeries {
                x_label: "step",
                total,
                validation_l1: &[],
                contrastive,
                reconstruction_l1: total,
            };
            let panels = pretraining(&run).into_iter();
            panels.map(|panel| panel.title).collect()
        };
        let without = titles(&points, &[]);
        assert_eq!(without.len(), 3);
        assert!(without.iter().all(|title| !title.contains("contrastive")));
        // Before the first step nobody knows.
        for (total, contrastive) in [(&points[..], &points[..]), (&[][..], &[][..])] {
            assert_eq!(titles(total, contrastive).len(), 4);
        }
    }

    #[test]
    fn values_of_which_none_is_finite_are_not_yet_to_come() -> Outcome {
        let middle = |points: &[(f64, f64)]| -> Result<Vec<_>, ReportError> {
            let image = draw("", &[Panel::single("", "", points, None)])?;
            let pixels = (280..400).flat_map(|y| (250..600).map(move |x| (x, y)));
            Ok(pixels.map(|(x, y)| image.get(x, y)).collect())
        };
        assert!(middle(&[])? != middle(&[(1.0, f64::NAN)])?);
        Ok(())
    }

    #[test]
    fn any_number_of_any_points_can_be_drawn() -> Outcome {
        let many: Vec<_> = (0..10_000)
            .map(|i| (f64::from(i), 1.0 / f64::from(i + 1)))
            .collect();
        let odd = [
            (1.0, f64::NAN),
            (2.0, f64::INFINITY),
            (f64::NAN, 1.0),
            (3.0, 1e308),
        ];
        for points in [&[][..], &[(0.0, 0.0)], &[(5.0, 0.3)], &odd, &many] {
            draw(
                "",
                &[Panel::single("loss", "step", points, Some(Best::Lowest))],
            )?;
        }
        draw("nothing", &[])?;
        Ok(())
    }

    #[test]
    fn very_many_and_very_long_names_leave_the_plot_and_other_panels_alone() -> Outcome {
        let points = [(0.0, 0.5), (10.0, 0.7)];
        let series = |name: String| Series {
            name,
            points: points.to_vec(),
            best: None,
        };
        let long = "a name that goes on and on ".repeat(40);
        let panel = |names: Vec<String>| Panel {
            title: long.clone(),
            x_label: long.clone(),
            series: names.into_iter().map(series).collect(),
        };
        let many = panel((0..200).map(|number| format!("curve {number}")).collect());
        let single = Panel::single(&long, "step", &points, Some(Best::Lowest));
        let bare = draw("", &[Panel::default(), Panel::default(), Panel::default()])?;
        let image = draw(
            &long,
            &[many, panel(vec![long.clone()]), Panel::default(), single],
        )?;
        // The third panel lies below the first.
        let third = |image: &RgbImage| {
            let pixels = (640..1200).flat_map(|y| (0..780).map(move |x| (x, y)));
            pixels.map(|(x, y)| image.get(x, y)).collect::<Vec<_>>()
        };
        assert!(third(&image) == third(&bare));
        Ok(())
    }

    #[test]
    fn a_picture_of_very_many_panels_shows_the_first_and_says_so() -> Outcome {
        let panels = vec![Panel::default(); 5];
        let whole = draw_first("", &panels[..2], 2)?;
        let part = draw_first("", &panels, 2)?;
        assert_eq!(part.height(), whole.height());
        let header = |image: &RgbImage| {
            let pixels = (0..80).flat_map(|y| (800..1600).map(move |x| (x, y)));
            pixels
                .filter(|(x, y)| image.get(*x, *y) != Some(WHITE))
                .count()
        };
        assert_eq!(header(&whole), 0);
        assert!(header(&part) > 100);
        Ok(())
    }

    #[test]
    fn the_largest_picture_is_none_too_large() {
        for panels in 1..=MOST {
            let (width, height) = size(grid(panels));
            assert!(fits(width as usize, height as usize), "{panels}");
        }
    }

    #[test]
    fn a_curve_leaves_ink_on_its_side_of_the_plot() -> Outcome {
        // The left half has no points between the two ends of the right half.
        let panel = |points: &[(f64, f64)]| Panel::single("", "", points, None);
        let bare = draw("", &[panel(&[(0.0, 0.0), (100.0, 1.0)])])?;
        let mut points: Vec<_> = (60..100)
            .map(|i| (f64::from(i), f64::from(i % 2)))
            .collect();
        points.insert(0, (0.0, 0.0));
        points.push((100.0, 1.0));
        let full = draw("", &[panel(&points)])?;
        let right = |image: &RgbImage| inked(image, 500..800);
        assert!(right(&full) > right(&bare) + 1000);
        Ok(())
    }
}
