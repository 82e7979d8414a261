//! From the tensors of a file to those of a network, with a report of what became of each.
//!
//! The original takes the intersection of names in silence (specification 8 and 12); here nothing is silent, and
//! an encoder that is not complete is an error.

mod adapt;
mod convert;
mod encoder;
mod error;
mod grids;
mod names;
mod parts;
mod plan;
mod report;
#[cfg(test)]
mod tests;
mod unused;

pub use convert::{CardFate, ConvertOptions, ConvertReport, OutputFormat, convert};
pub use error::TransferError;
pub use grids::PatchGrids;
pub use names::NetworkKind;
pub use report::{Origin, Reasoned, TransferReport};
pub use unused::MonaiVersion;

use crate::weights::source::WeightsFile;
use crate::weights::{HEAD, ParameterInfo, Values};
use names::Recognised;
use parts::Part;
use plan::{Fitted, Sorted, Used, network_of, shown, sort};
use report::{MISSING, reasoned};
use std::collections::BTreeMap;

/// Which tensors of a network a file must give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The whole encoder, for fine-tuning; of the rest what the file has and what fits.
    Encoder,
    /// All of them, for prediction.
    All,
}

/// How weights are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransferOptions {
    /// What must be there.
    pub need: Need,
    /// Leave random what is missing or does not fit, instead of refusing the file.
    pub allow_partial: bool,
    /// Interpolate position embeddings between these grids, if they differ.
    pub positions: Option<PatchGrids>,
}

impl TransferOptions {
    /// How fine-tuning takes an encoder: whole, and with its position embeddings as they are, or interpolated where that
    /// is asked for.
    ///
    /// # Errors
    /// [`TransferError::OtherGrid`] where the grids are known to differ and nothing may be interpolated: as many patches
    /// in another arrangement would pass for the same.
    pub fn starting(grids: PatchGrids, resize: bool) -> Result<Self, TransferError> {
        match grids.from.filter(|from| !resize && *from != grids.to) {
            Some(from) => Err(TransferError::OtherGrid {
                found: shown(from),
                expected: shown(grids.to),
            }),
            None => Ok(TransferOptions {
                need: Need::Encoder,
                allow_partial: false,
                positions: resize.then_some(grids),
            }),
        }
    }
}

/// Takes the tensors of a file for a network with these parameters: values by the network's names, without those
/// that stay random, and the report.
///
/// # Errors
/// [`TransferError`] for weights of another network, architecture or stage, for tensors that are missing or do not
/// fit, and for numbers that are not finite.
pub fn transfer(
    file: &WeightsFile<'_>,
    network: &[ParameterInfo],
    options: &TransferOptions,
) -> Result<(Values, TransferReport), TransferError> {
    let names: Vec<&str> = network.iter().map(|p| p.name.as_str()).collect();
    let target = network_of(&names)?;
    let Sorted {
        origin,
        mut used,
        dropped,
        ..
    } = sort(file)?;
    let [found, wanted] = [origin.network, target.kind];
    // Their decoders share names, and were trained on features that mean other things.
    if (found == NetworkKind::Unet) != (wanted == NetworkKind::Unet) {
        return Err(TransferError::OtherArchitecture { found, wanted });
    }
    let mut report = TransferReport {
        origin,
        encoder: 0,
        encoder_taken: 0,
        numbers: 0,
        taken: Vec::new(),
        converted: Vec::new(),
        resized: Vec::new(),
        random: Vec::new(),
        dropped,
    };
    let mut values = Values::new();
    let mut missing = Missing::default();
    for parameter in network {
        let name = &parameter.name;
        let (part, bare) = target.part(name);
        let is_encoder = part == Part::Encoder;
        report.encoder += usize::from(is_encoder);
        let Some(source) = used.remove(bare) else {
            missing.note(name, is_encoder);
            report.random.push(reasoned(name, MISSING));
            continue;
        };
        let fitted = match source.fit(bare, &parameter.shape, options.positions.as_ref()) {
            Ok(fitted) => fitted,
            Err(TransferError::Shape { .. } | TransferError::Positions { .. })
                if options.allow_partial || (options.need == Need::Encoder && !is_encoder) =>
            {
                let shape = &source.tensor.shape;
                let why = format!("{shape:?} in the file, {:?} here", parameter.shape);
                report.random.push(reasoned(name, why));
                continue;
            }
            Err(error) => return Err(error),
        };
        if matches!(fitted, Fitted::Same(_)) {
            report.taken.push(name.clone());
        }
        let taken = fitted.note(name, &mut report.converted, &mut report.resized);
        report.encoder_taken += usize::from(is_encoder);
        report.numbers += taken.len();
        values.insert(name.clone(), taken);
    }

    missing.check(&report, &target, options)?;
    report.dropped.extend(left_over(&used, options)?);
    Ok((values, report))
}

/// Why the tensors of a file that a network has no place for are left out.
///
/// # Errors
/// [`TransferError::LeftOver`] where they are of the part that is needed.
fn left_over(
    used: &BTreeMap<String, Used<'_, '_>>,
    options: &TransferOptions,
) -> Result<Vec<Reasoned>, TransferError> {
    let needed = |source: &&Used<'_, '_>| match source.part {
        Part::Encoder => true,
        Part::Decoder => options.need == Need::All,
        _ => false,
    };
    let mut strict = used.values().filter(needed);
    if !options.allow_partial
        && let Some(first) = strict.next()
    {
        return Err(TransferError::LeftOver {
            first: first.tensor.name.clone(),
            count: strict.count() + 1,
        });
    }
    let dropped = used.values().map(|source| {
        let why = match source.part {
            Part::Head => "reconstruction head",
            Part::Decoder => "segmentation decoder",
            _ => "the network has no such tensor",
        };
        reasoned(&source.tensor.name, why)
    });
    Ok(dropped.collect())
}

/// Tensors of the network that are not in the file.
#[derive(Default)]
struct Missing {
    encoder: Vec<String>,
    others: Vec<String>,
}

impl Missing {
    fn note(&mut self, name: &str, is_encoder: bool) {
        let list = if is_encoder {
            &mut self.encoder
        } else {
            &mut self.others
        };
        list.push(name.to_owned());
    }

    /// Whether nothing but the last layer is missing, as where pre-training had a decoder.
    fn last_layer_alone(&self) -> bool {
        self.others.iter().all(|name| name.starts_with(HEAD))
    }

    fn check(
        &self,
        report: &TransferReport,
        target: &Recognised,
        options: &TransferOptions,
    ) -> Result<(), TransferError> {
        let incomplete = |found, total, first: &String| TransferError::Incomplete {
            found,
            total,
            first: first.clone(),
        };
        let no_encoder = report.encoder > 0 && report.encoder_taken == 0;
        if no_encoder || report.numbers == 0 {
            let first = self.encoder.first().or(self.others.first());
            return Err(incomplete(
                0,
                report.encoder,
                first.unwrap_or(&String::new()),
            ));
        }
        if options.allow_partial {
            return Ok(());
        }
        if let Some(first) = self.encoder.first() {
            return Err(incomplete(report.encoder_taken, report.encoder, first));
        }
        match self.others.first().filter(|_| options.need == Need::All) {
            Some(first)
                if target.kind == NetworkKind::Unetr
                    && (report.origin.network != target.kind || self.last_layer_alone()) =>
            {
                Err(TransferError::WrongStage {
                    kind: report.origin.network.to_string(),
                    missing: self.others.len(),
                    first: first.clone(),
                })
            }
            Some(first) => Err(TransferError::Parts {
                missing: self.others.len(),
                first: first.clone(),
            }),
            None => Ok(()),
        }
    }
}
