//! What can go wrong when a prediction is scored.

/// Why a score or a statistic could not be computed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MetricError {
    /// Prediction or reference do not have one label per voxel.
    #[error(
        "a grid of shape {shape:?} does not have {prediction} voxels of the prediction and {reference} of the reference: both label maps must lie on the same grid"
    )]
    Shape {
        /// Voxels per axis.
        shape: [usize; 3],
        /// Labels of the prediction.
        prediction: usize,
        /// Labels of the reference.
        reference: usize,
    },
    /// A distance between voxels that is no distance.
    #[error("a spacing of {spacing:?} mm is not usable: every axis needs a finite one above 0")]
    Spacing {
        /// Spacing per axis, mm.
        spacing: [f64; 3],
    },
    /// A label without a class.
    #[error(
        "the {what} has label {label}, but there are {classes} classes, 0 to {}: check the class names or relabel the map",
        classes.saturating_sub(1)
    )]
    Label {
        /// `prediction` or `reference`.
        what: &'static str,
        /// The label found.
        label: u8,
        /// Number of classes with the background.
        classes: usize,
    },
    /// A number of classes that 8-bit labels cannot have.
    #[error("{classes} classes cannot be scored: a label map has 1 to 256, with the background")]
    Classes {
        /// The number given.
        classes: usize,
    },
    /// A tolerance for surfaces that is no distance.
    #[error("a surface tolerance of {tolerance} mm is not usable: give a finite one of at least 0")]
    Tolerance {
        /// The value given, mm.
        tolerance: f64,
    },
    /// Cases that were not scored with the same classes.
    #[error("case `{case}` has {found} classes and the first case {expected}: score all alike")]
    Unequal {
        /// Name of the case.
        case: String,
        /// Its classes.
        found: usize,
        /// Classes of the first case.
        expected: usize,
    },
    /// Nothing to compute a statistic of.
    #[error("no {what} to compute a statistic of")]
    Nothing {
        /// `scores`, `seeds`, `methods` or `resamples`.
        what: &'static str,
    },
    /// A score that is no number.
    #[error("score {index} is {value}: leave out what is not counted, in all methods alike")]
    NotFinite {
        /// Position among the scores.
        index: usize,
        /// The value.
        value: f64,
    },
    /// Two methods or seeds that were not scored on the same cases.
    #[error("{found} scores beside {expected}: paired statistics need the same cases everywhere")]
    Unpaired {
        /// Scores of the one that differs.
        found: usize,
        /// Scores of the first.
        expected: usize,
    },
    /// A confidence level that is not between 0 and 1.
    #[error("a confidence level of {level} is not between 0 and 1, both excluded")]
    Level {
        /// The value given.
        level: f64,
    },
}
