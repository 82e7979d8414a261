//! Where the bars of a picture go.

use crate::report::axis::Axis;

/// The columns and rows of the bars, with the axis of their values.
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
    pub(super) y: Axis,
}

impl Frame {
    /// The pixel row of a value from 0 to 1, which the axis has in percent.
    pub(super) fn row(&self, value: f64) -> f64 {
        self.bottom - self.y.place(100.0 * value) * (self.bottom - self.top)
    }
}
