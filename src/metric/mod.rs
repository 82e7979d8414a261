//! How well a label map agrees with the reference: overlap, surface distances, volumes, and the statistics that
//! compare two ways of training (specification 9.2).
//!
//! Label maps are `[n0, n1, n2]` in C order, one `u8` a voxel, label 0 the background. This room takes plain slices
//! and knows no tensor library.
//!
//! | what | reference empty, prediction not | prediction empty, reference not | both empty |
//! | --- | --- | --- | --- |
//! | Dice | not counted (the original's NaN) | 0 | not counted |
//! | HD95 | no distance | no distance | no distance |
//! | NSD | 0 | 0 | not counted |
//!
//! What is not counted is `None` here, `null` in JSON and an empty field in CSV. A mean of HD95 leaves out cases
//! without a distance, so [`ClassSummary`] tells beside it how often a class was missed or invented.

mod dice;
mod distance;
mod error;
mod experiment;
mod grid;
mod score;
mod statistics;
mod summary;
mod surface;

pub use dice::{Overlap, Overlaps, mean_of_running_means, mean_of_some};
pub use error::MetricError;
pub use experiment::{Method, MethodResult, SizeResult, compare_methods};
pub use grid::LabelPair;
pub use score::{CaseScore, ClassScore, SurfaceOptions, score, volumes_ml};
pub use statistics::{Bootstrap, Difference, Interval, Spread, compare, seeds_interval, spread};
pub use summary::{ClassSummary, Summary, summarize};
pub use surface::{SurfaceDistances, surface_distances};
