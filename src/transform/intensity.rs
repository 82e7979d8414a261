//! The intensity window (pipeline specification, section 2.5).

use serde::{Deserialize, Serialize};

use super::TransformError;
use crate::volume::Volume;

/// The range of input values (Hounsfield units for CT) that is mapped to `[0, 1]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct IntensityWindow {
    /// The value that becomes 0.
    pub min: f32,
    /// The value that becomes 1.
    pub max: f32,
}

impl IntensityWindow {
    /// Checks that the window is finite and not empty.
    ///
    /// # Errors
    /// [`TransformError::InvalidWindow`].
    pub fn validate(&self) -> Result<(), TransformError> {
        if self.width().is_finite() && self.min < self.max {
            Ok(())
        } else {
            Err(TransformError::InvalidWindow {
                min: self.min,
                max: self.max,
            })
        }
    }

    /// Maps every value to `[0, 1]`; values outside the window are clipped, NaN becomes 0.
    pub(super) fn scale(&self, values: &mut [f32]) {
        let (min, width) = (self.min, self.width());
        for value in values {
            let scaled = (*value - min) / width;
            *value = if scaled > 0.0 { scaled.min(1.0) } else { 0.0 };
        }
    }

    fn width(&self) -> f32 {
        (f64::from(self.max) - f64::from(self.min)) as f32
    }
}

/// Maps the values of `v` from `window` to `[0, 1]`, with a true division in `f32`. Values outside
/// the window are clipped. NaN becomes 0, which differs from the specification's reference (it
/// lets NaN through, and one such voxel ends a training run).
pub fn scale_intensity(v: &mut Volume, window: IntensityWindow) {
    window.scale(v.data_mut());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_scaled_and_clipped() {
        let mut values = [-1000.0, -57.0, 53.5, 164.0, 3000.0, f32::NAN, f32::INFINITY];
        IntensityWindow {
            min: -57.0,
            max: 164.0,
        }
        .scale(&mut values);
        assert_eq!(values, [0.0, 0.0, 0.5, 1.0, 1.0, 0.0, 1.0]);
    }

    #[test]
    fn an_empty_window_is_an_error() {
        for (min, max) in [
            (1.0, 1.0),
            (2.0, 1.0),
            (f32::NAN, 1.0),
            (f32::MIN, f32::MAX),
        ] {
            assert!(IntensityWindow { min, max }.validate().is_err());
        }
    }
}
