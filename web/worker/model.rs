//! The network at hand: weights with the settings they were trained with.

use crate::protocol::{ClassLine, ModelLine};
use burn::tensor::Device;
use hounsfield::config::{FinetuneConfig, Learned, ModelCard, Preset, PretrainConfig, StageConfig};
use hounsfield::dataset::class_names;
use hounsfield::dataset::phantom::{ORGAN_COLOURS, ORGAN_NAMES};
use hounsfield::device::{Selected, check_precision};
use hounsfield::nn::{Precision, Restoration, Segmenter};
use hounsfield::report::montage::label_colour;
use hounsfield::weights::{
    self, CARD_ENTRY, HEAD, Need, TransferError, TransferOptions, TransferReport, Values,
    WeightsFile, transfer,
};
use std::rc::Rc;

const PYTORCH: &str = "this is a PyTorch file; the page takes safetensors only, which cannot hold programs: \
    turn it into one with hounsfield convert --input FILE.pt --output FILE.safetensors";

pub(crate) struct Model {
    pub(crate) name: String,
    pub(crate) bytes: Rc<Vec<u8>>,
    pub(crate) config: FinetuneConfig,
    pub(crate) classes: Vec<String>,
    /// What made the images that it learned from, where that is known.
    pub(crate) modality: Option<String>,
    pub(crate) network: Segmenter,
    report: String,
}

/// What pre-training leaves: a start for fine-tuning.
#[derive(Clone)]
pub(crate) struct Encoder {
    pub(crate) name: String,
    pub(crate) bytes: Rc<Vec<u8>>,
    /// Settings of a network with this encoder, where they are known.
    pub(crate) config: Option<FinetuneConfig>,
}

/// Weights that a training starts from, with the settings of their network.
#[derive(Clone)]
pub(crate) struct Origin {
    pub(crate) name: String,
    pub(crate) bytes: Rc<Vec<u8>>,
    pub(crate) config: FinetuneConfig,
}

/// Settings of fine-tuning that carry on those of a pre-training.
pub(crate) fn after(pretraining: PretrainConfig) -> Result<FinetuneConfig, String> {
    let PretrainConfig {
        network,
        sampling,
        decoder,
        ..
    } = pretraining;
    let mut config: FinetuneConfig = Preset::Quickstart.settings().map_err(|e| e.to_string())?;
    config.network = network;
    if decoder.restoration == Restoration::Unetr {
        config.decoder.feature_size = decoder.feature_size;
    }
    config.crops = config.crops.with_input_of(&sampling);
    config
        .validate_for_prediction()
        .map_err(|e| e.to_string())?;
    Ok(config)
}

/// What a weights file turned out to be.
pub(crate) enum Weights {
    /// A whole segmentation network.
    Model(Box<Model>),
    Encoder(Box<Encoder>),
}

/// Opens a weights file, but none that may hold programs.
pub(crate) fn open<'a>(name: &str, bytes: &'a [u8]) -> Result<WeightsFile<'a>, String> {
    if bytes.starts_with(b"PK") || bytes.first() == Some(&0x80) {
        return Err(format!("{name}: {PYTORCH}"));
    }
    WeightsFile::open(bytes).map_err(|e| format!("{name}: {e}"))
}

/// The values a network of these settings takes from a file.
pub(crate) fn taken(
    file: &WeightsFile<'_>,
    config: &FinetuneConfig,
    options: &TransferOptions,
) -> Result<(Values, TransferReport), String> {
    take(file, config, options)?.map_err(|e| e.to_string())
}

type Taken = Result<(Values, TransferReport), TransferError>;

fn take(
    file: &WeightsFile<'_>,
    config: &FinetuneConfig,
    options: &TransferOptions,
) -> Result<Taken, String> {
    config
        .in_proportion(file.numbers())
        .map_err(|e| e.to_string())?;
    // Training checks the rest of its own settings.
    config
        .validate_for_prediction()
        .map_err(|e| e.to_string())?;
    let empty =
        Segmenter::zeros(&config.segmenter(), &Device::flex()).map_err(|e| e.to_string())?;
    Ok(transfer(file, &weights::describe(&empty), options))
}

const WHOLE: TransferOptions = TransferOptions {
    need: Need::All,
    allow_partial: false,
    positions: None,
};
const START: TransferOptions = TransferOptions {
    need: Need::Encoder,
    allow_partial: false,
    positions: None,
};

impl Model {
    /// A network from a weights file, with the settings that came beside it, else those in it, else the first known ones
    /// that fit. What it learned from is as given where classes are, else as the file says.
    pub(crate) fn load(
        name: String,
        bytes: Vec<u8>,
        settings: Option<&str>,
        known: Option<&FinetuneConfig>,
        classes: Vec<String>,
        selected: &Selected,
    ) -> Result<Weights, String> {
        let file = open(&name, &bytes)?;
        let card = card_of(&file);
        let (classes, modality) = match &card {
            Some(card) if classes.is_empty() => (card.classes.clone(), card.modality.clone()),
            _ => (classes, None),
        };
        let candidates = match settings {
            Some(text) => {
                let source = "the settings beside the weights";
                match FinetuneConfig::from_toml(text, source) {
                    Ok(config) => vec![config],
                    // Those of pre-training have other sections.
                    Err(error) => match PretrainConfig::from_toml(text, source) {
                        Ok(pretraining) => vec![after(pretraining)?],
                        Err(_) => return Err(error.to_string()),
                    },
                }
            }
            None => match card.as_ref().and_then(|card| settings_in(card, &file).ok()) {
                Some(config) => vec![config],
                None => candidates(&file, known),
            },
        };
        let mut last = None;
        for config in &candidates {
            match take(&file, config, &WHOLE)? {
                Ok((values, report)) => {
                    // Weights are stored in 32 bits, so that any device takes them.
                    let precision = match check_precision(selected, config.run.precision) {
                        Ok(()) => config.run.precision,
                        Err(_) => Precision::F32,
                    };
                    let network = Segmenter::zeros(&config.segmenter(), &selected.device)
                        .map_err(|e| e.to_string())?
                        .with_precision(precision);
                    let network = weights::fill(network, &values).map_err(|e| e.to_string())?;
                    let names = class_names(&classes, network.classes());
                    return Ok(Weights::Model(Box::new(Model {
                        name,
                        bytes: Rc::new(bytes),
                        config: config.clone(),
                        classes: names,
                        modality,
                        network,
                        report: report.to_string(),
                    })));
                }
                Err(TransferError::WrongStage { .. }) => {
                    if settings.is_some() {
                        take(&file, config, &START)?.map_err(|e| format!("{name}: {e}"))?;
                    }
                    let fits =
                        |config: &&FinetuneConfig| matches!(take(&file, config, &START), Ok(Ok(_)));
                    let config = candidates.iter().find(fits).cloned();
                    return Ok(Weights::Encoder(Box::new(Encoder {
                        name,
                        bytes: Rc::new(bytes),
                        config,
                    })));
                }
                Err(error) => last = Some(error),
            }
        }
        let why = last.map_or_else(String::new, |error| error.to_string());
        let help = match settings {
            Some(_) => "",
            None => "; drop the config.toml of the run together with the weights",
        };
        Err(format!("{name}: {why}{help}"))
    }

    /// Bytes of the file and of the network that was made of it.
    pub(crate) fn held(&self) -> u64 {
        2 * self.bytes.len() as u64
    }

    /// What a training takes of it.
    pub(crate) fn origin(&self) -> Origin {
        Origin {
            name: self.name.clone(),
            bytes: Rc::clone(&self.bytes),
            config: self.config.clone(),
        }
    }

    /// What it learned from, as far as is known.
    pub(crate) fn learned(&self) -> Learned {
        Learned {
            classes: self.classes.clone(),
            modality: self.modality.clone(),
        }
    }

    pub(crate) fn line(&self) -> ModelLine {
        let parameters = weights::describe(&self.network);
        ModelLine {
            name: self.name.clone(),
            classes: legend(&self.classes),
            modality: self.modality.clone(),
            parameters: parameters
                .iter()
                .map(|p| p.shape.iter().product::<usize>())
                .sum(),
            window: self.config.crops.roi_size,
            spacing: self.config.crops.spacing,
            mirror: self.config.check_mirror(true).is_ok(),
            report: self.report.clone(),
        }
    }
}

/// What a weights file says of itself, where that can be read.
fn card_of(file: &WeightsFile<'_>) -> Option<ModelCard> {
    ModelCard::parse(file.metadata.get(CARD_ENTRY)?).ok()
}

/// The settings that a weights file holds, of a network of its weights.
fn settings_in(card: &ModelCard, file: &WeightsFile<'_>) -> Result<FinetuneConfig, String> {
    match card.is_of_pretraining() {
        true => after(
            card.pretraining(file.numbers())
                .map_err(|e| e.to_string())?,
        ),
        false => card.finetuning(file.numbers()).map_err(|e| e.to_string()),
    }
}

/// Settings to try for a file that comes without any.
fn candidates(file: &WeightsFile<'_>, known: Option<&FinetuneConfig>) -> Vec<FinetuneConfig> {
    let last = format!("{HEAD}conv.conv.bias");
    let out = file
        .tensors
        .iter()
        .find(|t| t.name.ends_with(last.as_str()));
    let classes = out.and_then(|tensor| tensor.shape.first().copied());
    let presets = Preset::ALL
        .iter()
        .filter_map(|preset| preset.settings().ok());
    let mut all: Vec<FinetuneConfig> = known.cloned().into_iter().chain(presets).collect();
    for config in &mut all {
        config.decoder.classes = classes.or(config.decoder.classes);
    }
    all
}

/// Names of what is in phantoms.
pub(crate) fn organs() -> Vec<String> {
    ORGAN_NAMES.map(str::to_owned).to_vec()
}

/// A line of the legend for each class but the background.
pub(crate) fn legend(names: &[String]) -> Vec<ClassLine> {
    let organs = names.iter().map(String::as_str).eq(ORGAN_NAMES);
    let line = |(label, name): (u8, &String)| ClassLine {
        label,
        name: name.clone(),
        colour: match organs {
            true => ORGAN_COLOURS[usize::from(label)],
            false => label_colour(label).unwrap_or_default(),
        },
        ml: None,
        reference_ml: None,
        dice: None,
    };
    (0..=u8::MAX).zip(names).skip(1).map(line).collect()
}
