//! A volume source over image files: read, prepared and cached.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Cache, Case, DatasetError, VolumeSource};
use crate::transform::PretrainTransform;
use crate::volume::{self, Volume};

/// Raise it when reading or preparing changes its result for the same file and parameters: cached
/// volumes of the old code are then not used.
const RECIPE: u32 = 1;

/// The images of a data list, prepared for pre-training (steps 1-6 of spec section 3).
///
/// Several sources may share a cache, and with it one memory budget.
#[derive(Debug, Clone)]
pub struct FileSource {
    images: Vec<PathBuf>,
    transform: PretrainTransform,
    settings: String,
    cache: Arc<Cache>,
}

impl FileSource {
    /// A source of the images of `cases`, in their order.
    pub fn new(cases: &[Case], transform: PretrainTransform, cache: Arc<Cache>) -> Self {
        FileSource {
            images: cases.iter().map(|case| case.image.clone()).collect(),
            transform,
            settings: settings(&transform),
            cache,
        }
    }
}

/// Reads one image and prepares it for pre-training (steps 1-6 of spec section 3), without any cache.
///
/// # Errors
/// A file that cannot be read, looks like a label map or has no foreground; the message names it.
pub fn prepare_file(path: &Path, transform: &PretrainTransform) -> Result<Volume, DatasetError> {
    let volume = volume::read(path)?;
    if let Some(largest) = volume::looks_like_labels(&volume) {
        let path = path.to_path_buf();
        return Err(DatasetError::LabelMap { path, largest });
    }
    transform
        .apply(&volume)
        .map_err(|source| DatasetError::Transform {
            name: path.display().to_string(),
            source,
        })
}

impl VolumeSource for FileSource {
    fn len(&self) -> usize {
        self.images.len()
    }

    fn volume(&self, index: usize) -> Result<Arc<Volume>, DatasetError> {
        let len = self.len();
        let path = self.images.get(index);
        let path = path.ok_or(DatasetError::NoSuchCase { index, len })?;
        self.cache.get(&[path], &self.settings, || {
            prepare_file(path, &self.transform)
        })
    }

    fn name(&self, index: usize) -> String {
        self.images
            .get(index)
            .and_then(|path| path.file_name())
            .map_or_else(
                || format!("case {index}"),
                |name| name.to_string_lossy().into_owned(),
            )
    }
}

/// Everything besides the file that the prepared volume depends on. Rust writes the shortest digits that
/// read back to the same float, so different settings have different texts.
fn settings(transform: &PretrainTransform) -> String {
    let PretrainTransform {
        spacing,
        window,
        patch,
    } = transform;
    format!(
        "pretrain {RECIPE} spacing {spacing:?} window [{:?}, {:?}] patch {patch:?}",
        window.min, window.max
    )
}
