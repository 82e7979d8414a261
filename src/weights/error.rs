//! What can be wrong with a set of weights.

use crate::kernels::DeviceLost;
use crate::weights::{ReadError, TransferError};

/// A set of weights that does not belong to the network, or cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// A parameter of the network is not there.
    #[error(
        "the weights lack {missing} of the network's {total} tensors, {first} among them: they belong to another network or preset"
    )]
    Missing {
        /// Name of the first missing tensor.
        first: String,
        /// How many are missing.
        missing: usize,
        /// Tensors of the network.
        total: usize,
    },
    /// A tensor has another number of elements.
    #[error(
        "tensor {name} has {found} numbers where the network needs {expected}: the weights belong to another network or preset"
    )]
    Size {
        /// Name of the tensor.
        name: String,
        /// Numbers in the weights.
        found: usize,
        /// Numbers in the network.
        expected: usize,
    },
    /// Not a safetensors file, or one of other types.
    #[error("not a readable safetensors file: {0}")]
    Format(String),
    /// A weights file that cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Weights that do not fit the network.
    #[error(transparent)]
    Transfer(#[from] TransferError),
    /// The device failed while tensors were read back.
    #[error("the device failed while weights were read back: {0}")]
    Device(#[from] DeviceLost),
}
