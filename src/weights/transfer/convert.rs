//! One weights file to another, under the names of MONAI.

use super::encoder::{axes, encoder_names};
use super::error::TransferError;
use super::grids::PatchGrids;
use super::names::{NetworkKind, POSITIONS};
use super::parts::{CLASSIFIES, Part};
use super::plan::{Sorted, Used, sort};
use super::report::{Origin, Reasoned, reasoned, write_groups};
use super::unused::{MonaiVersion, unused_tensors};
use crate::weights::source::{WeightsFile, encode_pytorch};
use crate::weights::{CARD_ENTRY, ParameterInfo, WeightsError, encode};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputFormat {
    /// Safetensors.
    Safetensors,
    /// A PyTorch checkpoint that is a bare state dictionary.
    PyTorch,
}

impl OutputFormat {
    /// The format that a file's name asks for: `.safetensors`, `.pt` or `.pth`.
    pub fn of_name(name: &str) -> Option<Self> {
        match name.rsplit_once('.')?.1 {
            "safetensors" => Some(OutputFormat::Safetensors),
            "pt" | "pth" => Some(OutputFormat::PyTorch),
            _ => None,
        }
    }
}

/// How a file is converted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ConvertOptions {
    /// Interpolate position embeddings between these grids.
    pub positions: Option<PatchGrids>,
    /// Accept a transformer that is not complete.
    pub allow_partial: bool,
    /// Add as zeros the tensors this version of MONAI registers and never uses, so that it loads strictly.
    pub monai: Option<MonaiVersion>,
}

/// What became of the settings that a file of this project holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CardFate {
    /// There were none.
    Absent,
    /// They were written too.
    Kept,
    /// They are of another grid of patches than was written.
    OtherGrid,
    /// A PyTorch file holds none.
    OtherFormat,
}

impl CardFate {
    fn of(file: &WeightsFile<'_>, format: OutputFormat, resized: bool) -> Self {
        match (file.metadata.contains_key(CARD_ENTRY), format) {
            (false, _) => CardFate::Absent,
            (true, OutputFormat::PyTorch) => CardFate::OtherFormat,
            (true, OutputFormat::Safetensors) if resized => CardFate::OtherGrid,
            (true, OutputFormat::Safetensors) => CardFate::Kept,
        }
    }

    /// In words, where there is anything to say.
    fn told(self) -> Option<&'static str> {
        match self {
            CardFate::Absent => None,
            CardFate::Kept => Some("written too"),
            CardFate::OtherGrid => Some("left out, being of another grid of patches"),
            CardFate::OtherFormat => Some("left out, for a PyTorch file holds none"),
        }
    }
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConvertReport {
    /// Where the weights come from.
    pub origin: Origin,
    /// Tensors written.
    pub tensors: usize,
    /// Numbers written.
    pub numbers: usize,
    /// Tensors written in another type, and how.
    pub converted: Vec<Reasoned>,
    /// Tensors interpolated, and from what to what.
    pub resized: Vec<Reasoned>,
    /// Tensors added as zeros, and for what.
    pub added: Vec<Reasoned>,
    /// Tensors of the file that were left out, and why.
    pub dropped: Vec<Reasoned>,
    /// What became of the settings in the file.
    pub settings: CardFate,
}

impl ConvertReport {
    /// What is to be said where MONAI is to load what was written strictly: into what network it cannot.
    pub fn strict_notice(&self) -> Option<String> {
        let left = self.dropped.iter().find(|left| left.reason == CLASSIFIES)?;
        let first = &left.name;
        Some(format!(
            "{first} is of a ViT that classifies and was left out: loaded strictly, what was written fits only a ViT \
             without classification, whose features are others"
        ))
    }
}

impl fmt::Display for ConvertReport {
    /// A line for every list that is not empty, without a line break at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millions = self.numbers as f64 / 1e6;
        write!(f, "weights: {}\n  written: ", self.origin)?;
        write!(
            f,
            "{} tensors ({millions:.1} million numbers)",
            self.tensors
        )?;
        write_groups(f, "converted", &self.converted)?;
        write_groups(f, "resized", &self.resized)?;
        write_groups(f, "added", &self.added)?;
        write_groups(f, "dropped", &self.dropped)?;
        match self.settings.told() {
            Some(told) => write!(f, "\n  settings: {told}"),
            None => Ok(()),
        }
    }
}

/// Converts the bytes of a weights file to those of another, float32 and without prefixes or tensors that nothing
/// uses. A patch embedding that is a linear layer stays one.
///
/// # Errors
/// [`WeightsError::Read`] for a file that cannot be read, [`WeightsError::Transfer`] for one of another network.
pub fn convert(
    file: &[u8],
    format: OutputFormat,
    options: &ConvertOptions,
) -> Result<(Vec<u8>, ConvertReport), WeightsError> {
    let file = WeightsFile::open(file)?;
    let (parameters, mut report) = plain(&file, options)?;
    report.settings = CardFate::of(&file, format, !report.resized.is_empty());
    let card = file.metadata.get(CARD_ENTRY);
    let card = card.filter(|_| report.settings == CardFate::Kept);
    let bytes = match format {
        OutputFormat::Safetensors => {
            let network = report.origin.network.to_string();
            let entry = match card {
                Some(card) => (CARD_ENTRY, card.as_str()),
                None => ("network", network.as_str()),
            };
            encode(&parameters, Some(entry))?
        }
        OutputFormat::PyTorch => {
            encode_pytorch(&parameters).ok_or(TransferError::Unwritable("a PyTorch file"))?
        }
    };
    Ok((bytes, report))
}

type Parameters = Vec<(ParameterInfo, Vec<f32>)>;

/// The tensors of a file under plain names.
fn plain(
    file: &WeightsFile<'_>,
    options: &ConvertOptions,
) -> Result<(Parameters, ConvertReport), TransferError> {
    let Sorted {
        network,
        origin,
        used,
        dropped,
    } = sort(file)?;
    // A U-Net has no encoder of this kind.
    if !options.allow_partial && network.kind != NetworkKind::Unet {
        check_complete(
            used.iter()
                .map(|(name, source)| (name.as_str(), source.part)),
        )?;
    }
    let mut report = ConvertReport {
        origin,
        tensors: 0,
        numbers: 0,
        converted: Vec::new(),
        resized: Vec::new(),
        added: Vec::new(),
        dropped,
        settings: CardFate::Absent,
    };
    let mut parameters = Vec::with_capacity(used.len());
    for (bare, source) in &used {
        let shape = written_shape(bare, source, options.positions.as_ref())?;
        let (_, own) = network.part(&source.tensor.name);
        let name = network.plain_name(source.part, own);
        // A linear layer keeps its name and shape.
        let fitted = match source.perceptron {
            true => source.typed(source.values()?)?,
            false => source.fit(bare, &shape, options.positions.as_ref())?,
        };
        let values = fitted.note(&name, &mut report.converted, &mut report.resized);
        parameters.push((ParameterInfo { name, shape }, values));
    }
    if let Some(version) = options.monai {
        let encoder = network.plain_name(Part::Encoder, "");
        let added = unused_tensors(&parameters, &encoder, version);
        let why = format!("registered and never used by MONAI {version}");
        report.added.extend(
            added
                .iter()
                .map(|(info, _)| reasoned(&info.name, why.clone())),
        );
        parameters.extend(added);
    }
    report.tensors = parameters.len();
    report.numbers = parameters.iter().map(|(_, values)| values.len()).sum();
    Ok((parameters, report))
}

/// The shape that a tensor is written in: its own, or that of position embeddings of the grid that is asked for.
fn written_shape(
    name: &str,
    source: &Used<'_, '_>,
    positions: Option<&PatchGrids>,
) -> Result<Vec<usize>, TransferError> {
    let mut shape = source.tensor.shape.clone();
    if source.part == Part::Encoder && shape.len() != axes(name, source.perceptron) {
        return Err(TransferError::NoWeights {
            name: source.tensor.name.clone(),
            found: shape,
        });
    }
    if let (POSITIONS, Some(grids), [_, patches, _]) = (name, positions, &mut shape[..]) {
        *patches = grids
            .to
            .iter()
            .fold(1, |n: usize, axis| n.saturating_mul(*axis));
    }
    Ok(shape)
}

/// Checks that every tensor of the transformer is there.
fn check_complete<'n>(used: impl Iterator<Item = (&'n str, Part)>) -> Result<(), TransferError> {
    let present: BTreeMap<&str, Part> = used.filter(|(_, part)| *part == Part::Encoder).collect();
    let layers = present
        .keys()
        .filter_map(|name| {
            name.strip_prefix("blocks.")?
                .split('.')
                .next()?
                .parse::<usize>()
                .ok()
        })
        .max()
        .map_or(0, |last| last.saturating_add(1));
    // More blocks than tensors cannot be complete.
    let names = encoder_names(layers.min(present.len() + 1));
    let missing: Vec<&String> = names
        .iter()
        .filter(|name| !present.contains_key(name.as_str()))
        .collect();
    match missing.first() {
        None => Ok(()),
        Some(first) => Err(TransferError::Incomplete {
            found: names.len() - missing.len(),
            total: names.len(),
            first: (*first).clone(),
        }),
    }
}
