//! What is doubtful about an image that could be read.

use std::path::Path;

use super::NiftiImage;

impl NiftiImage {
    /// What its user may not know, a sentence each, to follow the file's name.
    pub fn doubts(&self) -> Vec<String> {
        [self.not_finite()].into_iter().flatten().collect()
    }

    fn not_finite(&self) -> Option<String> {
        let data = self.volume.data();
        let count = data.iter().filter(|value| !value.is_finite()).count();
        (count > 0).then(|| {
            format!(
                "{count} of its {} voxels are no finite numbers, or larger than 32 bits hold; check how it was exported",
                data.len()
            )
        })
    }
}

/// Says in a warning each what is doubtful about an image from a file.
pub fn warn_of_doubts(file: &Path, image: &NiftiImage) {
    for doubt in image.doubts() {
        log::warn!("{}: {doubt}", file.display());
    }
}

#[cfg(test)]
mod tests {
    use crate::volume::{Affine, Datatype, Volume, encode_nifti, read_nifti};

    fn doubts(data: Vec<f32>) -> Vec<String> {
        let volume = Volume::new([data.len(), 1, 1], data, Affine::identity()).unwrap();
        let bytes = encode_nifti(&volume, Datatype::F64, false).unwrap();
        read_nifti(&bytes, "a.nii").unwrap().doubts()
    }

    #[test]
    fn voxels_that_are_not_finite_are_counted() {
        let found = doubts(vec![1.0, f32::NAN, -3e38, f32::INFINITY, 0.0]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("2 of its 5 voxels"), "{found:?}");
        assert!(doubts(vec![1.0, 2.0, -3e38]).is_empty());
    }

    #[test]
    fn numbers_beyond_32_bits_are_counted() {
        let volume = Volume::new([2, 1, 1], vec![1.0, 2.0], Affine::identity()).unwrap();
        let mut bytes = encode_nifti(&volume, Datatype::F64, false).unwrap();
        bytes[352..360].copy_from_slice(&1e200_f64.to_le_bytes());
        let found = read_nifti(&bytes, "a.nii").unwrap().doubts();
        assert!(found[0].starts_with("1 of its 2 voxels"), "{found:?}");
    }
}
