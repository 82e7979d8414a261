//! Weights files of every kind as named tensors, told apart by their content.
//!
//! Reading executes nothing, allocates in proportion to the file, and leaves numbers in the file's bytes until
//! they are asked for.

mod contents;
mod element;
mod error;
mod pytorch;
mod safetensors;
mod tensor;

pub use element::ElementType;
pub use error::ReadError;
pub(crate) use pytorch::encode_pytorch;
pub use pytorch::{Archive, ArchiveWriter};
pub use tensor::StoredTensor;

use contents::Contents;
use error::SAVE_STATE_DICT;
use std::collections::BTreeMap;

/// Most numbers per byte of the file, over all its tensors: halves that two names share have one.
const NUMBERS_PER_BYTE: usize = 2;

/// The kinds of weights files that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileFormat {
    /// What this program writes.
    Safetensors,
    /// `torch.save` since PyTorch 1.6.
    PyTorch,
    /// `torch.save` before PyTorch 1.6.
    LegacyPyTorch,
}

/// What a weights file holds.
#[derive(Debug)]
pub struct WeightsFile<'a> {
    /// Its kind.
    pub format: FileFormat,
    /// Under which names the tensors lie within a checkpoint, such as `state_dict`.
    pub wrapper: Option<String>,
    /// The tensors in the order of the file, or of their names.
    pub tensors: Vec<StoredTensor<'a>>,
    /// What else is there, such as `optimizer` and `epoch`.
    pub ignored: Vec<String>,
    /// Free text by name that safetensors files may hold.
    pub metadata: BTreeMap<String, String>,
}

impl<'a> WeightsFile<'a> {
    /// Reads what the bytes of a file hold.
    ///
    /// # Errors
    /// [`ReadError`] says what is wrong with the file.
    pub fn open(file: &'a [u8]) -> Result<Self, ReadError> {
        let (format, contents) = if pytorch::is_zip(file) {
            (FileFormat::PyTorch, pytorch::read_zip(file)?)
        } else if pytorch::is_legacy(file) {
            (FileFormat::LegacyPyTorch, pytorch::read_legacy(file)?)
        } else if safetensors::is_safetensors(file) {
            (
                FileFormat::Safetensors,
                safetensors::read_safetensors(file)?,
            )
        } else {
            return Err(unknown(file));
        };
        let Contents {
            wrapper,
            tensors,
            ignored,
            metadata,
        } = contents;
        let numbers = tensors
            .iter()
            .try_fold(0usize, |sum, tensor| sum.checked_add(tensor.count()));
        let most = file.len().saturating_mul(NUMBERS_PER_BYTE);
        if numbers.is_none_or(|numbers| numbers > most) {
            return Err(ReadError::Excessive(format!(
                "more than {most} numbers in {} bytes",
                file.len()
            )));
        }
        Ok(WeightsFile {
            format,
            wrapper,
            tensors,
            ignored,
            metadata,
        })
    }

    /// Numbers in all tensors together.
    pub fn numbers(&self) -> usize {
        self.tensors.iter().map(StoredTensor::count).sum()
    }
}

/// What a file that is not read looks like.
fn unknown(file: &[u8]) -> ReadError {
    match file {
        [] => ReadError::Unknown("it is empty".to_owned()),
        [0x80, 2..=5, ..] => ReadError::Unsupported {
            what: "a pickle without PyTorch's storages".to_owned(),
            remedy: SAVE_STATE_DICT,
        },
        [0x1f, 0x8b, ..] => ReadError::Unknown("it is compressed with gzip".to_owned()),
        [0x89, b'H', b'D', b'F', ..] => ReadError::Unknown("it is HDF5, as of Keras".to_owned()),
        _ => {
            let shown: Vec<String> = file
                .iter()
                .take(8)
                .map(|byte| format!("{byte:02x}"))
                .collect();
            ReadError::Unknown(format!("it begins with the bytes {}", shown.join(" ")))
        }
    }
}
