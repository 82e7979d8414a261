//! `preview`: the views of a volume, without training; and the picture it shares with training.

use crate::augment::{RandomKey, Stage, Transform, views};
use crate::cli::args::{PreviewArgs, layered};
use crate::cli::data::{data_list, settle_intensity, warn_of_other_scale};
use crate::cli::output::say;
use crate::config::{IntensityMode, PretrainConfig};
use crate::dataset::phantom::{PhantomSpec, abdomen};
use crate::dataset::prepare_file;
use crate::platform;
use crate::report::ReportError;
use crate::report::image::RgbImage;
use crate::report::labels::labelled;
use crate::report::montage::{Display, Row, montage};
use crate::train::Picture;
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
    /// Whether the first axis of a slice runs to the patient's right, which is shown on the left.
    flip_horizontal: bool,
    /// Whether the second axis of a slice runs to the front, which is shown at the top.
    flip_vertical: bool,
}

impl PictureOrientation {
    /// Axes that run to the right, to the front and to the head.
    pub(super) const RAS: PictureOrientation = PictureOrientation {
        axis: 2,
        flip_horizontal: true,
        flip_vertical: true,
    };

    /// The orientation of a volume with this affine: the axis nearest to the patient's own is cut across.
    pub(super) fn of(affine: &Affine) -> Self {
        let share = |world: usize, axis: usize| affine[(world, axis)].abs();
        let axis = (0..3)
            .max_by(|a, b| share(2, *a).total_cmp(&share(2, *b)))
            .unwrap_or(2);
        let rest: Vec<usize> = (0..3).filter(|a| *a != axis).collect();
        let (first, second) = match rest[..] {
            [a, b] => (a, b),
            _ => (0, 1),
        };
        PictureOrientation {
            axis,
            flip_horizontal: affine[(0, first)] > 0.0,
            flip_vertical: affine[(1, second)] > 0.0,
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
    let display = Display {
        axis: orientation.axis,
        flip_horizontal: orientation.flip_horizontal,
        flip_vertical: orientation.flip_vertical,
        ..Display::axial_ras(COLUMNS)
    };
    labelled(&montage(&rows, *shape, &display)?, &[])
}

pub(super) fn run(args: &PreviewArgs, flags: &ArgMatches) -> anyhow::Result<ExitCode> {
    let (mut config, _): (PretrainConfig, _) = layered(&args.source, flags, None)?;
    let list = data_list(&config.data, false)?;
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
