//! PyTorch checkpoints (`.pt`, `.pth`) without PyTorch, read from memory and written.
//!
//! Written from the format's description in PyTorch (`torch/serialization.py`, `caffe2/serialize`) and CPython
//! (`pickletools`). The crate `pytorch-reader` reads more flavours, but only from paths, loses the order of
//! tensors, passes over foreign names in silence and does not write.

mod globals;
mod input;
mod legacy;
mod machine;
mod node;
mod stack;
mod state_dict;
#[cfg(test)]
mod tests;
mod write;
mod zip;
mod zip_write;

pub(crate) use write::encode_pytorch;
pub use zip::Archive;
pub use zip_write::ArchiveWriter;

use crate::weights::source::{Contents, ReadError, SAVE_STATE_DICT, StoredTensor};
use machine::Pickle;
use node::Storage;
use state_dict::StateDict;
use std::collections::BTreeMap;

/// Whether a file begins as zip archives do.
pub(super) fn is_zip(file: &[u8]) -> bool {
    file.starts_with(b"PK\x03\x04")
}

pub(super) use legacy::{is_legacy, read_legacy};

/// Reads a checkpoint in the zip format of PyTorch 1.6 and later.
///
/// # Errors
/// [`ReadError`] says what is wrong with the file.
pub(super) fn read_zip(file: &[u8]) -> Result<Contents<'_>, ReadError> {
    let archive = Archive::open(file)?;
    let folder = pickle_folder(&archive)?;
    let entry = |name: &str| format!("{folder}{name}");
    let name = entry("data.pkl");
    archive.verify(&name)?;
    let big_endian = match archive.bytes(&entry("byteorder"))? {
        None | Some(b"little") => false,
        Some(b"big") => true,
        Some(_) => {
            return Err(ReadError::damaged(
                "its byte order is neither little nor big",
            ));
        }
    };
    let pickle = Pickle::read(archive.bytes(&name)?.unwrap_or_default())?;
    let found = state_dict::find(&pickle)?;
    contents(&found, big_endian, |storage| {
        let name = entry(&format!("data/{}", storage.key));
        archive.verify(&name)?;
        archive.bytes(&name)
    })
}

/// The folder of the pickle within the archive, with its slash.
fn pickle_folder<'a>(archive: &Archive<'a>) -> Result<&'a str, ReadError> {
    let mut folders = archive
        .names()
        .filter_map(|name| name.strip_suffix("data.pkl"))
        .filter(|folder| folder.is_empty() || folder.ends_with('/'));
    let folder = match (folders.next(), folders.next()) {
        (Some(folder), None) => folder,
        (None, _) => {
            return Err(ReadError::Unknown(
                "a zip archive without data.pkl, which no PyTorch checkpoint lacks".to_owned(),
            ));
        }
        (Some(_), Some(_)) => return Err(ReadError::damaged("two zip entries named data.pkl")),
    };
    // Only TorchScript keeps constants.
    if archive.has(&format!("{folder}constants.pkl")) {
        return Err(ReadError::Unsupported {
            what: "a TorchScript archive, which holds a program".to_owned(),
            remedy: SAVE_STATE_DICT,
        });
    }
    Ok(folder)
}

/// Puts tensors and storages together.
fn contents<'a>(
    found: &StateDict<'_, '_>,
    big_endian: bool,
    mut bytes: impl FnMut(&Storage<'_>) -> Result<Option<&'a [u8]>, ReadError>,
) -> Result<Contents<'a>, ReadError> {
    // Tensors may share a storage: its bytes are looked at once.
    let mut storages: BTreeMap<&str, &'a [u8]> = BTreeMap::new();
    let mut tensors = Vec::with_capacity(found.tensors.len());
    for (name, tensor) in &found.tensors {
        let storage = tensor.storage;
        let stored = match storages.get(storage.key) {
            Some(stored) => stored,
            None => {
                let stored = bytes(&storage)?.ok_or_else(|| {
                    let key = storage.key.escape_debug();
                    ReadError::Damaged(format!("storage {key} of tensor {name} is missing"))
                })?;
                storages.insert(storage.key, stored);
                stored
            }
        };
        let size = storage.element.map_or(1, |element| element.size());
        let claimed = storage.count.checked_mul(size);
        let stored = claimed.and_then(|n| stored.get(..n)).ok_or_else(|| {
            ReadError::Damaged(format!(
                "tensor {name} needs {} numbers, its storage has {} bytes",
                storage.count,
                stored.len()
            ))
        })?;
        tensors.push(StoredTensor::new(
            (*name).to_owned(),
            tensor.element,
            tensor.placement.clone(),
            stored,
            big_endian,
        )?);
    }
    Ok(Contents {
        metadata: BTreeMap::new(),
        wrapper: (!found.wrappers.is_empty()).then(|| found.wrappers.join(".")),
        tensors,
        ignored: found
            .ignored
            .iter()
            .map(|name| (*name).to_owned())
            .collect(),
    })
}
