//! Networks and encoders from the weights that a user names.

use crate::cli::args::ModelSettings;
use crate::cli::loaded::Loaded;
use crate::cli::output::one_line;
use crate::cli::trained::{
    card_of, compare_with_card, crops_of, grid_of, known_settings, learned_by, settings_of_file,
    trained_with,
};
use crate::cli::weights_path::{starting_file, weights_file};
use crate::cli::windows::Grid;
use crate::config::{FinetuneConfig, IntensityMode, Learned};
use crate::infer::{
    DeviceNetwork, InferError, Probabilities, SlidingWindow, segment, segment_input,
};
use crate::nn::{Segmenter, VitConfig};
use crate::platform;
use crate::train::{Finetuning, Task};
use crate::transform::Prepared;
use crate::weights::{
    self, Need, PatchGrids, TransferOptions, TransferReport, Values, WeightsFile, transfer,
};
use anyhow::{Context, ensure};
use burn::tensor::Device;
use std::ops::ControlFlow;
use std::path::Path;

/// Grids of patches for resized position embeddings. The settings beside the weights tell the grid they know.
fn grids(settings: Option<&toml::Table>, vit: &VitConfig, weights: &WeightsFile<'_>) -> PatchGrids {
    let from = settings.and_then(grid_of);
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

/// Refuses an encoder of another number of heads: no tensor tells it, and attention would be cut otherwise than learned.
fn refuse_other_heads(
    settings: &toml::Table,
    path: &Path,
    config: &FinetuneConfig,
) -> anyhow::Result<()> {
    let network = settings.get("network");
    let heads = network.and_then(|network| network.get("heads")?.as_integer());
    let (Some(heads), here) = (heads, config.network.heads) else {
        return Ok(());
    };
    ensure!(
        usize::try_from(heads).is_ok_and(|heads| heads == here),
        "the encoder in {} learned with {heads} heads of attention, and this network has {here}: give both the same --heads",
        path.display()
    );
    Ok(())
}

/// Adds to why weights do not fit which sizes their settings have and this network has not.
fn with_other_sizes(
    error: anyhow::Error,
    settings: Option<&toml::Table>,
    config: &FinetuneConfig,
) -> anyhow::Error {
    let network = settings.and_then(|settings| settings.get("network"));
    let own = &config.network;
    let other = |(name, here): (&str, usize)| {
        let size = network?.get(name)?.as_integer()?;
        let differs = usize::try_from(size) != Ok(here);
        differs.then(|| format!("{name} {size} and this network has {here}"))
    };
    let sizes = [
        ("patch_size", own.patch_size),
        ("hidden_size", own.hidden_size),
        ("mlp_dim", own.mlp_dim),
        ("layers", own.layers),
    ];
    let others: Vec<String> = sizes.into_iter().filter_map(other).collect();
    if others.is_empty() {
        return error;
    }
    let text = format!(
        "{} (they were trained with {}: give both the same)",
        one_line(&error),
        others.join(", ")
    );
    error.context(text)
}

/// The encoder to start fine-tuning from, with a report of what was taken.
pub(super) fn starting_weights(
    path: &Path,
    config: &FinetuneConfig,
) -> anyhow::Result<(Values, Loaded)> {
    let file = starting_file(path)?;
    let bytes = read_weights(&file)?;
    let opened = open_weights(&bytes, &file)?;
    let settings = trained_with(path, card_of(&opened, &file).as_ref());
    if let Some(settings) = &settings {
        compare_intensities(settings, path, config);
        refuse_other_heads(settings, path, config)?;
    }
    let grids = grids(settings.as_ref(), &config.unetr().vit, &opened);
    let options = TransferOptions::starting(grids, config.start.resize_positions)
        .with_context(|| unusable(&file))?;
    let options = TransferOptions {
        allow_partial: config.start.allow_partial,
        ..options
    };
    let (values, report) = take(&opened, &file, &parameters_of(config)?, &options)
        .map_err(|error| with_other_sizes(error, settings.as_ref(), config))?;
    let [resized, _] = report.random_decoder();
    for (index, notice) in report.random_decoder_notices().into_iter().enumerate() {
        let advice = match index == 0 && resized > 0 {
            true => "give both the same --feature-size",
            false => "it is another kind of decoder",
        };
        log::warn!("{}: {notice}: {advice}", path.display());
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

/// Loads a fine-tuned network with its own settings, as its file or the folder of its run tells them, or with those of a
/// preset.
pub(super) fn model(path: &Path, given: &ModelSettings, device: &Device) -> anyhow::Result<Model> {
    let known = known_settings(path, given)?;
    let file = weights_file(path, &[Finetuning::EXPORT])?;
    let bytes = read_weights(&file)?;
    let opened = open_weights(&bytes, &file)?;
    let card = card_of(&opened, &file);
    compare_with_card(path, given, card.as_ref());
    let mut config = match known {
        Some(config) => config,
        None => settings_of_file(path, card.as_ref().map(|card| (card, opened.numbers())))?,
    };
    if given.classes.is_some() {
        config.decoder.classes = given.classes;
    }
    config.validate_for_prediction()?;
    let options = TransferOptions {
        need: Need::All,
        allow_partial: false,
        positions: None,
    };
    // Before any memory is asked for: the settings may be those of a stranger's file.
    let (values, report) = take(&opened, &file, &parameters_of(&config)?, &options)?;
    let network = Segmenter::zeros(&config.segmenter(), device)?;
    Ok(Model {
        network: weights::fill(network, &values)?,
        config,
        learned: learned_by(path, card.as_ref()),
        report,
    })
}
