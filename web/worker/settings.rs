//! Settings of a run: those of the network at hand, the page's own length, what the data suggests, then the user's.

use crate::cases::Cases;
use crate::protocol::TrainRequest;
use hounsfield::config::{
    DataConfig, FinetuneConfig, IntensityMode, Preset, PretrainConfig, RunConfig, SamplingConfig,
    SettingsError, StageConfig, StartConfig,
};
use hounsfield::dataset::phantom::VALIDATION_SEED;
use hounsfield::dataset::{Case, DataList};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Name of the list of cases in the run's folder.
pub(crate) const DATALIST: &str = "dataset.json";
/// Values below this are air in HU, so the image is CT.
const AIR: f32 = -500.0;
/// Minutes between autosaves.
const AUTOSAVE: f64 = 0.5;

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

/// Settings of fine-tuning.
pub(crate) fn finetuning(
    request: &TrainRequest,
    cases: &Cases,
    model: Option<&FinetuneConfig>,
) -> Result<FinetuneConfig, SettingsError> {
    let preset: FinetuneConfig = Preset::Quickstart.settings()?;
    let mut config = model.cloned().unwrap_or_else(|| preset.clone());
    config.start = StartConfig::default();
    config.optimizer = preset.optimizer;
    config.optimizer.warmup_steps = 10;
    config.run = length();
    config.inference.skip_air = true;
    config.decoder.classes = Some(classes(request, cases));
    let suggested = Suggested::of(request, cases, config.crops.spacing, config.crops.roi_size);
    config.crops.intensity = suggested.intensity;
    config.crops.spacing = suggested.spacing;
    settled(config, request, cases)
}

/// Settings of pre-training the encoder of such a network.
pub(crate) fn pretraining(
    request: &TrainRequest,
    cases: &Cases,
    model: Option<&FinetuneConfig>,
) -> Result<PretrainConfig, SettingsError> {
    let mut config: PretrainConfig = Preset::Quickstart.settings()?;
    if let Some(model) = model {
        config.network = model.network.clone();
        let crops = model.crops.clone();
        config.sampling = SamplingConfig {
            spacing: crops.spacing,
            intensity: crops.intensity,
            intensity_min: crops.intensity_min,
            intensity_max: crops.intensity_max,
            roi_size: crops.roi_size,
            ..config.sampling
        };
    }
    config.optimizer.warmup_steps = 10;
    config.run = length();
    let sampling = &mut config.sampling;
    let suggested = Suggested::of(request, cases, sampling.spacing, sampling.roi_size);
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
    let all: Vec<usize> = request
        .training
        .iter()
        .chain(&request.validation)
        .copied()
        .collect();
    cases.classes(&all).max(request.classes.len())
}

/// The phantoms that the native program makes for a seed are told by their number; other cases by a list.
fn data(request: &TrainRequest, cases: &Cases, seed: u64) -> DataConfig {
    let are = |list: &[usize], first: u64| {
        let seeds = (0u64..).map(|n| Some(first.wrapping_add(seed).wrapping_add(n)));
        list.iter()
            .map(|index| cases.phantom(*index))
            .eq(seeds.take(list.len()))
    };
    let (training, validation) = (&request.training, &request.validation);
    let made = are(training, 0)
        && are(validation, VALIDATION_SEED)
        && validation.len() == training.len().div_ceil(4);
    DataConfig {
        datalist: (!made).then(|| PathBuf::from(DATALIST)),
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
    fn of(request: &TrainRequest, cases: &Cases, spacing: [f64; 3], window: [usize; 3]) -> Self {
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
        let is_ct = images().take(3).all(|image| image.lowest() < AIR);
        Suggested {
            intensity: match is_ct {
                true => IntensityMode::Range,
                false => IntensityMode::Percentile,
            },
            spacing,
        }
    }
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
) -> Result<String, String> {
    #[derive(Serialize)]
    struct Item {
        image: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        label: Option<String>,
    }
    #[derive(Serialize)]
    struct List<'a> {
        name: &'a str,
        labels: BTreeMap<usize, &'a String>,
        training: Vec<Item>,
        validation: Vec<Item>,
    }
    let items = |list: &[usize]| {
        list.iter()
            .filter_map(|index| cases.images.get(*index))
            .map(|image| Item {
                image: image.name.clone(),
                label: image
                    .label
                    .and_then(|label| Some(cases.labels.get(label)?.name.clone())),
            })
            .collect()
    };
    let list = List {
        name: "made in the page",
        labels: names.iter().enumerate().collect(),
        training: items(&request.training),
        validation: items(&request.validation),
    };
    serde_json::to_string_pretty(&list).map_err(|e| e.to_string())
}

/// Reads a split file of the Medical Segmentation Decathlon; its paths stay as they are there.
pub(crate) fn listed(bytes: &[u8], name: &str) -> Result<DataList, String> {
    DataList::parse(bytes, name, Path::new("")).map_err(|e| e.to_string())
}

/// What a list has an image for, in the page's words: `learn`, `check`, or nothing for a test case.
pub(crate) fn use_of(list: &DataList, image: usize, cases: &Cases) -> Option<&'static str> {
    let holds = |listed: &[Case]| {
        let mut all = listed.iter();
        all.any(|case| cases.find(&case.image.to_string_lossy()) == Some(image))
    };
    [
        (&list.test, ""),
        (&list.validation, "check"),
        (&list.training, "learn"),
    ]
    .into_iter()
    .find_map(|(listed, says)| holds(listed).then_some(says))
}
