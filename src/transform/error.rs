//! What can go wrong in a transform.

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
        "the result would have {shape:?} voxels, more than fits into memory: check the voxel size in the header, choose a larger target spacing, or crop the volume"
    )]
    TooLarge {
        /// Voxels per axis, as floating point because they may exceed any integer.
        shape: [f64; 3],
    },
    /// There is no memory for a prediction on the voxels of the input.
    #[error(
        "a prediction on the input's own {shape:?} voxels does not fit into memory: crop the volume, or make it on the network's voxels"
    )]
    InputTooLarge {
        /// Voxels per axis of the input.
        shape: [usize; 3],
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

/// Why a label map cannot be used with its image.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LabelError {
    /// Image and label map have different numbers of voxels.
    #[error(
        "the label map has {label:?} voxels and its image {image:?}: draw or resample the labels on the image's own grid"
    )]
    Shape {
        /// Voxels per axis of the label map.
        label: [usize; 3],
        /// Voxels per axis of the image.
        image: [usize; 3],
    },
    /// Image and label map have the same number of voxels at different places.
    #[error(
        "the label map has the image's number of voxels but not its {what}: corners lie up to {distance:.2} mm apart; save the labels with the image's header if the voxels correspond, or resample them if they do not"
    )]
    Place {
        /// The first thing that differs: `voxel size`, `orientation` or `origin`.
        what: &'static str,
        /// Largest distance between corresponding corners, mm.
        distance: f64,
    },
    /// A voxel holds no label.
    #[error(
        "the label map holds {value} at voxel {voxel:?}, which is no whole number: give a label map, not an image or a probability"
    )]
    NotWhole {
        /// The value.
        value: f32,
        /// Where it stands.
        voxel: [usize; 3],
    },
    /// A voxel holds a label of no class.
    #[error(
        "the label map holds label {value} at voxel {voxel:?}, but there are {classes} classes, 0 to {}: add the missing ones to \"labels\" of the list, set the number of classes (--classes, background included) or map the labels",
        classes.saturating_sub(1)
    )]
    OutOfRange {
        /// The label.
        value: f32,
        /// Where it stands.
        voxel: [usize; 3],
        /// Number of classes, the background included.
        classes: usize,
    },
}

impl LabelError {
    /// What is wrong with a prediction that was checked on the grid of a label map, as an image's label map is on the
    /// image's. A prediction that lies elsewhere was made elsewhere: the label map's header would move it.
    pub fn of_prediction(&self) -> String {
        match self {
            LabelError::Shape { label, image } => format!(
                "the prediction has {label:?} voxels and its label map {image:?}: resample the prediction on the label map's grid"
            ),
            LabelError::Place { what, distance } => format!(
                "the prediction has the label map's number of voxels but not its {what}: corners lie up to {distance:.2} mm apart; reorient or resample the prediction on the label map's grid"
            ),
            LabelError::NotWhole { value, voxel } => format!(
                "the prediction holds {value} at voxel {voxel:?}, which is no whole number: give a label map, not an image or a probability"
            ),
            LabelError::OutOfRange {
                value,
                voxel,
                classes,
            } => format!(
                "the prediction holds label {value} at voxel {voxel:?}, but there are {classes} classes, 0 to {}: set the number of classes or map the prediction's labels",
                classes.saturating_sub(1)
            ),
        }
    }
}
