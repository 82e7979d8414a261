//! What became of every tensor of a file.

use crate::weights::source::FileFormat;
use crate::weights::transfer::NetworkKind;
use crate::weights::{ENCODER, HEAD};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Why a tensor stays random that the file lacks.
pub(super) const MISSING: &str = "not in the file";

/// A tensor, and why it is in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reasoned {
    /// Its name.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// Where weights come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Kind of the file.
    pub format: FileFormat,
    /// The network in it.
    pub network: NetworkKind,
    /// Under which names the tensors lay in a checkpoint, such as `state_dict`.
    pub wrapper: Option<String>,
    /// What stood before every name, such as `module.`.
    pub prefix: String,
    /// What else the file holds, such as `optimizer`.
    pub ignored: Vec<String>,
}

/// What a network took from a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferReport {
    /// Where the weights come from.
    pub origin: Origin,
    /// Tensors of the network's encoder.
    pub encoder: usize,
    /// Those of them that the file gave, in any way.
    pub encoder_taken: usize,
    /// Numbers that the file gave.
    pub numbers: usize,
    /// Tensors taken as they are, by the network's name.
    pub taken: Vec<String>,
    /// Tensors taken in another layout or type, and how.
    pub converted: Vec<Reasoned>,
    /// Tensors interpolated, and from what to what.
    pub resized: Vec<Reasoned>,
    /// Tensors of the network left as they were drawn, and why.
    pub random: Vec<Reasoned>,
    /// Tensors of the file that were left out, and why.
    pub dropped: Vec<Reasoned>,
}

impl TransferReport {
    /// Tensors of the decoder that stay random although the file has a decoder: those it has in another size, and those it
    /// lacks. The last layer, which may be of other classes, does not count.
    pub fn random_decoder(&self) -> [usize; 2] {
        let counts = |tensor: &&Reasoned| {
            self.origin.network == NetworkKind::Unetr
                && ![ENCODER, HEAD]
                    .iter()
                    .any(|part| tensor.name.starts_with(part))
        };
        let random = self.random.iter().filter(counts);
        let (missing, resized): (Vec<_>, Vec<_>) =
            random.partition(|tensor| tensor.reason == MISSING);
        [resized.len(), missing.len()]
    }

    /// The same in words, those of another size first.
    pub fn random_decoder_notices(&self) -> Vec<String> {
        let [resized, missing] = self.random_decoder();
        let (of_size, lacking) = ("of another size in the file", "not in the file");
        [(resized, of_size), (missing, lacking)]
            .into_iter()
            .filter_map(|(count, why)| match count {
                0 => None,
                1 => Some(format!("1 tensor of the decoder is {why} and stays random")),
                count => Some(format!(
                    "{count} tensors of the decoder are {why} and stay random"
                )),
            })
            .collect()
    }

    /// What is to be said of weights to start from where not all of them were taken as they are.
    pub fn notice(&self) -> Option<String> {
        let resized = self.resized.first().map(|tensor| {
            let grids = &tensor.reason;
            format!("the position embeddings were interpolated ({grids})")
        });
        let random = self.random_decoder_notices();
        let parts: Vec<String> = resized.into_iter().chain(random).collect();
        (!parts.is_empty())
            .then(|| format!("Of the weights to start from, {}.", parts.join(", and ")))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format = match self.format {
            FileFormat::Safetensors => "safetensors file",
            FileFormat::PyTorch => "PyTorch file",
            FileFormat::LegacyPyTorch => "PyTorch file of before 1.6",
        };
        write!(f, "{} in a {format}", self.network)?;
        if let Some(wrapper) = &self.wrapper {
            write!(f, ", under {wrapper}")?;
        }
        if !self.prefix.is_empty() {
            write!(f, ", prefix {}", self.prefix)?;
        }
        if !self.ignored.is_empty() {
            let shown: Vec<&str> = self.ignored.iter().take(5).map(String::as_str).collect();
            let more = if self.ignored.len() > 5 { ", ..." } else { "" };
            write!(f, ", beside {}{more}", shown.join(", "))?;
        }
        Ok(())
    }
}

impl fmt::Display for TransferReport {
    /// A line for every list that is not empty, without a line break at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let others = self.taken.len() + self.converted.len() + self.resized.len();
        let others = others.saturating_sub(self.encoder_taken);
        write!(f, "weights: {}\n  taken: ", self.origin)?;
        write!(
            f,
            "{} of {} encoder tensors",
            self.encoder_taken, self.encoder
        )?;
        if others > 0 {
            write!(f, ", {others} others")?;
        }
        write!(f, " ({:.1} million numbers)", self.numbers as f64 / 1e6)?;
        write_groups(f, "converted", &self.converted)?;
        write_groups(f, "resized", &self.resized)?;
        write_groups(f, "left random", &self.random)?;
        write_groups(f, "dropped", &self.dropped)
    }
}

/// A line that counts a list by reason.
pub(super) fn write_groups(
    f: &mut fmt::Formatter<'_>,
    what: &str,
    list: &[Reasoned],
) -> fmt::Result {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for entry in list {
        groups.entry(&entry.reason).or_default().push(&entry.name);
    }
    for (i, (reason, names)) in groups.iter().enumerate() {
        match i {
            0 => write!(f, "\n  {what}: ")?,
            _ => write!(f, "; ")?,
        }
        match names[..] {
            [name] => write!(f, "{name} ({reason})")?,
            _ => write!(f, "{} tensors ({reason})", names.len())?,
        }
    }
    Ok(())
}

/// An entry of a list.
pub(super) fn reasoned(name: impl Into<String>, reason: impl Into<String>) -> Reasoned {
    Reasoned {
        name: name.into(),
        reason: reason.into(),
    }
}
