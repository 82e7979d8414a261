//! Volumes: voxels with their place in the scanner's world, read from and written to NIfTI.
//!
//! Written against the NIfTI-1.1 and NIfTI-2 headers (`nifti1.h`, `nifti2.h`) and, where the standard
//! leaves room, against what nibabel and MONAI do (specification 2.1), because the pipeline has to see the
//! same voxels and the same geometry as the original recipe.
//!
//! Nothing here trusts a header: sizes are multiplied with overflow checks, and memory is only taken for
//! bytes that arrived. Beside a few hundred kilobytes to work in, reading holds at most four times the
//! uncompressed bytes at once (`tests/allocation.rs`).

mod affine;
mod axes;
mod datatype;
mod doubts;
mod error;
mod gunzip;
mod header;
mod labels;
mod layout;
mod mark;
#[cfg(not(target_family = "wasm"))]
mod native;
mod nifti;
mod outliers;
mod region;
mod signature;
mod version;
mod voxels;
mod write;

pub(crate) use axes::reverse_axes;
pub use datatype::Datatype;
pub use doubts::{rounded, warn_of, warn_of_doubts};
pub use error::VolumeError;
pub use header::{Header, Scaling};
pub use labels::looks_like_labels;
#[cfg(not(target_family = "wasm"))]
pub use native::{
    Probe, check_name, files_of, made_here, probe, read, read_image, write, write_like,
};
pub use nifti::{NiftiImage, read_nifti, read_nifti_pair};
pub use outliers::Outliers;
pub use region::Region;
pub use signature::{DICOM_BYTES, is_dicom};
pub use version::Version;
pub use write::{check_shape, encode_nifti, encode_nifti_like};

use std::sync::OnceLock;

/// Maps a voxel index `(i, j, k, 1)` to millimetres in the RAS+ world.
pub type Affine = nalgebra::Matrix4<f64>;

/// A 3D image: voxels in C order (`data[(i * n1 + j) * n2 + k]`) and their affine.
///
/// The axes `i`, `j`, `k` are the axes of the NIfTI file, in its order.
#[derive(Debug, Clone)]
pub struct Volume {
    shape: [usize; 3],
    data: Vec<f32>,
    affine: Affine,
    /// Looked for when first asked for.
    outliers: OnceLock<Option<Outliers>>,
}

impl PartialEq for Volume {
    fn eq(&self, other: &Self) -> bool {
        self.shape == other.shape && self.data == other.data && self.affine == other.affine
    }
}

impl Volume {
    /// A volume of `shape` voxels.
    ///
    /// # Errors
    /// [`VolumeError::Shape`] if `data` does not hold exactly one value per voxel.
    pub fn new(shape: [usize; 3], data: Vec<f32>, affine: Affine) -> Result<Self, VolumeError> {
        let voxels = (shape[0].checked_mul(shape[1])).and_then(|n| n.checked_mul(shape[2]));
        if voxels == Some(data.len()) {
            Ok(Self {
                shape,
                data,
                affine,
                outliers: OnceLock::new(),
            })
        } else {
            Err(VolumeError::Shape {
                shape,
                values: data.len(),
            })
        }
    }

    /// Number of voxels along each axis.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// The voxels, C order.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// Values farther from 0 than this cannot be meant: the farthest of the others where there are [`Outliers`], else
    /// `f32::MAX`; in the units of the voxels. Infinity lies beyond.
    pub fn reach(&self) -> f32 {
        self.outliers().map_or(f32::MAX, |found| found.others)
    }

    fn outliers(&self) -> Option<Outliers> {
        *self.outliers.get_or_init(|| Outliers::of(&self.data))
    }

    /// The lowest of the values that can be meant, where there is one.
    pub fn lowest(&self) -> Option<f32> {
        let reach = self.reach();
        let meant = self.data.iter().copied().filter(|v| v.abs() <= reach);
        meant.reduce(f32::min)
    }

    /// The voxels, C order, to change in place.
    pub fn data_mut(&mut self) -> &mut [f32] {
        self.outliers = OnceLock::new();
        &mut self.data
    }

    /// Index to world, millimetres, RAS+.
    pub fn affine(&self) -> &Affine {
        &self.affine
    }

    /// The voxels alone.
    pub fn into_data(self) -> Vec<f32> {
        self.data
    }

    /// Distance between neighbouring voxels along each axis, mm: the column norms of the affine.
    pub fn spacing(&self) -> [f64; 3] {
        affine::spacing(&self.affine)
    }

    /// Volume of a voxel, mL, also where the axes are not at right angles (a tilted gantry).
    pub fn voxel_ml(&self) -> f64 {
        affine::voxel(&self.affine) / 1000.0
    }

    /// Whether the axes are at right angles to each other: not where a gantry was tilted.
    pub fn at_right_angles(&self) -> bool {
        affine::at_right_angles(&self.affine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_holds_one_value_per_voxel() {
        let affine = Affine::identity();
        assert!(Volume::new([2, 3, 4], vec![0.0; 24], affine).is_ok());
        let error = Volume::new([2, 3, 4], vec![0.0; 23], affine).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a volume of 2x3x4 voxels needs 24 values and got 23"
        );
        assert!(Volume::new([usize::MAX, 2, 1], Vec::new(), affine).is_err());
    }

    #[test]
    fn the_lowest_value_is_one_that_can_be_meant() {
        let lowest = |data: Vec<f32>| {
            let volume = Volume::new([data.len(), 1, 1], data, Affine::identity());
            volume.unwrap().lowest()
        };
        let odd = [f32::NAN, f32::NEG_INFINITY];
        assert_eq!(lowest([&odd[..], &[3.0, -2.0]].concat()), Some(-2.0));
        assert_eq!(lowest(odd.to_vec()), None);
        // A box of an absurd value around a scan.
        let scan: Vec<f32> = (0..1000).map(|n| n as f32).collect();
        assert_eq!(lowest([&scan[..], &[-3.4e38; 500]].concat()), Some(0.0));
        assert_eq!(lowest(vec![-3.4e38; 4]), None);
    }

    #[test]
    fn values_that_can_be_meant_are_those_of_the_voxels_as_they_are_now() {
        let mut data = vec![1.0; 500];
        data[0] = 3e38;
        let mut volume = Volume::new([500, 1, 1], data, Affine::identity()).unwrap();
        let unseen = volume.clone();
        assert_eq!(volume.reach(), 1.0);
        assert_eq!(volume, unseen, "looking changes nothing");
        volume.data_mut()[0] = 2.0;
        assert_eq!(volume.reach(), f32::MAX);
        assert_ne!(volume, unseen);
    }

    #[test]
    fn spacing_is_the_column_norms() {
        let affine = Affine::new(
            0.0, -2.0, 0.0, 9.0, 3.0, 0.0, 0.0, 9.0, 0.0, 0.0, 5.0, 9.0, 0.0, 0.0, 0.0, 1.0,
        );
        let volume = Volume::new([0, 0, 0], Vec::new(), affine).unwrap();
        assert_eq!(volume.spacing(), [3.0, 2.0, 5.0]);
        assert!((volume.voxel_ml() - 0.03).abs() < 1e-15);
    }

    #[test]
    fn a_tilted_gantry_makes_voxels_smaller_than_their_edges() {
        // Slices 5 mm apart along an axis that leans by 3 in 4.
        let affine = Affine::new(
            1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 3.0, 0.0, 0.0, 0.0, 4.0, 0.0, 0.0, 0.0, 0.0, 1.0,
        );
        let volume = Volume::new([0, 0, 0], Vec::new(), affine).unwrap();
        assert_eq!(volume.spacing(), [1.0, 1.0, 5.0]);
        assert!((volume.voxel_ml() - 0.004).abs() < 1e-15);
    }

    #[test]
    fn axes_are_at_right_angles_unless_one_leans() {
        let right = |affine| {
            let volume = Volume::new([0, 0, 0], Vec::new(), affine).unwrap();
            volume.at_right_angles()
        };
        // Turned about the third axis, which points down, with other voxel sizes and what a header rounds.
        let turned = Affine::new(
            1.2, -0.8, 1e-6, 9.0, 1.6, 0.6, 0.0, 9.0, 0.0, 0.0, -5.0, 9.0, 0.0, 0.0, 0.0, 1.0,
        );
        assert!(right(Affine::identity()) && right(turned));
        for (row, column) in [(0, 1), (0, 2), (1, 2), (2, 0)] {
            let mut leaning = Affine::identity();
            leaning[(row, column)] = 0.01;
            assert!(!right(leaning), "{row} {column}");
        }
    }
}
