//! Random patches of a volume (specification 3.1).

use super::AugmentError;
use crate::random::RandomSource;
use crate::volume::{Region, Volume};

/// The number of voxels of a patch.
///
/// # Errors
/// [`AugmentError::InvalidPatch`] when it is zero or too large to count.
pub(super) fn voxels(patch: [usize; 3]) -> Result<usize, AugmentError> {
    let count = patch
        .iter()
        .try_fold(1usize, |product, &n| product.checked_mul(n));
    count
        .filter(|&n| n > 0)
        .ok_or(AugmentError::InvalidPatch { patch })
}

/// A patch of `patch` voxels at a uniformly random position in a volume of `shape`. An axis
/// without choice draws nothing.
///
/// # Errors
/// [`AugmentError::VolumeTooSmall`] when the patch does not fit.
pub(super) fn random_crop_region(
    random: &mut impl RandomSource,
    shape: [usize; 3],
    patch: [usize; 3],
) -> Result<Region, AugmentError> {
    if (0..3).any(|a| patch[a] > shape[a]) {
        return Err(AugmentError::VolumeTooSmall { shape, patch });
    }
    let start = std::array::from_fn(|a| random.integer(0, shape[a] - patch[a] + 1));
    Ok(Region { start, size: patch })
}

/// Copies the voxels of `region` to `out`, which has one value for each of them.
///
/// # Errors
/// [`AugmentError::VolumeTooSmall`] when the region reaches outside `v`,
/// [`AugmentError::BufferSize`] when `out` has another length.
pub fn copy_patch(v: &Volume, region: Region, out: &mut [f32]) -> Result<(), AugmentError> {
    copy_region(v.data(), v.shape(), region, out)
}

/// As [`copy_patch`], from the values of a volume of `shape`, one for every voxel.
pub(super) fn copy_region<T: Copy>(
    data: &[T],
    shape: [usize; 3],
    region: Region,
    out: &mut [T],
) -> Result<(), AugmentError> {
    let patch = region.size;
    if !region.fits(shape) {
        return Err(AugmentError::VolumeTooSmall { shape, patch });
    }
    if voxels(patch)? != out.len() {
        return Err(AugmentError::BufferSize {
            what: "the patch",
            len: out.len(),
            patch,
        });
    }
    region.copy(data, shape, out);
    Ok(())
}
