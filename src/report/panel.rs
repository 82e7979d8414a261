//! What a picture of curves shows: panels of series.

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
