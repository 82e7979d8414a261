//! The two versions of NIfTI and the sizes of their headers.

/// Bytes of a NIfTI-1 header.
pub(super) const SIZE_1: usize = 348;
/// Bytes of a NIfTI-2 header.
pub(super) const SIZE_2: usize = 540;

/// Which of the two header layouts a file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// NIfTI-1: 348 bytes, 16-bit sizes, single precision.
    One,
    /// NIfTI-2: 540 bytes, 64-bit sizes, double precision.
    Two,
}
