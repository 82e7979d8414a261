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
    #[error("a patch of {patch:?} voxels is not usable: every axis needs at least one voxel")]
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
    /// A probability outside `[0, 1]`.
    #[error("the shuffle probability {probability} is not between 0 and 1")]
    InvalidProbability {
        /// The value given.
        probability: f64,
    },
}
