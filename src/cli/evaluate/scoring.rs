//! Cases scored one after the other.

use crate::cli::model::Predictor;
use crate::cli::suits::other_scale;
use crate::cli::windows::Grid;
use crate::dataset::{Case, case_name, case_names, class_names};
use crate::metric::{CaseScore, LabelPair, SurfaceOptions, score};
use crate::report::scores::Evaluation;
use crate::train::Control;
use crate::transform::{Labelled, Prepared, check_labels};
use crate::volume::{self, Volume};
use anyhow::{Context, anyhow};
use indicatif::ProgressBar;
use std::path::{Path, PathBuf};

/// A label map with its reference on the same voxels.
struct Pair {
    prediction: Vec<u8>,
    reference: Vec<u8>,
    shape: [usize; 3],
    spacing: [f64; 3],
    voxel_ml: f64,
    at_right_angles: bool,
    other_scale: Option<String>,
}

impl Pair {
    /// Both on the voxels of a volume.
    fn new(prediction: Vec<u8>, reference: Vec<u8>, on: &Volume) -> Self {
        Pair {
            prediction,
            reference,
            shape: on.shape(),
            spacing: on.spacing(),
            voxel_ml: on.voxel_ml(),
            at_right_angles: on.at_right_angles(),
            other_scale: None,
        }
    }

    fn score(
        &self,
        name: &str,
        classes: usize,
        surfaces: SurfaceOptions,
    ) -> anyhow::Result<CaseScore> {
        let grid = LabelPair::new(&self.prediction, &self.reference, self.shape, self.spacing)?;
        let grid = grid.with_voxel_ml(self.voxel_ml);
        Ok(score(name, &grid, classes, Some(surfaces))?)
    }
}

/// The label map of an image in a folder: under the image's own name, or under the one that `predict` gives it.
pub(super) fn prediction(folder: &Path, image: &Path) -> anyhow::Result<PathBuf> {
    let own = folder.join(image.file_name().context("an image without a name")?);
    let ours = folder.join(format!("{}.nii.gz", case_name(&image.to_string_lossy())));
    Ok(if own.exists() || !ours.exists() {
        own
    } else {
        ours
    })
}

/// Scores all cases, or gives none when stopped between two of them. Classes are their number and their names, as
/// far as there are any.
pub(in crate::cli) fn evaluation(
    source: &Predictions<'_>,
    cases: &[Case],
    (classes, names): (usize, &[String]),
    surfaces: SurfaceOptions,
    control: &Control,
) -> anyhow::Result<Option<Evaluation>> {
    let scores = scored(source, cases, classes, surfaces, control, |_, error| {
        Err(error)
    })?;
    if scores.len() < cases.len() {
        return Ok(None);
    }
    let names = class_names(names, classes);
    let tolerance = Some(surfaces.tolerance_mm);
    Ok(Some(Evaluation::new(names, tolerance, scores)?))
}

/// Scores cases in their order until stopped. `failed` takes the name and the error of one that cannot be scored, and
/// tells whether the others are: an error of its own ends the work.
pub(super) fn scored(
    source: &Predictions<'_>,
    cases: &[Case],
    classes: usize,
    surfaces: SurfaceOptions,
    control: &Control,
    mut failed: impl FnMut(&str, anyhow::Error) -> anyhow::Result<()>,
) -> anyhow::Result<Vec<CaseScore>> {
    let bar = ProgressBar::new(cases.len() as u64).with_message("scoring");
    let mut scores = Vec::new();
    let (mut leaning, mut odd) = (false, false);
    for (case, name) in cases.iter().zip(case_names(cases)) {
        if control.stopped() {
            break;
        }
        let found = source.pair(case, classes, control).and_then(|pair| {
            if let Some(why) = &pair.other_scale
                && !std::mem::replace(&mut odd, true)
            {
                log::warn!("{why}, and those of any other such scan");
            }
            if !pair.at_right_angles && !std::mem::replace(&mut leaning, true) {
                log::warn!(
                    "the axes of {name}'s label map are not at right angles, as where a gantry was tilted: HD95 and \
                     surface Dice are off there, and on any other such case"
                );
            }
            pair.score(&name, classes, surfaces)
        });
        match found {
            Ok(found) => scores.push(found),
            Err(_) if control.stopped() => break,
            Err(error) => {
                let error = error.context(case.image.display().to_string());
                bar.suspend(|| failed(&name, error))?;
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(scores)
}

/// Where label maps come from.
pub(in crate::cli) enum Predictions<'a> {
    /// A network; the voxels that are compared.
    Network(Box<Predictor>, Grid),
    Folder(&'a Path),
}

impl Predictions<'_> {
    fn pair(&self, case: &Case, classes: usize, control: &Control) -> anyhow::Result<Pair> {
        let label = case.label.as_deref().context("the case has no label map")?;
        let label = volume::read(label)?;
        match self {
            Predictions::Folder(folder) => {
                let file = prediction(folder, &case.image)?;
                let found = check_labels(&label, &volume::read(&file)?, classes)
                    .map_err(|error| anyhow!("{}: {}", file.display(), error.of_prediction()))?;
                let reference = check_labels(&label, &label, classes)?;
                Ok(Pair::new(found, reference, &label))
            }
            Predictions::Network(predictor, grid) => {
                let image = volume::read_image(&case.image)?;
                volume::warn_of_doubts(&case.image, &image);
                let odd = other_scale(&case.image, &image.volume, &predictor.model.config);
                let pair = predicted(predictor, *grid, image.volume, &label, control)?;
                Ok(Pair {
                    other_scale: odd,
                    ..pair
                })
            }
        }
    }
}

/// The labels that a network gives an image, and those of its label map on the same voxels.
fn predicted(
    predictor: &Predictor,
    grid: Grid,
    image: Volume,
    label: &Volume,
    control: &Control,
) -> anyhow::Result<Pair> {
    let transform = predictor.model.config.transform();
    let labels =
        |prepared: &Prepared| predictor.labels(prepared, grid, None, |_, _| control.flow());
    match grid {
        Grid::Input => {
            let reference = check_labels(&image, label, transform.classes)?;
            let found = labels(&transform.image(image)?)?;
            Ok(Pair::new(found, reference, label))
        }
        Grid::Model => {
            let Labelled {
                image,
                label: reference,
                geometry,
            } = transform.labelled(image, label)?;
            let prepared = Prepared { image, geometry };
            Ok(Pair::new(labels(&prepared)?, reference, &prepared.image))
        }
    }
}
