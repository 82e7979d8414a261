//! `preview`: the views of a volume, without training; and the picture it shares with training.

use crate::augment::{RandomKey, Stage, Transform, views};
use crate::cli::args::PreviewArgs;
use crate::cli::data::{data_list, settle_intensity, warn_of_other_scale};
use crate::cli::output::{Inputs, say};
use crate::cli::settings::layered;
use crate::config::{IntensityMode, PretrainConfig};
use crate::dataset::phantom::{PhantomSpec, abdomen};
use crate::dataset::prepare_file;
use crate::platform;
use crate::report::ReportError;
use crate::report::image::RgbImage;
use crate::report::labels::labelled;
use crate::report::montage::{Display, Row, montage};
use crate::train::Picture;
use crate::transform::ras_axes;
use crate::volume::Affine;
use clap::ArgMatches;
use std::process::ExitCode;

/// Slices in a row of the picture.
const COLUMNS: usize = 6;

/// How stored axes lie in the patient, as far as axial pictures need to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PictureOrientation {
    /// The stored axis that runs from foot to head or back, which axial slices are cut across.
    axis: usize,
    /// Whether the axis between front and back is stored before the one between left and right.
    transpose: bool,
    /// Whether the latter runs to the patient's right, which is shown on the left.
    flip_horizontal: bool,
    /// Whether the former runs to the front, which is shown at the top.
    flip_vertical: bool,
}

impl PictureOrientation {
    /// Axes that run to the right, to the front and to the head.
    pub(super) const RAS: PictureOrientation = PictureOrientation {
        axis: 2,
        transpose: false,
        flip_horizontal: true,
        flip_vertical: true,
    };

    /// The orientation of a volume with this affine. Every stored axis counts as the patient's axis that it comes closest
    /// to, so slices are axial whichever way the volume is stored.
    pub(super) fn of(affine: &Affine) -> Self {
        // No volume without depth is ever read.
        let Ok([right, front, head]) = ras_axes(affine) else {
            return Self::RAS;
        };
        PictureOrientation {
            axis: head.input,
            transpose: front.input < right.input,
            flip_horizontal: !right.flipped,
            flip_vertical: !front.flipped,
        }
    }

    fn display(self) -> Display {
        Display {
            axis: self.axis,
            transpose: self.transpose,
            flip_horizontal: self.flip_horizontal,
            flip_vertical: self.flip_vertical,
            ..Display::axial_ras(COLUMNS)
        }
    }
}

/// Rows: original, view 1, view 2 and, where there is one, the reconstruction; or image, reference and prediction.
pub(super) fn picture_of(
    picture: &Picture,
    orientation: PictureOrientation,
) -> Result<RgbImage, ReportError> {
    let rows: Vec<Row<'_>> = match picture {
        Picture::Reconstruction {
            original,
            view1,
            view2,
            reconstruction,
            ..
        } => {
            let mut rows = vec![
                ("original", original.as_slice()).into(),
                ("view 1", view1.as_slice()).into(),
                ("view 2", view2.as_slice()).into(),
            ];
            if !reconstruction.is_empty() {
                rows.push(("reconstruction", reconstruction.as_slice()).into());
            }
            rows
        }
        Picture::Segmentation {
            image,
            labels,
            prediction,
            ..
        } => {
            let overlaid = |name, labels| Row {
                name,
                values: image,
                labels: Some(labels),
            };
            let mut rows = vec![("image", image.as_slice()).into()];
            if !labels.is_empty() {
                rows.push(overlaid("reference", labels));
            }
            rows.push(overlaid("prediction", prediction));
            rows
        }
    };
    let (Picture::Reconstruction { shape, .. } | Picture::Segmentation { shape, .. }) = picture;
    labelled(&montage(&rows, *shape, &orientation.display())?, &[])
}

pub(super) fn run(args: &PreviewArgs, flags: &ArgMatches) -> anyhow::Result<ExitCode> {
    let (mut config, _): (PretrainConfig, _) = layered(&args.source, flags, None)?;
    let list = data_list(&config.data, false)?;
    let mut inputs = Inputs::default();
    inputs.add(&args.input);
    inputs.add(&args.source.config);
    if let (Some(file), Some(list)) = (&config.data.datalist, &list) {
        inputs.add_list(file, list);
    }
    inputs.spare(&args.out)?;
    if let (Some(image), IntensityMode::Auto, None) =
        (&args.input, config.sampling.intensity, &list)
    {
        warn_of_other_scale(image)?;
    }
    settle_intensity(&mut config.sampling.intensity, list.as_ref())?;
    let first = list.as_ref().and_then(|list| list.training.first());
    let input = args.input.as_ref().or(first.map(|case| &case.image));
    let (name, prepared) = match input {
        Some(path) => (
            path.display().to_string(),
            prepare_file(path, &config.transform())?,
        ),
        None => {
            let phantom = abdomen(config.run.seed, &PhantomSpec::quickstart())?;
            (
                "phantom".to_owned(),
                config.transform().apply(&phantom.image)?,
            )
        }
    };
    let key = RandomKey {
        seed: config.run.seed,
        stage: Stage::Pretraining,
        epoch: 0,
        step: 0,
        sample: 0,
        transform: Transform::Crop,
    };
    let roi = config.sampling.roi_size;
    let drawn = views(&prepared, roi, &config.corruption(), key)?;
    let picture = Picture::Reconstruction {
        shape: roi,
        original: drawn.target,
        view1: drawn.view1,
        view2: drawn.view2,
        reconstruction: Vec::new(),
    };
    let image = picture_of(&picture, PictureOrientation::of(prepared.affine()))?;
    platform::write_atomic(&args.out, &image.encode_png()?)?;
    let [a, b, c] = prepared.shape();
    say(&format!(
        "{name}: {a} x {b} x {c} voxels after resampling and cropping to the foreground"
    ));
    say(&format!("wrote {}", args.out.display()));
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::montage::{Slices, Zoom};
    use crate::transform::AXIS_ORDERS;

    /// Voxels to the patient's right, to the front and to the head, and one of them.
    const SIZES: [usize; 3] = [6, 8, 10];
    const BRIGHT: [usize; 3] = [1, 6, 3];

    /// Checks where a bright voxel is shown. Stored axis `n` runs along axis `order[n]` of the patient, backwards where
    /// bit `n` is set, and the patient is turned.
    fn check(order: [usize; 3], backwards: usize, turn: &Affine) {
        let shape = order.map(|world| SIZES[world]);
        let mut affine = Affine::zeros();
        affine[(3, 3)] = 1.0;
        let mut at = [0; 3];
        for (axis, world) in order.into_iter().enumerate() {
            let step = [0.7, 0.9, 3.0][axis];
            (at[axis], affine[(world, axis)]) = match backwards >> axis & 1 {
                1 => (SIZES[world] - 1 - BRIGHT[world], -step),
                _ => (BRIGHT[world], step),
            };
        }
        let mut values = vec![0.0_f32; shape.iter().product()];
        values[(at[0] * shape[1] + at[1]) * shape[2] + at[2]] = 1.0;
        let orientation = PictureOrientation::of(&(turn * affine));
        let display = Display {
            slices: Slices::At(vec![at[orientation.axis]]),
            cell: 1,
            zoom: Zoom::Nearest,
            ..orientation.display()
        };
        let shown = montage(&[("v", values.as_slice()).into()], shape, &display);
        let image = shown.unwrap().image;
        let stored = format!("{order:?} {backwards:03b}");
        // Left and right across, the right on the left; the front at the top.
        assert_eq!((image.width(), image.height()), (6, 8), "{stored}");
        assert_eq!(image.get(4, 1), Some([255; 3]), "{stored}");
    }

    #[test]
    fn slices_are_axial_and_radiological_however_a_volume_is_stored() {
        let oblique = Affine::new_rotation(nalgebra::Vector3::new(0.2, -0.15, 0.35));
        for turn in [Affine::identity(), oblique] {
            for order in AXIS_ORDERS {
                (0..8).for_each(|backwards| check(order, backwards, &turn));
            }
        }
    }

    #[test]
    fn a_sagittally_stored_volume_has_its_in_plane_axes_exchanged() {
        // To the back, to the feet, to the left.
        let affine = Affine::new(
            0.0, 0.0, -3.0, 90.0, -0.8, 0.0, 0.0, 120.0, 0.0, -0.8, 0.0, 60.0, 0.0, 0.0, 0.0, 1.0,
        );
        let expected = PictureOrientation {
            axis: 1,
            transpose: true,
            flip_horizontal: false,
            flip_vertical: false,
        };
        assert_eq!(PictureOrientation::of(&affine), expected);
    }
}
