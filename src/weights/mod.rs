//! Parameters by name: what the networks' tensors are called and how they lie in files.
//!
//! Names and layouts on disk are PyTorch's, so that files travel both ways without renaming. In memory, weights
//! that multiply from the right keep their output axis last; the change of layout happens here and nowhere else.
//! [`WeightsFile`] reads files of other programs, [`transfer()`] takes what a network needs from them, and
//! [`convert`] writes them anew; none of the three knows tensors.

mod error;
mod file;
mod init;
mod layout;
mod naming;
mod source;
mod transfer;

pub use error::WeightsError;
pub use file::{CARD_ENTRY, decode, encode};
pub(crate) use layout::PathStack;
pub use layout::{DiskLayout, ParameterInfo, Values, collect, describe, export, fill};
pub use naming::{ENCODER, HEAD, Named};
pub use source::{
    Archive, ArchiveWriter, ElementType, FileFormat, ReadError, StoredTensor, WeightsFile,
};
pub use transfer::{
    CardFate, ConvertOptions, ConvertReport, MonaiVersion, Need, NetworkKind, Origin, OutputFormat,
    PatchGrids, Reasoned, TransferError, TransferOptions, TransferReport, convert, transfer,
};

use init::initial_value;

/// A text of a stranger's file without characters that act on a terminal.
pub(crate) fn printable(text: &str) -> String {
    let shown = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(shown).collect()
}

/// Fills a network with the initial values of specification 5.6.
///
/// # Errors
/// [`WeightsError`] never in practice: the values are drawn for the network's own description.
pub fn initialise<M: Named>(network: M, seed: u64) -> Result<M, WeightsError> {
    initialise_with(network, seed, Values::new())
}

/// Fills a network with these values, such as [`transfer`] returns, and with initial values where there are none.
///
/// # Errors
/// [`WeightsError::Size`] for a value of another length than its parameter.
pub fn initialise_with<M: Named>(network: M, seed: u64, given: Values) -> Result<M, WeightsError> {
    let parameters = describe(&network);
    let mut values: Values = parameters
        .iter()
        .map(|p| p.name.clone())
        .zip(initial_value(&parameters, seed))
        .collect();
    values.extend(given);
    fill(network, &values)
}
