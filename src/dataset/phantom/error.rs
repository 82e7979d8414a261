//! What can go wrong with a phantom.

use crate::volume::VolumeError;

/// Why no case was made.
#[derive(Debug, thiserror::Error)]
pub enum PhantomError {
    /// A setting is out of range.
    #[error("phantom setting {field} is {value}; allowed: {allowed}")]
    Setting {
        /// Name of the field of [`PhantomSpec`](crate::dataset::phantom::PhantomSpec).
        field: &'static str,
        /// The value given.
        value: String,
        /// The range to keep.
        allowed: &'static str,
    },
    /// The volume could not be put together.
    #[error("the voxels of a phantom case do not make a volume: {0}")]
    Volume(#[from] VolumeError),
}
