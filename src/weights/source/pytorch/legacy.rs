//! The format before PyTorch 1.6: five pickles one after the other, then the storages.

use super::machine::Pickle;
use super::node::Node;
use super::{contents, state_dict};
use crate::weights::source::{Contents, ReadError};
use std::collections::BTreeMap;

/// The first pickle in protocol 2: the number 0x1950a86a20f9469cfc6c.
pub(super) const MAGIC: &[u8] = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.";

/// Whether a file begins as files before PyTorch 1.6 do.
pub(in crate::weights::source) fn is_legacy(file: &[u8]) -> bool {
    file.starts_with(MAGIC)
}

/// Reads a checkpoint in the format before PyTorch 1.6.
///
/// # Errors
/// [`ReadError`] says what is wrong with the file.
pub(in crate::weights::source) fn read_legacy(file: &[u8]) -> Result<Contents<'_>, ReadError> {
    let mut rest = file;
    let mut next = || {
        let pickle = Pickle::read(rest)?;
        rest = rest.get(pickle.length..).unwrap_or_default();
        Ok::<_, ReadError>(pickle)
    };
    let (_magic, _version, _system, saved, keys) = (next()?, next()?, next()?, next()?, next()?);
    let Node::List(keys_in_order) = keys.nodes.get(keys.root) else {
        return Err(ReadError::damaged("its list of storages is missing"));
    };

    // Sizes of elements stand only where tensors are described.
    let found = state_dict::find(&saved)?;
    let sizes = saved
        .nodes
        .storages()
        .map(|s| (s.key, s.element.map_or(1, |e| e.size())));
    let sizes: BTreeMap<&str, usize> = sizes.collect();
    let mut storages = BTreeMap::new();
    for id in keys_in_order {
        let key = keys.nodes.text(*id).unwrap_or_default();
        let cut = || ReadError::Damaged(format!("it ends within storage {}", key.escape_debug()));
        let (count, after) = rest.split_first_chunk::<8>().ok_or_else(cut)?;
        let size = sizes.get(key).copied().ok_or_else(cut)?;
        let split = |count: u64| {
            let length = usize::try_from(count).ok()?.checked_mul(size)?;
            after.split_at_checked(length)
        };
        // Old versions wrote the count, and it alone, in the machine's own byte order.
        let (bytes, after) = split(u64::from_le_bytes(*count))
            .or_else(|| split(u64::from_be_bytes(*count)))
            .ok_or_else(cut)?;
        storages.insert(key, bytes);
        rest = after;
    }
    contents(&found, false, |storage| {
        Ok(storages.get(storage.key).copied())
    })
}
