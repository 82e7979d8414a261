//! What the reader of a format hands on.

use super::tensor::StoredTensor;
use std::collections::BTreeMap;

/// What the readers of the formats find.
pub(super) struct Contents<'a> {
    pub(super) wrapper: Option<String>,
    pub(super) tensors: Vec<StoredTensor<'a>>,
    pub(super) ignored: Vec<String>,
    pub(super) metadata: BTreeMap<String, String>,
}
