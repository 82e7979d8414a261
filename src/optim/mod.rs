//! Optimiser, learning-rate schedule, gradient collection and clipping, moving average of weights.
//!
//! All state lives in flat tensors keyed by parameter name, so that it can be exported on every platform.

mod adam;
mod average;
mod gradients;
mod schedule;

pub use adam::{Adam, AdamConfig, Decay, Moments};
pub use average::WeightAverage;
pub use gradients::{Gain, GradientMap, accumulate, add_gradient, gain};
pub use schedule::{Schedule, ScheduleKind};
