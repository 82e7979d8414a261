//! Parameters by name: what the networks' tensors are called and how they lie in files.
//!
//! Names and layouts on disk are PyTorch's, so that files travel both ways without renaming. In memory, weights
//! that multiply from the right keep their output axis last; the change of layout happens here and nowhere else.

mod door;
mod error;
mod file;

pub(crate) use door::PathStack;
pub use door::{DiskLayout, Named, ParameterInfo, Values, collect, describe, export, fill};
pub use error::WeightsError;
pub use file::{decode, encode};

use crate::nn::initial_value;

/// Fills a network with the initial values of specification 5.6.
///
/// # Errors
/// [`WeightsError`] never in practice: the values are drawn for the network's own description.
pub fn initialise<M: Named>(network: M, seed: u64) -> Result<M, WeightsError> {
    let parameters = describe(&network);
    let values = parameters
        .iter()
        .map(|p| p.name.clone())
        .zip(initial_value(&parameters, seed))
        .collect();
    fill(network, &values)
}
