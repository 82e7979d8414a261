//! Cases scored one after the other.

use crate::cli::counting::Counting;
use crate::cli::model::Predictor;
use crate::cli::suits::other_scale;
use crate::cli::windows::Grid;
use crate::dataset::{Case, case_name, case_names, without_channel};
use crate::metric::{CaseScore, LabelPair, SurfaceOptions, score};
use crate::train::Control;
use crate::transform::{LabelError, Labelled, Prepared, TransformError, check_labels, crop};
use crate::volume::{self, Volume};
use anyhow::{Context, anyhow};
use std::collections::HashMap;
use std::ops::ControlFlow;
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

/// The label maps of cases, by their images.
pub(super) type PredictionFiles<'a> = HashMap<&'a Path, PathBuf>;

/// The label map of an image in a folder, where `predict` calls it `name` (see [`prediction_names`]): under the image's
/// own name, or under the one that `predict` or nnU-Net gives it.
///
/// [`prediction_names`]: crate::dataset::prediction_names
pub(super) fn prediction(folder: &Path, image: &Path, name: &Path) -> anyhow::Result<PathBuf> {
    let own = image.file_name().context("an image without a name")?;
    let predicted = folder.join(name);
    let own = predicted.with_file_name(own);
    if own.exists() {
        return Ok(own);
    }
    let text = image.to_string_lossy();
    let case = case_name(&text);
    let at = |name: &str, ending: &str| predicted.with_file_name(format!("{name}{ending}"));
    let mut others = vec![predicted.clone()];
    if let Some(name) = without_channel(case) {
        others.extend([at(name, ".nii.gz"), at(name, ".nii")]);
    }
    Ok(others.into_iter().find(|file| file.exists()).unwrap_or(own))
}

/// Scores one case after the other, and warns once of what is odd about any.
pub(in crate::cli) struct Scorer<'a> {
    source: &'a Predictions<'a>,
    classes: usize,
    surfaces: SurfaceOptions,
    control: &'a Control,
    /// Whether it has told of axes that lean, and of another scale.
    leaning: bool,
    odd: bool,
}

impl<'a> Scorer<'a> {
    pub(in crate::cli) fn new(
        source: &'a Predictions<'a>,
        classes: usize,
        surfaces: SurfaceOptions,
        control: &'a Control,
    ) -> Self {
        Scorer {
            source,
            classes,
            surfaces,
            control,
            leaning: false,
            odd: false,
        }
    }

    /// The scores of a case called `name`.
    pub(in crate::cli) fn score(&mut self, case: &Case, name: &str) -> anyhow::Result<CaseScore> {
        let pair = self.source.pair(case, self.classes, self.control)?;
        if let Some(why) = &pair.other_scale
            && !std::mem::replace(&mut self.odd, true)
        {
            log::warn!("{why}, and those of any other such scan");
        }
        if !pair.at_right_angles && !std::mem::replace(&mut self.leaning, true) {
            log::warn!(
                "the axes of {name}'s label map are not at right angles, as where a gantry was tilted: HD95 and surface \
                 Dice are off there, and on any other such case"
            );
        }
        pair.score(name, self.classes, self.surfaces)
    }
}

/// Scores cases in their order until stopped. `score` takes a case and its name. `failed` takes the name and the error
/// of one that cannot be scored, and tells whether the others are: an error of its own ends the work, and so does a
/// break, with the scores there are.
pub(in crate::cli) fn scored(
    cases: &[Case],
    control: &Control,
    mut score: impl FnMut(&Case, &str) -> anyhow::Result<CaseScore>,
    mut failed: impl FnMut(&str, anyhow::Error) -> anyhow::Result<ControlFlow<()>>,
) -> anyhow::Result<Vec<CaseScore>> {
    let bar = Counting::new("scoring", cases.len());
    let mut scores = Vec::new();
    for (case, name) in cases.iter().zip(case_names(cases)) {
        if control.stopped() {
            break;
        }
        match score(case, &name) {
            Ok(found) => scores.push(found),
            Err(_) if control.stopped() => break,
            Err(error) => {
                let error = error.context(case.image.display().to_string());
                if failed(&name, error)?.is_break() {
                    break;
                }
            }
        }
        bar.one_more();
    }
    Ok(scores)
}

/// Where label maps come from.
pub(in crate::cli) enum Predictions<'a> {
    /// A network; the voxels that are compared.
    Network(Box<Predictor>, Grid),
    Files(PredictionFiles<'a>),
}

impl Predictions<'_> {
    fn pair(&self, case: &Case, classes: usize, control: &Control) -> anyhow::Result<Pair> {
        let file = case.label.as_deref().context("the case has no label map")?;
        let label = volume::read(file)?;
        match self {
            Predictions::Files(files) => {
                let made = files.get(case.image.as_path());
                let made = made.context("the case has no prediction")?;
                let found = check_labels(&label, &volume::read(made)?, classes)
                    .map_err(|error| anyhow!("{}: {}", made.display(), error.of_prediction()))?;
                let reference = check_labels(&label, &label, classes)
                    .map_err(|error| in_label_map(file, &error))?;
                Ok(Pair::new(found, reference, &label))
            }
            Predictions::Network(predictor, grid) => {
                let image = volume::read_image(&case.image)?;
                volume::warn_of_doubts(&case.image, &image);
                let odd = other_scale(&case.image, &image.volume, &predictor.model);
                let pair = predicted(predictor, *grid, image.volume, (file, &label), control)?;
                Ok(Pair {
                    other_scale: odd,
                    ..pair
                })
            }
        }
    }
}

/// The error of a label map that cannot be used with its image, with its file.
fn in_label_map(file: &Path, error: &LabelError) -> anyhow::Error {
    anyhow!("{}: {error}", file.display())
}

/// The labels that a network gives an image, and those of its label map, which has a file, on the same voxels.
fn predicted(
    predictor: &Predictor,
    grid: Grid,
    image: Volume,
    (file, label): (&Path, &Volume),
    control: &Control,
) -> anyhow::Result<Pair> {
    let transform = predictor.model.config.transform();
    let labels =
        |prepared: &Prepared| predictor.labels(prepared, grid, None, |_, _| control.flow());
    match grid {
        Grid::Input => {
            let reference = check_labels(&image, label, transform.classes)
                .map_err(|error| in_label_map(file, &error))?;
            let found = labels(&transform.image(image)?)?;
            Ok(Pair::new(found, reference, label))
        }
        Grid::Model => {
            let Labelled {
                image,
                label: reference,
                geometry,
            } = transform
                .labelled(image, label)
                .map_err(|error| match error {
                    TransformError::Label(error) => in_label_map(file, &error),
                    other => other.into(),
                })?;
            let prepared = Prepared { image, geometry };
            let found = geometry.without_padding(&labels(&prepared)?)?;
            let reference = geometry.without_padding(&reference)?;
            let scanned = crop(&prepared.image, geometry.inside)?;
            Ok(Pair::new(found, reference, &scanned))
        }
    }
}
