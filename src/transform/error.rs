//! What can go wrong in a transform.

use super::LabelError;
use crate::volume::{Region, VolumeError};

/// Why a transform refused its input.
#[derive(Debug, thiserror::Error)]
pub enum TransformError {
    /// The result could not be made into a volume.
    #[error(transparent)]
    Volume(#[from] VolumeError),
    /// An axis of the volume has no voxels.
    #[error(
        "the volume has shape {shape:?}: an axis without voxels cannot be transformed; check the dimensions in the header"
    )]
    Empty {
        /// Voxels per axis.
        shape: [usize; 3],
    },
    /// The requested voxel size is not three positive finite numbers.
    #[error(
        "the target spacing {spacing:?} mm is not usable: give three positive finite millimetre values"
    )]
    InvalidSpacing {
        /// The requested spacing in millimetres.
        spacing: [f64; 3],
    },
    /// The affine does not map the index space onto three dimensions.
    #[error(
        "the affine of the volume cannot be inverted (voxel axes have lengths {lengths:?} mm): repair sform or qform in the header"
    )]
    SingularAffine {
        /// Lengths of the three voxel axes in millimetres.
        lengths: [f64; 3],
    },
    /// The result would not fit into memory.
    #[error(
        "the result would have {shape:?} voxels, more than fits into memory: check the voxel size in the header or choose a larger target spacing"
    )]
    TooLarge {
        /// Voxels per axis, as floating point because they may exceed any integer.
        shape: [f64; 3],
    },
    /// A crop reaches outside the volume.
    #[error(
        "a crop of size {:?} at {:?} does not lie inside the volume of shape {shape:?}",
        region.size,
        region.start
    )]
    RegionOutside {
        /// The requested region.
        region: Region,
        /// Voxels per axis of the volume.
        shape: [usize; 3],
    },
    /// The intensity window is empty or not finite.
    #[error(
        "the intensity window [{min}, {max}] is not usable: both ends must be finite and the first one smaller"
    )]
    InvalidWindow {
        /// Lower end.
        min: f32,
        /// Upper end.
        max: f32,
    },
    /// No voxel lies above the window's lower end.
    #[error(
        "no voxel is above {min}: the volume has no foreground in this intensity window; check its units (Hounsfield) and the window, or do without the volume"
    )]
    NoForeground {
        /// Lower end of the intensity window.
        min: f32,
    },
    /// No voxel has a finite value other than 0.
    #[error(
        "no voxel has a finite value other than 0: the volume is empty; export it again from its source, or do without it"
    )]
    Blank,
    /// No voxel has a value other than 0 that can be meant, and some are infinite or of an absurd size.
    #[error(
        "no voxel has a value other than 0 that can be meant, and {count} are infinite or absurdly large: check the scaling and the type in the header, or do without the volume"
    )]
    Infinite {
        /// How many are.
        count: usize,
    },
    /// All voxels but those of 0 have the same value.
    #[error(
        "(nearly) all voxels other than 0 have the value {value}: such a volume sets no intensity scale; use a fixed intensity range, or do without it"
    )]
    Flat {
        /// The value.
        value: f32,
    },
    /// The label map does not fit its image.
    #[error(transparent)]
    Label(#[from] LabelError),
    /// Values to be mapped back do not have the length of the prepared grid.
    #[error(
        "{found} values were given for a prepared volume of {shape:?} voxels, which calls for {expected}"
    )]
    ValueCount {
        /// How many were given.
        found: usize,
        /// How many belong there.
        expected: usize,
        /// Voxels per axis of the prepared volume.
        shape: [usize; 3],
    },
}
