//! What a validation shows.

use crate::volume::Affine;

/// A case to look at, on the host in C order.
#[derive(Debug, Clone, PartialEq)]
pub enum Picture {
    /// A crop with its views and its reconstruction.
    Reconstruction {
        /// Voxels on each axis.
        shape: [usize; 3],
        /// The affine of the volume that the crop is cut from: how its axes lie in the patient, not where it lies.
        affine: Affine,
        /// The clean crop.
        original: Vec<f32>,
        /// First view.
        view1: Vec<f32>,
        /// Second view.
        view2: Vec<f32>,
        /// Reconstruction of the first view.
        reconstruction: Vec<f32>,
    },
    /// A volume with its labels and what the network makes of it.
    Segmentation {
        /// What the case is called.
        name: String,
        /// Voxels on each axis.
        shape: [usize; 3],
        /// From voxels to the patient's RAS+ millimetres.
        affine: Affine,
        /// Intensities as the network sees them.
        image: Vec<f32>,
        /// The reference; empty where there is none.
        labels: Vec<u8>,
        /// The network's labels.
        prediction: Vec<u8>,
    },
}
