//! Prediction: the windows a volume is cut into.

mod windows;

pub use windows::{WindowError, WindowPlan};
