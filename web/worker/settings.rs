//! Settings of a run: those of the network at hand, the page's own length, what the data suggests, then the user's.

mod doubts;
mod notices;

use crate::cases::Cases;
use crate::names::{Kind, told};
use crate::protocol::{Start, TrainRequest};
pub(crate) use doubts::list_doubts;
use hounsfield::config::{
    DataConfig, FinetuneConfig, IntensityMode, Preset, PretrainConfig, RunConfig, SettingsError,
    StageConfig,
};
use hounsfield::dataset::phantom::RunSeeds;
use hounsfield::dataset::{Case, DataList, LIST_FILE};
pub(crate) use notices::{notices, steps_per_epoch, warmup_notice};
use std::iter::repeat_n;
use std::path::{Path, PathBuf};

/// Minutes between autosaves.
pub(crate) const AUTOSAVE: f64 = 0.5;

/// The page's own length of a run.
fn length() -> RunConfig {
    RunConfig {
        epochs: None,
        max_steps: Some(200),
        validation_steps: 25,
        checkpoint_minutes: AUTOSAVE,
        ..RunConfig::default()
    }
}

/// Settings of fine-tuning; `modality` is what a list says made the images, where one has them all.
pub(crate) fn finetuning(
    request: &TrainRequest,
    cases: &Cases,
    model: Option<&FinetuneConfig>,
    modality: Option<&str>,
) -> Result<FinetuneConfig, SettingsError> {
    let preset: FinetuneConfig = Preset::Quickstart.settings()?;
    let mut config = model.cloned().unwrap_or_else(|| preset.clone());
    config.start = preset.start;
    config.optimizer = preset.optimizer;
    config.optimizer.warmup_steps = 10;
    config.run = length();
    config.inference.skip_air = true;
    config.decoder.classes = Some(classes(request, cases));
    let (spacing, window) = (config.crops.spacing, config.crops.roi_size);
    let suggested = Suggested::of(request, cases, modality, spacing, window);
    config.crops.intensity = (learned(request, model))
        .filter(|mode| *mode != IntensityMode::Range || may_be_ct(request, cases, modality))
        .unwrap_or(suggested.intensity);
    config.crops.spacing = suggested.spacing;
    settled(config, request, cases)
}

/// How the network that a request starts from scales intensities: with another scale it sees other values than those it
/// learned from.
fn learned(request: &TrainRequest, model: Option<&FinetuneConfig>) -> Option<IntensityMode> {
    let start = model.filter(|_| request.start != Start::Scratch)?;
    Some(start.crops.intensity).filter(|mode| *mode != IntensityMode::Auto)
}

/// Settings of pre-training the encoder of such a network.
pub(crate) fn pretraining(
    request: &TrainRequest,
    cases: &Cases,
    model: Option<&FinetuneConfig>,
    modality: Option<&str>,
) -> Result<PretrainConfig, SettingsError> {
    let mut config: PretrainConfig = Preset::Quickstart.settings()?;
    if let Some(model) = model {
        config.network = model.network.clone();
        config.decoder.feature_size = model.decoder.feature_size;
        config.sampling = config.sampling.with_input_of(&model.crops);
    }
    config.optimizer.warmup_steps = 10;
    config.run = length();
    let sampling = &mut config.sampling;
    let (spacing, window) = (sampling.spacing, sampling.roi_size);
    let suggested = Suggested::of(request, cases, modality, spacing, window);
    sampling.intensity = suggested.intensity;
    sampling.spacing = suggested.spacing;
    settled(config, request, cases)
}

/// What the user changed over what was proposed, and the cases.
fn settled<C: StageConfig>(
    mut config: C,
    request: &TrainRequest,
    cases: &Cases,
) -> Result<C, SettingsError> {
    for text in &request.settings {
        config = config.overlaid(text, "the settings")?;
    }
    *config.data_mut() = data(request, cases, config.run().seed);
    Ok(config)
}

fn classes(request: &TrainRequest, cases: &Cases) -> usize {
    cases.classes(&request.images()).max(request.classes.len())
}

/// The phantoms that the native program makes for a seed are told by their number; other cases by a list.
fn data(request: &TrainRequest, cases: &Cases, seed: u64) -> DataConfig {
    let are = |list: &[usize], seeds: &[u64]| {
        let found = list.iter().map(|index| cases.phantom(*index));
        found.eq(seeds.iter().copied().map(Some))
    };
    let seeds = RunSeeds::of(seed, request.training.len());
    let made =
        are(&request.training, &seeds.training) && are(&request.validation, &seeds.validation);
    DataConfig {
        datalist: (!made).then(|| PathBuf::from(LIST_FILE)),
        phantoms: request.training.len(),
        ..DataConfig::default()
    }
}

/// What the images suggest.
struct Suggested {
    intensity: IntensityMode,
    spacing: [f64; 3],
}

impl Suggested {
    /// The given voxel size, unless images would fill less than half a window on two axes: then their own. A fixed
    /// range of intensities for CT, else one that each volume sets.
    fn of(
        request: &TrainRequest,
        cases: &Cases,
        modality: Option<&str>,
        spacing: [f64; 3],
        window: [usize; 3],
    ) -> Self {
        let images = || request.training.iter().filter_map(|i| cases.image(*i).ok());
        let extents: Vec<[f64; 3]> = images().map(|image| image.extent()).collect();
        let small = (0..3).filter(|axis| {
            let typical = median(extents.iter().map(|extent| extent[*axis]));
            typical < 0.5 * spacing[*axis] * window[*axis] as f64
        });
        let spacing = match small.count() {
            0 | 1 => spacing,
            _ => {
                let own: Vec<[f64; 3]> = images().map(|image| image.spacing()).collect();
                [0, 1, 2].map(|axis| {
                    let typical = median(own.iter().map(|spacing| spacing[axis]));
                    (typical * 100.0).round() / 100.0
                })
            }
        };
        Suggested {
            intensity: match are_ct(request, cases, modality) {
                true => IntensityMode::Range,
                false => IntensityMode::Percentile,
            },
            spacing,
        }
    }
}

/// Whether a list's word for what made the images means CT; nothing without such a word.
fn named_ct(modality: Option<&str>) -> Option<bool> {
    let scaled = IntensityMode::Auto.settled(Some(modality?));
    Some(scaled == IntensityMode::Range)
}

/// Whether the scans to learn from are CT: as a list says, or else by the looks of the first ones.
fn are_ct(request: &TrainRequest, cases: &Cases, modality: Option<&str>) -> bool {
    let images = request.training.iter().filter_map(|i| cases.image(*i).ok());
    let looks = || images.take(3).all(|image| image.is_ct());
    named_ct(modality).unwrap_or_else(looks)
}

/// Whether they may hold HU at all, told in the same way.
fn may_be_ct(request: &TrainRequest, cases: &Cases, modality: Option<&str>) -> bool {
    let images = request.training.iter().filter_map(|i| cases.image(*i).ok());
    let looks = || images.take(3).all(|image| image.may_be_ct());
    named_ct(modality).unwrap_or_else(looks)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(1.0)
}

/// The list of cases as the native program reads it: `--datalist dataset.json --data-root FOLDER`.
pub(crate) fn datalist(
    request: &TrainRequest,
    cases: &Cases,
    names: &[String],
    modality: Option<String>,
) -> String {
    let items = |list: &[usize]| -> Vec<Case> {
        list.iter()
            .filter_map(|index| cases.images.get(*index))
            .map(|image| Case {
                image: PathBuf::from(&image.name),
                label: image
                    .label
                    .and_then(|label| Some(PathBuf::from(&cases.labels.get(label)?.name))),
            })
            .collect()
    };
    let list = DataList {
        training: items(&request.training),
        validation: items(&request.validation),
        classes: names.to_vec(),
        modality,
        ..DataList::default()
    };
    list.to_json(&[("name", "made in the page")])
}

/// Reads a split file of the Medical Segmentation Decathlon; its paths stay as they are there.
pub(crate) fn listed(bytes: &[u8], name: &str) -> Result<DataList, String> {
    DataList::parse(bytes, name, Path::new("")).map_err(|e| e.to_string())
}

/// What `dataset.json` says of all images in the folder it lies in.
pub(crate) struct Described {
    /// With a slash at its end; empty where the file came without its folder, as its scans did then.
    pub(crate) folder: String,
    /// Without cases.
    pub(crate) list: DataList,
}

impl Described {
    /// Whether all of some images are scans of that folder.
    pub(crate) fn has_all(&self, cases: &Cases, images: &[usize]) -> bool {
        images.iter().all(|index| {
            let image = cases.images.get(*index);
            let inside = image.is_some_and(|image| match self.folder.is_empty() {
                true => !image.name.contains('/'),
                false => image.name.starts_with(&self.folder),
            });
            inside && cases.phantom(*index).is_none()
        })
    }
}

/// All cases of a list, those for a test first: they are for nothing else.
pub(crate) fn cases_in(list: &DataList) -> Vec<&Case> {
    let learnt = list.validation.iter().chain(&list.training);
    list.test.iter().chain(learnt).collect()
}

/// What a list says a file is.
pub(crate) fn kind_in(list: &DataList, file: &str) -> Option<Kind> {
    told(&cases_in(list), file)
}

/// Whether a list has all of some images.
pub(crate) fn has_all(list: &DataList, cases: &Cases, images: &[usize]) -> bool {
    let uses = uses_of(list, cases);
    let listed = |index: &usize| matches!(uses.get(*index), Some(Some(_)));
    images.iter().all(listed)
}

/// What a list has each image for, in the page's words: `learn`, `check`, or nothing for a test case.
pub(crate) fn uses_of(list: &DataList, cases: &Cases) -> Vec<Option<&'static str>> {
    let says = repeat_n("", list.test.len())
        .chain(repeat_n("check", list.validation.len()))
        .chain(repeat_n("learn", list.training.len()));
    let mut uses = vec![None; cases.images.len()];
    for (found, says) in cases.find(&cases_in(list)).into_iter().zip(says) {
        if let Some(index) = found.image
            && let Some(of_image) = uses.get_mut(index)
        {
            *of_image = of_image.or(Some(says));
        }
    }
    uses
}
