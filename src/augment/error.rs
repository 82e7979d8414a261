//! What can go wrong when patches are drawn and corrupted.

/// Why a patch or its views could not be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AugmentError {
    /// The volume is smaller than the patch.
    #[error(
        "a volume of shape {shape:?} has no room for a patch of {patch:?} voxels: pad it first or choose a smaller patch"
    )]
    VolumeTooSmall {
        /// Voxels per axis of the volume.
        shape: [usize; 3],
        /// Voxels per axis of the patch.
        patch: [usize; 3],
    },
    /// The patch has no voxels, or more than can be counted.
    #[error(
        "a patch of {patch:?} voxels is not usable: every axis needs at least one voxel, and all of them no more than can be counted"
    )]
    InvalidPatch {
        /// Voxels per axis of the patch.
        patch: [usize; 3],
    },
    /// A buffer does not have one value per voxel of the patch.
    #[error(
        "the buffer for {what} holds {len} values, but a patch of {patch:?} voxels was asked for"
    )]
    BufferSize {
        /// Which buffer.
        what: &'static str,
        /// Its length.
        len: usize,
        /// Voxels per axis of the patch.
        patch: [usize; 3],
    },
    /// Hole sizes that are empty, in the wrong order or larger than the patch.
    #[error(
        "{what} holes of {min_size:?} to {max_size:?} voxels do not fit a patch of {patch:?}: sizes go from 1 to the patch, the smaller one first"
    )]
    InvalidHoles {
        /// `in-painting`, `out-painting` or `shuffling`.
        what: &'static str,
        /// Smallest edges in voxels.
        min_size: [usize; 3],
        /// Largest edges in voxels.
        max_size: [usize; 3],
        /// Voxels per axis of the patch.
        patch: [usize; 3],
    },
    /// More holes than any patch needs.
    #[error("{holes} holes for {what} are too many: give {most} or less")]
    TooManyHoles {
        /// `in-painting`, `out-painting` or `shuffling`.
        what: &'static str,
        /// The number given.
        holes: usize,
        /// The most that are allowed.
        most: usize,
    },
    /// A setting below 0, above its largest value, or no number.
    #[error("{setting} is {value}: it must be from 0 to {most}")]
    OutOfRange {
        /// The setting.
        setting: &'static str,
        /// Its value.
        value: f64,
        /// Its largest value.
        most: f64,
    },
    /// Weights of positive and negative patches that are no shares.
    #[error(
        "positive and negative patches have weights {positive} and {negative}: give two numbers of at least 0, one of them above 0"
    )]
    InvalidWeights {
        /// Weight of patches around a label.
        positive: f64,
        /// Weight of patches around the background.
        negative: f64,
    },
    /// An intensity offset that is no distance.
    #[error("shift_offset is {offset}: it must be 0 or more")]
    InvalidOffset {
        /// The value given.
        offset: f64,
    },
    /// A transform that the original does not have, in the chain that replays it.
    #[error(
        "the original does not turn or scale by any amount: set the affine probability to 0 here"
    )]
    AffineInExactChain,
    /// Quarter turns of a patch that is not square.
    #[error(
        "a patch of {patch:?} voxels cannot be turned by a quarter: make its first two axes equal or set the rotation probability to 0"
    )]
    NotSquare {
        /// Voxels per axis of the patch.
        patch: [usize; 3],
    },
    /// Image and labels of different sizes.
    #[error("{labels} labels were given for an image of {shape:?} voxels")]
    LabelSize {
        /// How many labels.
        labels: usize,
        /// Voxels per axis of the image.
        shape: [usize; 3],
    },
    /// No voxel to centre a patch on.
    #[error(
        "no patch can be placed: no voxel has a label, and no image value is above {threshold}; check image and label map"
    )]
    NoCandidate {
        /// The image threshold of background voxels.
        threshold: f32,
    },
}

/// # Errors
/// [`AugmentError::OutOfRange`] for a value that is not from 0 to `most`.
pub(super) fn in_range(setting: &'static str, value: f64, most: f64) -> Result<(), AugmentError> {
    match (0.0..=most).contains(&value) {
        true => Ok(()),
        false => Err(AugmentError::OutOfRange {
            setting,
            value,
            most,
        }),
    }
}
