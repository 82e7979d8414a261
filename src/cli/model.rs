//! Networks and encoders from the weights that a user names.

use crate::cli::args::ModelSettings;
use crate::cli::cases::learned;
use crate::cli::loaded::Loaded;
use crate::cli::output::count;
use crate::cli::run_folder::beside;
use crate::cli::weights_path::{starting_file, weights_file};
use crate::cli::windows::Grid;
use crate::config::{FinetuneConfig, IntensityMode, Learned, Preset, StageConfig};
use crate::infer::{
    DeviceNetwork, InferError, Probabilities, SlidingWindow, segment, segment_input,
};
use crate::nn::{Segmenter, VitConfig};
use crate::platform;
use crate::train::layout::CONFIG_FILE;
use crate::train::{Finetuning, Task};
use crate::transform::Prepared;
use crate::weights::{
    self, Need, PatchGrids, TransferOptions, TransferReport, Values, WeightsFile, transfer,
};
use anyhow::{Context, bail, ensure};
use burn::tensor::Device;
use std::ops::ControlFlow;
use std::path::Path;

/// The settings that weights were trained with, of either stage, as far as they can be read.
fn trained_with(path: &Path) -> Option<toml::Table> {
    let text = std::fs::read_to_string(beside(path, CONFIG_FILE)).ok()?;
    toml::from_str(&text).ok()
}

/// Those of how volumes become crops.
fn crops_of(settings: &toml::Table) -> Option<&toml::Value> {
    settings.get("sampling").or(settings.get("crops"))
}

/// Grids of patches for resized position embeddings. The settings beside the weights tell the grid they know.
fn grids(settings: Option<&toml::Table>, vit: &VitConfig, weights: &WeightsFile<'_>) -> PatchGrids {
    let from = settings.and_then(|settings| {
        let roi = crops_of(settings)?.get("roi_size")?;
        let patch = settings.get("network")?.get("patch_size")?.as_integer()?;
        let sizes: Vec<usize> = roi
            .as_array()?
            .iter()
            .filter_map(|n| usize::try_from(n.as_integer()?.checked_div(patch)?).ok())
            .collect();
        <[usize; 3]>::try_from(sizes).ok()
    });
    PatchGrids::guessed(from, vit.grid(), weights)
}

/// Warns where an encoder is to see intensities of another scale than it learned from.
fn compare_intensities(settings: &toml::Table, path: &Path, config: &FinetuneConfig) {
    let mode = crops_of(settings).and_then(|crops| crops.get("intensity"));
    let mode = mode.and_then(|mode| mode.clone().try_into::<IntensityMode>().ok());
    if let Some(why) = mode.and_then(|mode| config.crops.intensity.other_than(mode)) {
        log::warn!(
            "{} {why}: give both stages the same --intensity",
            path.display()
        );
    }
}

/// The encoder to start fine-tuning from, with a report of what was taken.
pub(super) fn starting_weights(
    path: &Path,
    config: &FinetuneConfig,
) -> anyhow::Result<(Values, Loaded)> {
    let file = starting_file(path)?;
    let settings = trained_with(path);
    if let Some(settings) = &settings {
        compare_intensities(settings, path, config);
    }
    let bytes = read_weights(&file)?;
    let opened = open_weights(&bytes, &file)?;
    let grids = grids(settings.as_ref(), &config.unetr().vit, &opened);
    let options = TransferOptions::starting(grids, config.start.resize_positions)
        .with_context(|| unusable(&file))?;
    let options = TransferOptions {
        allow_partial: config.start.allow_partial,
        ..options
    };
    let (values, report) = take(&opened, &file, &parameters_of(config)?, &options)?;
    let decoder = report.random_decoder();
    if decoder > 0 {
        log::warn!(
            "{} of the decoder in {} left random, being of another size: give both the same --feature-size",
            count(decoder, "tensor"),
            path.display()
        );
    }
    Ok((values, Loaded::new(report, &bytes)))
}

fn parameters_of(config: &FinetuneConfig) -> anyhow::Result<Vec<weights::ParameterInfo>> {
    // Zeros on the CPU are lazily mapped pages: only names and shapes are asked for.
    Ok(weights::describe(&Segmenter::zeros(
        &config.segmenter(),
        &Device::flex(),
    )?))
}

fn read_weights(file: &Path) -> anyhow::Result<Vec<u8>> {
    platform::read(file).with_context(|| format!("cannot read {}", file.display()))
}

fn open_weights<'a>(bytes: &'a [u8], file: &Path) -> anyhow::Result<WeightsFile<'a>> {
    WeightsFile::open(bytes).with_context(|| format!("cannot read weights from {}", file.display()))
}

fn take(
    opened: &WeightsFile<'_>,
    file: &Path,
    parameters: &[weights::ParameterInfo],
    options: &TransferOptions,
) -> anyhow::Result<(Values, TransferReport)> {
    transfer(opened, parameters, options).with_context(|| unusable(file))
}

fn unusable(file: &Path) -> String {
    format!("cannot use the weights in {}", file.display())
}

/// A fine-tuned network with the settings it was trained with.
pub(super) struct Model {
    pub network: Segmenter,
    pub config: FinetuneConfig,
    pub learned: Learned,
    pub report: TransferReport,
}

/// What predicts: a network, its windows, and where it computes.
pub(super) struct Predictor {
    pub model: Model,
    pub windows: SlidingWindow,
    pub device: Device,
}

impl Predictor {
    /// Labels of a prepared image on the voxels of `grid`, in C order. `keep` takes the classes' probabilities on the
    /// prepared grid; `progress(done, windows)` is asked before each window.
    pub(super) fn labels(
        &self,
        prepared: &Prepared,
        grid: Grid,
        keep: Option<&mut Probabilities>,
        mut progress: impl FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<Vec<u8>, InferError> {
        let network = &DeviceNetwork {
            network: &self.model.network,
            device: &self.device,
        };
        let windows = &self.windows;
        let go_on = &mut progress;
        pollster::block_on(async {
            match grid {
                Grid::Input => segment_input(network, prepared, windows, keep, go_on).await,
                Grid::Model => {
                    let (image, shape) = (prepared.image.data(), prepared.image.shape());
                    segment(network, image, shape, windows, keep, go_on).await
                }
            }
        })
    }
}

/// Whether an error is that of a device that failed: it makes no other prediction either.
pub(super) fn device_failed(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(InferError::Device(_)))
}

/// Why a case has no result that came after the device failed.
pub(super) const UNREACHED: &str = "not reached before the device failed";

/// Why a case has no result that the work was stopped before.
pub(super) const STOPPED: &str = "not reached before the stop";

/// Loads a fine-tuned network: from a run's folder with its own settings, or from a file with those of a preset.
pub(super) fn model(path: &Path, given: &ModelSettings, device: &Device) -> anyhow::Result<Model> {
    let trained = beside(path, CONFIG_FILE);
    if trained.exists() && (given.preset.is_some() || given.config.is_some()) {
        log::warn!(
            "{} is not used: sizes and transforms are those of --preset and --config",
            trained.display()
        );
    }
    let mut config: FinetuneConfig = match (&given.preset, &given.config) {
        (Some(name), None) => name.parse::<Preset>()?.settings()?,
        (Some(name), Some(file)) => {
            let base: FinetuneConfig = name.parse::<Preset>()?.settings()?;
            base.overlaid(&read(file)?, &file.display().to_string())?
        }
        (None, Some(file)) => settings(file)?,
        (None, None) if trained.exists() => settings(&trained)?,
        (None, None) if !path.exists() => bail!("{}: no such file or folder", path.display()),
        (None, None) if path.is_dir() => bail!(
            "{} is no run's folder, for it holds no {CONFIG_FILE}: name one, or a file of weights with --preset or --config",
            path.display()
        ),
        (None, None) => bail!(
            "{} has no {CONFIG_FILE} beside it: give --preset or --config for the network's sizes",
            path.display()
        ),
    };
    if given.classes.is_some() {
        config.decoder.classes = given.classes;
    }
    config.validate_for_prediction()?;
    let file = weights_file(path, &[Finetuning::EXPORT])?;
    let options = TransferOptions {
        need: Need::All,
        allow_partial: false,
        positions: None,
    };
    let network = Segmenter::zeros(&config.segmenter(), device)?;
    let parameters = weights::describe(&network);
    let bytes = read_weights(&file)?;
    let opened = open_weights(&bytes, &file)?;
    let (values, report) = take(&opened, &file, &parameters, &options)?;
    Ok(Model {
        network: weights::fill(network, &values)?,
        config,
        learned: learned(path),
        report,
    })
}

fn read(file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file)
        .with_context(|| format!("cannot read the settings in {}", file.display()))
}

fn settings(file: &Path) -> anyhow::Result<FinetuneConfig> {
    let place = file.display().to_string();
    let text = read(file)?;
    let pretraining = toml::from_str::<toml::Table>(&text)
        .is_ok_and(|settings| settings.contains_key("sampling"));
    ensure!(
        !pretraining,
        "{place} is of a pre-training, whose encoder segments nothing yet: fine-tune from it first, with hounsfield finetune --pretrained"
    );
    FinetuneConfig::from_toml(&text, &place)
        .with_context(|| format!("{place} does not hold the settings of a fine-tuning run"))
}
