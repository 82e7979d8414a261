//! Which cases make up the batch of a step, and its random key, for both stages.

use super::{DatasetError, VolumeSource};
use crate::augment::AugmentError;
use crate::random::{SampleKey, Stage, epoch_order};

/// What an epoch changes in the batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Draw {
    /// Order of cases, crops and corruption are drawn anew in each epoch: training, and the original's
    /// validation.
    EachEpoch,
    /// Cases in the list's order, with the same crops and corruption in each epoch, so that the losses
    /// of two epochs differ by the model alone: validation by default.
    Fixed,
}

/// The order of the cases of a run.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// The run's seed.
    pub(super) seed: u64,
    /// Keeps the random numbers of training and validation apart.
    pub(super) stage: Stage,
    /// What an epoch changes.
    pub(super) draw: Draw,
    /// How many cases there are.
    pub(super) cases: usize,
    /// Cases a batch.
    pub(super) batch: usize,
    /// Patches a case.
    pub(super) samples: usize,
}

impl Plan {
    /// The steps of an epoch, the short last one included.
    ///
    /// # Errors
    /// [`DatasetError::NoBatch`] when there is no case, or a batch would hold no patch.
    pub(super) fn steps_per_epoch(&self) -> Result<u64, DatasetError> {
        if self.cases == 0 {
            return Err(DatasetError::NoBatch("there is no case"));
        }
        if self.batch == 0 || self.samples == 0 {
            return Err(DatasetError::NoBatch(
                "volumes a batch and samples a volume must be at least 1",
            ));
        }
        let steps = self.cases.div_ceil(self.batch);
        Ok(u64::try_from(steps).unwrap_or(u64::MAX))
    }

    /// The indices of the cases of a step of an epoch.
    ///
    /// # Errors
    /// [`DatasetError::NoBatch`] when the epoch has no such step.
    pub(super) fn cases(&self, epoch: u64, step: u64) -> Result<Vec<usize>, DatasetError> {
        let order: Vec<usize> = match self.draw {
            Draw::EachEpoch => epoch_order(self.cases, self.key(epoch, 0)),
            Draw::Fixed => (0..self.cases).collect(),
        };
        let step = usize::try_from(step).unwrap_or(usize::MAX);
        let batch = order.chunks(self.batch.max(1)).nth(step);
        let batch = batch.ok_or(DatasetError::NoBatch("the epoch has fewer steps"))?;
        Ok(batch.to_vec())
    }

    /// Has `cut` write the patches of each of `cases` into its places, each with its key; gives the cases' names.
    ///
    /// # Errors
    /// Those of the volumes, and those of `cut` with the case's name.
    pub(super) fn fill<T, P>(
        &self,
        (epoch, step): (u64, u64),
        source: &dyn VolumeSource<T>,
        cases: &[usize],
        places: impl IntoIterator<Item = P>,
        mut cut: impl FnMut(&T, &mut dyn Iterator<Item = (SampleKey, P)>) -> Result<(), AugmentError>,
    ) -> Result<Vec<String>, DatasetError> {
        let first = self.key(epoch, step);
        let keys = (0..).map(|sample| SampleKey { sample, ..first });
        let mut places = keys.zip(places);
        let mut of_case = |case: &usize| {
            let (item, name) = (source.volume(*case)?, source.name(*case));
            match cut(&item, &mut places.by_ref().take(self.samples)) {
                Ok(()) => Ok(name),
                Err(source) => Err(DatasetError::Augment { name, source }),
            }
        };
        cases.iter().map(&mut of_case).collect()
    }

    /// The key of the first patch of a step.
    pub(super) fn key(&self, epoch: u64, step: u64) -> SampleKey {
        SampleKey {
            seed: self.seed,
            stage: self.stage,
            epoch: match self.draw {
                Draw::EachEpoch => epoch,
                Draw::Fixed => 0,
            },
            step,
            sample: 0,
        }
    }
}

/// Room for a batch. Sizes come from the user's settings, so too much is an error, not an abort.
pub(super) fn buffer<T: Clone + Default>(
    patches: usize,
    voxels: usize,
) -> Result<Vec<T>, DatasetError> {
    let too_large =
        || DatasetError::NoBatch("it does not fit into memory; choose a smaller batch or patch");
    let len = patches.checked_mul(voxels).ok_or_else(too_large)?;
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(len).map_err(|_| too_large())?;
    buffer.resize(len, T::default());
    Ok(buffer)
}
