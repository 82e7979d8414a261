//! Where prepared volumes come from: the [`VolumeSource`] trait, and volumes held in memory.

use std::sync::Arc;

use super::DatasetError;
use crate::transform::{FinetuneTransform, Labelled, PretrainTransform};
use crate::volume::Volume;

/// An indexed set of prepared volumes, ready to be cropped: images alone (specification 3, steps 3 to 6),
/// or with `T` = [`Labelled`] images with their labels (specification 4, steps 3 to 6).
pub trait VolumeSource<T = Volume>: Send + Sync {
    /// How many cases there are.
    fn len(&self) -> usize;

    /// Whether there is no case.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The prepared volume of case `index`, counted from 0. The same index always gives the same volume.
    ///
    /// # Errors
    /// The case does not exist, cannot be read or cannot be prepared; the message names it.
    fn volume(&self, index: usize) -> Result<Arc<T>, DatasetError>;

    /// A short name of case `index` for captions and messages.
    fn name(&self, index: usize) -> String;
}

/// Volumes held in memory: phantoms, and what a page was given.
#[derive(Debug, Clone)]
pub struct MemorySource<T = Volume> {
    cases: Vec<(String, Arc<T>)>,
}

impl<T> Default for MemorySource<T> {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl<T> MemorySource<T> {
    /// A source of volumes that are prepared already, each with its name.
    pub fn new(cases: Vec<(String, Arc<T>)>) -> Self {
        MemorySource { cases }
    }
}

impl MemorySource {
    /// Prepares raw volumes, each with its name, and holds the results.
    ///
    /// # Errors
    /// The first volume that cannot be prepared, by its name.
    pub fn prepare(
        raw: impl IntoIterator<Item = (String, Volume)>,
        transform: &PretrainTransform,
    ) -> Result<Self, DatasetError> {
        let prepare = |(name, volume): (String, Volume)| match transform.apply(&volume) {
            Ok(volume) => Ok((name, Arc::new(volume))),
            Err(source) => Err(DatasetError::Transform { name, source }),
        };
        let cases = raw.into_iter().map(prepare).collect::<Result<_, _>>()?;
        Ok(MemorySource { cases })
    }
}

impl MemorySource<Labelled> {
    /// Prepares raw images with their label maps, each pair with its name, and holds the results.
    ///
    /// # Errors
    /// The first case that cannot be prepared, by its name.
    pub fn prepare_labelled(
        raw: impl IntoIterator<Item = (String, Volume, Volume)>,
        transform: &FinetuneTransform,
    ) -> Result<Self, DatasetError> {
        let prepare = |(name, image, label): (String, Volume, Volume)| match transform
            .labelled(image, &label)
        {
            Ok(case) => Ok((name, Arc::new(case))),
            Err(source) => Err(DatasetError::Transform { name, source }),
        };
        let cases = raw.into_iter().map(prepare).collect::<Result<_, _>>()?;
        Ok(MemorySource { cases })
    }
}

impl<T: Send + Sync> VolumeSource<T> for MemorySource<T> {
    fn len(&self) -> usize {
        self.cases.len()
    }

    fn volume(&self, index: usize) -> Result<Arc<T>, DatasetError> {
        let len = self.len();
        self.cases
            .get(index)
            .map(|(_, volume)| Arc::clone(volume))
            .ok_or(DatasetError::NoSuchCase { index, len })
    }

    fn name(&self, index: usize) -> String {
        self.cases
            .get(index)
            .map_or_else(|| format!("case {index}"), |(name, _)| name.clone())
    }
}
