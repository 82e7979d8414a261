//! Why a weights file cannot be read.

/// A file that is no weights file, or one that is damaged or holds more than weights.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Neither of the formats.
    #[error("neither a safetensors nor a PyTorch file: {0}")]
    Unknown(String),
    /// Bytes that contradict each other.
    #[error("damaged weights file: {0}; copy or download it again")]
    Damaged(String),
    /// A pickle that asks for code.
    #[error(
        "the PyTorch file names {module}.{name}, which is code and no weights; nothing was run. Save the weights alone with the program that made it: torch.save(model.state_dict(), \"weights.pt\")"
    )]
    Foreign {
        /// The Python module.
        module: String,
        /// What it is called there.
        name: String,
    },
    /// A flavour that is not read.
    #[error("{what}: {remedy}")]
    Unsupported {
        /// What the file is.
        what: String,
        /// What helps.
        remedy: &'static str,
    },
    /// More than any weights file has.
    #[error("the file claims {0}, more than weights need: it was made to exhaust memory")]
    Excessive(String),
    /// No tensor where weights should be.
    #[error(
        "no tensors in the file; it holds {0}: save the weights with torch.save(model.state_dict(), \"weights.pt\")"
    )]
    Empty(String),
}

/// Advice for files that are more than weights.
pub(super) const SAVE_STATE_DICT: &str =
    "save the weights alone in Python: torch.save(model.state_dict(), \"weights.pt\")";

impl ReadError {
    pub(super) fn damaged(what: impl Into<String>) -> Self {
        ReadError::Damaged(what.into())
    }
}
