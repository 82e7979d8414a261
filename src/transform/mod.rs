//! Deterministic transforms between reading a volume and training on it: voxel spacing,
//! orientation, intensity window, foreground crop, padding (specification 2), and
//! the way back from a prediction to the voxels of the input.
//!
//! Everything here is a pure function of plain voxel values. Shapes are `[n0, n1, n2]` in C order,
//! axes as in the NIfTI file; positions in world space are RAS+ millimetres.
//!
//! [`resample_spacing`], [`resample_onto`], [`orient_ras`], [`scale_intensity`], [`foreground_box`], [`crop`] and
//! [`pad_to`] are the specification's single steps. Runs use [`PretrainTransform`] and [`FinetuneTransform`], which give the
//! same in less time and memory: tests hold them to the steps.

mod error;
mod finetune;
mod focus;
mod foreground;
mod geometry;
mod grid;
mod intensity;
mod labels;
mod orientation;
mod pad;
mod places;
mod pretrain;
mod restore;
mod sampling;
mod separable;
mod spacing;

pub use error::{LabelError, TransformError};
pub use finetune::{FinetuneTransform, GeometryOrder, Labelled, Prepared};
pub use foreground::{crop, foreground_box};
pub use geometry::{Geometry, Space};
pub use intensity::{Intensity, IntensityWindow, own_window, scale_intensity};
pub use labels::{check_grids, check_labels};
#[cfg(test)]
pub(crate) use orientation::AXIS_ORDERS;
pub use orientation::{RasAxis, orient_ras, ras_axes};
pub use pad::pad_to;
pub use pretrain::PretrainTransform;
pub use restore::LabelRestorer;
pub(crate) use restore::best_class;
pub use sampling::Interpolation;
pub use spacing::{resample_onto, resample_spacing};
