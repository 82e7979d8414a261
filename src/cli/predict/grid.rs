//! The voxels of what `predict` writes.

use crate::volume::{self, Affine, Datatype, Header, Volume, VolumeError};
use std::path::Path;

/// The grid of a case's label map, probabilities and picture.
pub(super) struct OutputGrid {
    /// Voxels on each axis.
    pub shape: [usize; 3],
    /// From voxels to the patient's RAS+ millimetres.
    pub affine: Affine,
    /// Volume of a voxel in mL.
    pub voxel_ml: f64,
    /// The input's header, where the voxels are the input's.
    header: Option<Header>,
}

impl OutputGrid {
    /// The voxels of an image as read from its file.
    pub(super) fn of_input(image: &Volume, header: Header) -> Self {
        OutputGrid {
            header: Some(header),
            ..Self::of_model(image)
        }
    }

    /// The network's voxels, those of a prepared image without its padding.
    pub(super) fn of_model(image: &Volume) -> Self {
        OutputGrid {
            shape: image.shape(),
            affine: *image.affine(),
            voxel_ml: image.voxel_ml(),
            header: None,
        }
    }

    /// Refuses a grid that no file can hold, before anything is computed on it.
    pub(super) fn check(&self) -> Result<(), VolumeError> {
        volume::check_shape(self.shape)
    }

    /// Whether the voxels are the input's.
    pub(super) fn is_input(&self) -> bool {
        self.header.is_some()
    }

    /// Writes values in C order; on the input's voxels the file says of them what the input said.
    pub(super) fn write(
        &self,
        path: &Path,
        values: Vec<f32>,
        datatype: Datatype,
    ) -> anyhow::Result<()> {
        let map = Volume::new(self.shape, values, self.affine)?;
        match &self.header {
            Some(header) => volume::write_like(path, header, &map, datatype)?,
            None => volume::write(path, &map, datatype)?,
        }
        Ok(())
    }
}
