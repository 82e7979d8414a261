//! What weights were trained with: their file says so itself, or the folder of their run does.

use crate::cli::args::ModelSettings;
use crate::cli::cases::learned;
use crate::cli::inputs::canonical;
use crate::cli::run_folder::beside;
use crate::cli::weights_path::starting_file;
use crate::config::{
    FinetuneConfig, Learned, ModelCard, Preset, PretrainConfig, StageConfig, StartSizes,
};
use crate::platform;
use crate::train::layout::CONFIG_FILE;
use crate::train::{Finetuning, Task};
use crate::weights::{CARD_ENTRY, WeightsFile};
use anyhow::{Context, bail, ensure};
use std::path::Path;

/// What a weights file says of itself. A warning tells of what cannot be read.
pub(super) fn card_of(opened: &WeightsFile<'_>, file: &Path) -> Option<ModelCard> {
    let entry = opened.metadata.get(CARD_ENTRY)?;
    ModelCard::parse(entry)
        .map_err(|error| log::warn!("{}: {error}", file.display()))
        .ok()
}

/// Patches on each axis of the crops that weights of these settings were trained on.
pub(super) fn grid_of(settings: &toml::Table) -> Option<[usize; 3]> {
    let roi = crops_of(settings)?.get("roi_size")?;
    let patch = settings.get("network")?.get("patch_size")?.as_integer()?;
    let sizes: Vec<usize> = roi
        .as_array()?
        .iter()
        .filter_map(|n| usize::try_from(n.as_integer()?.checked_div(patch)?).ok())
        .collect();
    <[usize; 3]>::try_from(sizes).ok()
}

/// The section of how volumes become crops, which each stage has under a name of its own.
pub(super) fn crops_of(settings: &toml::Table) -> Option<&toml::Value> {
    settings.get("sampling").or(settings.get("crops"))
}

/// Whether a path is the folder of a run, which tells its own settings.
fn is_run(path: &Path) -> bool {
    path.is_dir() && path.join(CONFIG_FILE).exists()
}

/// Settings of either stage, as far as they can be read: those of a run where `path` is its folder, else those of the file,
/// else those beside it.
pub(super) fn trained_with(path: &Path, card: Option<&ModelCard>) -> Option<toml::Table> {
    match card.filter(|_| !is_run(path)) {
        Some(card) => Some(card.settings.clone()),
        None => toml::from_str(&std::fs::read_to_string(beside(path, CONFIG_FILE)).ok()?).ok(),
    }
}

/// The sizes of a network to start fine-tuning from, where the run whose folder `path` is tells them, or the file itself:
/// settings beside a file may be those of other weights. What cannot be read is told when the weights are taken.
pub(super) fn start_sizes(path: &Path) -> Option<StartSizes> {
    if is_run(path) {
        let (text, place) = (read(&path.join(CONFIG_FILE)).ok()?, "the run's settings");
        return match is_pretraining(&text) {
            true => PretrainConfig::from_toml(&text, place)
                .ok()
                .map(|config| StartSizes::of_pretraining(&config)),
            false => FinetuneConfig::from_toml(&text, place)
                .ok()
                .and_then(|config| StartSizes::of_finetuning(&config)),
        };
    }
    let bytes = platform::read(&starting_file(path).ok()?).ok()?;
    let opened = WeightsFile::open(&bytes).ok()?;
    let card = ModelCard::parse(opened.metadata.get(CARD_ENTRY)?).ok()?;
    card.start_sizes(opened.numbers()).ok()?
}

/// Classes and modality, as far as anything tells; which counts is as in [`trained_with`].
pub(super) fn learned_by(path: &Path, card: Option<&ModelCard>) -> Learned {
    match card.filter(|_| !is_run(path)) {
        Some(card) => card.learned(),
        None => learned(path),
    }
}

/// The settings of a fine-tuned network that flags or the folder of its run tell, before its file is read; none where the
/// file has to.
pub(super) fn known_settings(
    path: &Path,
    given: &ModelSettings,
) -> anyhow::Result<Option<FinetuneConfig>> {
    let trained = beside(path, CONFIG_FILE);
    if !has_own_settings(path, given) && trained.exists() {
        warn_of_unused(&trained.display().to_string());
    }
    let config: FinetuneConfig = match (&given.preset, &given.config) {
        (Some(name), None) => name.parse::<Preset>()?.settings()?,
        (Some(name), Some(file)) => {
            let base: FinetuneConfig = name.parse::<Preset>()?.settings()?;
            base.overlaid(&read(file)?, &file.display().to_string())?
        }
        (None, Some(file)) => settings(file)?,
        (None, None) if is_run(path) => settings(&trained)?,
        (None, None) if !path.exists() => bail!("{}: no such file or folder", path.display()),
        (None, None) if path.is_dir() && !path.join(Finetuning::EXPORT).exists() => bail!(
            "{} is no run's folder, for it holds no {CONFIG_FILE}: name one, or a file of weights with --preset or --config",
            path.display()
        ),
        (None, None) => return Ok(None),
    };
    Ok(Some(config))
}

/// Those of a weights file, which has a card and so many numbers, else those beside it.
pub(super) fn settings_of_file(
    path: &Path,
    card: Option<(&ModelCard, usize)>,
) -> anyhow::Result<FinetuneConfig> {
    let (place, trained) = (path.display(), beside(path, CONFIG_FILE));
    let Some((card, numbers)) = card else {
        ensure!(
            trained.exists(),
            "{place} does not say for which settings it is, and has no {CONFIG_FILE} beside it: give --preset or --config for the network's sizes"
        );
        return settings(&trained);
    };
    refuse_pretraining(card.is_of_pretraining(), &place.to_string())?;
    let config = card
        .finetuning(numbers)
        .with_context(|| format!("{place}: give --preset or --config in place of what it says"))?;
    let asks = |config: &FinetuneConfig| {
        let FinetuneConfig {
            crops,
            network,
            decoder,
            inference,
            ..
        } = config.clone();
        (crops, network, decoder, inference)
    };
    if settings(&trained).is_ok_and(|beside| asks(&beside) != asks(&config)) {
        log::warn!(
            "{} is not used, for {place} says other settings of itself: give --config for those",
            trained.display()
        );
    }
    Ok(config)
}

/// Says that the card of a weights file is not used, where other settings are given.
pub(super) fn compare_with_card(path: &Path, given: &ModelSettings, card: Option<&ModelCard>) {
    let trained = beside(path, CONFIG_FILE);
    if card.is_some() && !has_own_settings(path, given) && !trained.exists() {
        warn_of_unused(&format!("what {} says of its settings", path.display()));
    }
}

/// Whether a network has the settings that it was trained with: none are given, or the file of its own run.
pub(super) fn has_own_settings(weights: &Path, given: &ModelSettings) -> bool {
    let own = || canonical(&beside(weights, CONFIG_FILE));
    let config = given.config.as_deref();
    given.preset.is_none() && config.is_none_or(|config| canonical(config) == own())
}

fn warn_of_unused(what: &str) {
    log::warn!("{what} is not used: sizes and transforms are those of --preset and --config");
}

fn read(file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file)
        .with_context(|| format!("cannot read the settings in {}", file.display()))
}

fn settings(file: &Path) -> anyhow::Result<FinetuneConfig> {
    let place = file.display().to_string();
    let text = read(file)?;
    refuse_pretraining(is_pretraining(&text), &place)?;
    FinetuneConfig::from_toml(&text, &place)
        .with_context(|| format!("{place} does not hold the settings of a fine-tuning run"))
}

/// Whether settings are those of a pre-training, whose crops are called samples.
fn is_pretraining(text: &str) -> bool {
    toml::from_str::<toml::Table>(text).is_ok_and(|settings| settings.contains_key("sampling"))
}

fn refuse_pretraining(is_one: bool, place: &str) -> anyhow::Result<()> {
    ensure!(
        !is_one,
        "{place} is of a pre-training, whose encoder segments nothing yet: fine-tune from it first, with hounsfield finetune --pretrained"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_of_a_networks_own_run_are_its_own_however_they_are_given() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for run in ["run", "other"] {
            std::fs::create_dir(at(run)).unwrap();
            std::fs::write(at(run).join(CONFIG_FILE), "").unwrap();
        }
        let own = |weights: &str, preset: Option<&str>, config: Option<&str>| {
            let given = ModelSettings {
                preset: preset.map(str::to_owned),
                config: config.map(at),
                classes: None,
            };
            has_own_settings(&at(weights), &given)
        };
        for weights in ["run", "run/model.safetensors"] {
            assert!(own(weights, None, None));
            assert!(own(weights, None, Some("other/../run/config.toml")));
            assert!(!own(weights, None, Some("other/config.toml")));
            assert!(!own(weights, Some("small"), Some("run/config.toml")));
            assert!(!own(weights, Some("small"), None));
        }
    }
}
