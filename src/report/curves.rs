//! Curves of a run: panels of series against steps or epochs, each with the raw values faint and a
//! smoothed line over them.

use super::ReportError;
use super::canvas::{Anchor, paint};
use super::image::RgbImage;
use super::plot::{HEADING, PANEL, WHITE, draw_panel};

/// One measured quantity.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    /// Name in the legend, shown when a panel has several.
    pub name: String,
    /// Step or epoch, and value, in order. Values that are not finite are counted, not drawn.
    pub points: Vec<(f64, f64)>,
    /// Which point gets a marker.
    pub best: Option<Best>,
}

/// Which value of a series is the best.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Best {
    /// A loss.
    Lowest,
    /// A score, such as Dice.
    Highest,
}

/// One plot. Its vertical axis is logarithmic when all values are positive and span more than a
/// factor of 30.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Panel {
    /// What is measured.
    pub title: String,
    /// `step` or `epoch`.
    pub x_label: String,
    /// The curves.
    pub series: Vec<Series>,
}

impl Panel {
    /// A panel with one series.
    pub fn single(title: &str, x_label: &str, points: &[(f64, f64)], best: Option<Best>) -> Panel {
        Panel {
            title: title.to_owned(),
            x_label: x_label.to_owned(),
            series: vec![Series {
                name: String::new(),
                points: points.to_vec(),
                best,
            }],
        }
    }
}

/// The measurements of a pre-training run, each as (step or epoch, value).
#[derive(Debug, Clone, Copy)]
pub struct PretrainingSeries<'a> {
    /// `step` or `epoch`.
    pub x_label: &'a str,
    /// Sum of both losses.
    pub total: &'a [(f64, f64)],
    /// Reconstruction error on the validation volumes.
    pub validation_l1: &'a [(f64, f64)],
    /// Contrastive loss.
    pub contrastive: &'a [(f64, f64)],
    /// Reconstruction error on the training volumes.
    pub reconstruction_l1: &'a [(f64, f64)],
}

/// The four panels of `curves.png` for pre-training, for [`draw`].
pub fn pretraining(run: &PretrainingSeries<'_>) -> Vec<Panel> {
    let panel = |title, points, best| Panel::single(title, run.x_label, points, best);
    vec![
        panel("Training loss, total", run.total, None),
        panel("Validation L1", run.validation_l1, Some(Best::Lowest)),
        panel("Training loss, contrastive", run.contrastive, None),
        panel(
            "Training loss, reconstruction L1",
            run.reconstruction_l1,
            None,
        ),
    ]
}

/// Height of the title above the panels: four panels and the title make 1600 x 1200.
pub(super) const HEADER: f64 = 80.0;

/// Draws the panels on a grid under a common title.
///
/// # Errors
/// When there are so many panels that the picture would be too large.
pub fn draw(title: &str, panels: &[Panel]) -> Result<RgbImage, ReportError> {
    let fits = |columns: &usize| columns.saturating_mul(*columns) >= panels.len();
    let columns = (1..=panels.len()).find(fits).unwrap_or(1);
    let rows = panels.len().div_ceil(columns).max(1);
    let size = |length: f64, count: usize| (length as usize).saturating_mul(count);
    let height = size(PANEL.1, rows).saturating_add(HEADER as usize);
    paint(size(PANEL.0, columns), height, WHITE, |canvas| {
        canvas.text((36.0, 46.0), Anchor::Left, HEADING, title)?;
        for (index, panel) in panels.iter().enumerate() {
            let left = (index % columns) as f64 * PANEL.0;
            let top = (index / columns) as f64 * PANEL.1 + HEADER;
            draw_panel(canvas, (left, top), panel)?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
