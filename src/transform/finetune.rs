//! The deterministic part of fine-tuning and prediction (specification 4, steps 3 to 6):
//! orientation, spacing, intensity, foreground crop, and padding where the original fails.

use super::focus::Focus;
use super::grid::{check_spacing, shifted};
use super::labels::check_labels;
use super::orientation::Turn;
use super::pad::{padded, padding};
use super::{Geometry, Intensity, IntensityWindow, Space, TransformError};
use crate::volume::Volume;
use serde::{Deserialize, Serialize};

/// Which of the two geometric transforms comes first. It matters where the storage order permutes
/// the axes: the spacing belongs to the axes of the volume it is applied to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum GeometryOrder {
    /// The spacing of the axes right, front, head: the original since February 2022.
    #[default]
    OrientationFirst,
    /// The spacing of the file's axes: the original of 2021.
    SpacingFirst,
}

impl GeometryOrder {
    /// Whether it is what is meant where nothing is said.
    pub fn is_default(&self) -> bool {
        *self == GeometryOrder::default()
    }
}

/// Orientation to RAS, spacing, intensity, foreground crop and padding, with the parameters of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FinetuneTransform {
    /// Which comes first, orientation or spacing.
    pub order: GeometryOrder,
    /// Voxel size in millimetres.
    pub spacing: [f64; 3],
    /// How input values become the network's.
    pub intensity: Intensity,
    /// Smallest shape of the result, in voxels: shorter axes are padded with zeros.
    pub patch: [usize; 3],
    /// Number of classes, the background included; labels lie below it.
    pub classes: usize,
}

impl Default for FinetuneTransform {
    /// The original recipe, for the 13 organs of BTCV.
    fn default() -> Self {
        Self {
            order: GeometryOrder::default(),
            spacing: [1.5, 1.5, 2.0],
            intensity: Intensity::Range(IntensityWindow {
                min: -175.0,
                max: 250.0,
            }),
            patch: [96; 3],
            classes: 14,
        }
    }
}

/// An image ready for the network.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    /// The image.
    pub image: Volume,
    /// The way back.
    pub geometry: Geometry,
}

/// An image ready for the network, with its labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Labelled {
    /// The image.
    pub image: Volume,
    /// One label a voxel of the image, in C order; 0 in the padding.
    pub label: Vec<u8>,
    /// The way back.
    pub geometry: Geometry,
}

impl FinetuneTransform {
    /// Checks the parameters, before any volume is read.
    ///
    /// # Errors
    /// [`TransformError::InvalidSpacing`] or [`TransformError::InvalidWindow`].
    pub fn validate(&self) -> Result<(), TransformError> {
        check_spacing(self.spacing)?;
        self.intensity.validate()
    }

    /// Prepares an image as read from its file.
    ///
    /// # Errors
    /// [`TransformError::NoForeground`] or [`TransformError::Blank`] when there is no foreground,
    /// and the errors of the single transforms.
    pub fn image(&self, image: Volume) -> Result<Prepared, TransformError> {
        let Labelled {
            image, geometry, ..
        } = self.prepare(image, None)?;
        Ok(Prepared { image, geometry })
    }

    /// Prepares an image and its label map, both as read from their files. The labels are those of
    /// the nearest voxels, on the grid of the prepared image.
    ///
    /// # Errors
    /// As [`image`](Self::image), and [`TransformError::Label`] when the label map does not fit.
    pub fn labelled(&self, image: Volume, label: &Volume) -> Result<Labelled, TransformError> {
        let label = check_labels(&image, label, self.classes)?;
        self.prepare(image, Some(label))
    }

    /// Without labels the result has none.
    fn prepare(&self, image: Volume, label: Option<Vec<u8>>) -> Result<Labelled, TransformError> {
        self.validate()?;
        let input = Space::of(&image);
        let (image, label) = match self.order {
            GeometryOrder::OrientationFirst => turned(image, label)?,
            GeometryOrder::SpacingFirst => (image, label),
        };
        let focus = Focus::on(&image, self.spacing, &self.intensity)?;
        let label = label
            .map(|label| focus.labels(&label, image.shape()))
            .transpose()?;
        drop(image);

        let mut resampled = Space {
            shape: focus.shape,
            affine: focus.affine,
        };
        let (mut image, mut label, mut crop) = (focus.volume, label, focus.region);
        if self.order == GeometryOrder::SpacingFirst {
            // A crop and a turn may change places: the box turns with the voxels.
            let turn = Turn::to_ras(&resampled.affine)?;
            let shape = resampled.shape;
            label = label
                .map(|label| turn.data(label, image.shape()))
                .transpose()?;
            image = turn.volume(image)?;
            crop = turn.region(shape, crop);
            resampled = Space {
                shape: turn.shape(shape),
                affine: turn.affine(&resampled.affine, shape),
            };
        }

        let (shape, inside) = padding(image.shape(), self.patch);
        let affine = shifted(image.affine(), inside.start.map(|s| -(s as f64)));
        let label = label
            .map(|label| padded(label, shape, inside))
            .transpose()?;
        let data = padded(image.into_data(), shape, inside)?;
        Ok(Labelled {
            image: Volume::new(shape, data, affine)?,
            label: label.unwrap_or_default(),
            geometry: Geometry {
                input,
                resampled,
                crop,
                inside,
                prepared: Space { shape, affine },
            },
        })
    }
}

/// Image and labels in RAS+ storage order.
fn turned(
    image: Volume,
    label: Option<Vec<u8>>,
) -> Result<(Volume, Option<Vec<u8>>), TransformError> {
    let turn = Turn::to_ras(image.affine())?;
    let label = label
        .map(|label| turn.data(label, image.shape()))
        .transpose()?;
    Ok((turn.volume(image)?, label))
}
