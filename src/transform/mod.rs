//! Deterministic transforms between reading a volume and training on it: voxel spacing,
//! orientation, intensity window, foreground crop, padding (pipeline specification, section 2).
//!
//! Everything here is a pure function of plain voxel values. Shapes are `[n0, n1, n2]` in C order,
//! axes as in the NIfTI file; positions in world space are RAS+ millimetres.

mod error;
mod foreground;
mod grid;
mod intensity;
mod orientation;
mod pad;
mod pretrain;
mod sampling;
mod separable;
mod spacing;

pub use error::TransformError;
pub use foreground::{crop, foreground_box};
pub use intensity::{IntensityWindow, scale_intensity};
pub use orientation::orient_ras;
pub use pad::pad_to;
pub use pretrain::PretrainTransform;
pub use spacing::{Interpolation, resample_onto, resample_spacing};
