//! Batches of the pre-training: cropped patches and their two corrupted views (spec section 3.6).

use std::sync::Arc;

use super::{DatasetError, VolumeSource};
use crate::augment::{self, CorruptionSpec, RandomKey, Stage, Transform};

/// What a batch is made of.
#[derive(Debug, Clone)]
pub struct BatchSettings {
    /// The run's seed.
    pub seed: u64,
    /// Keeps the random numbers of training and validation apart.
    pub stage: Stage,
    /// Volumes a batch; the last batch of an epoch may have fewer.
    pub batch_volumes: usize,
    /// Patches cut from each volume.
    pub samples_per_volume: usize,
    /// Voxels per axis of a patch.
    pub patch: [usize; 3],
    /// How the views are corrupted.
    pub corruption: CorruptionSpec,
    /// What an epoch changes.
    pub draw: Draw,
}

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

/// One batch on the host. The patches stand one after the other, volume by volume, each in C order:
/// `[patches, patch[0], patch[1], patch[2]]`.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingBatch {
    /// The epoch, from 0.
    pub epoch: u64,
    /// The step within the epoch, from 0.
    pub step: u64,
    /// The names of the volumes, in the order of the patches.
    pub names: Vec<String>,
    /// The clean patches.
    pub target: Vec<f32>,
    /// The first corrupted view of each patch.
    pub view1: Vec<f32>,
    /// The second corrupted view of each patch.
    pub view2: Vec<f32>,
    /// How many patches there are.
    pub patches: usize,
    /// Voxels per axis of a patch.
    pub patch: [usize; 3],
}

/// All batches of a run; each is a pure function of its epoch and step.
#[derive(Clone)]
pub struct Batches {
    source: Arc<dyn VolumeSource>,
    settings: BatchSettings,
    steps_per_epoch: u64,
}

impl Batches {
    /// The batches of `source`.
    ///
    /// # Errors
    /// [`DatasetError::NoBatch`] when there is no case, or a batch would hold no patch;
    /// [`DatasetError::Settings`] when the corruption does not fit the patch.
    pub fn new(
        source: Arc<dyn VolumeSource>,
        settings: BatchSettings,
    ) -> Result<Self, DatasetError> {
        if source.is_empty() {
            return Err(DatasetError::NoBatch("there is no case"));
        }
        if settings.batch_volumes == 0 || settings.samples_per_volume == 0 {
            return Err(DatasetError::NoBatch(
                "volumes a batch and samples a volume must be at least 1",
            ));
        }
        settings
            .corruption
            .validate(settings.patch)
            .map_err(DatasetError::Settings)?;
        let steps = source.len().div_ceil(settings.batch_volumes);
        Ok(Batches {
            source,
            settings,
            steps_per_epoch: u64::try_from(steps).unwrap_or(u64::MAX),
        })
    }

    /// Steps of an epoch, the short last one included.
    pub fn steps_per_epoch(&self) -> u64 {
        self.steps_per_epoch
    }

    /// The batch of a step counted over all epochs, from 0.
    ///
    /// # Errors
    /// As [`Batches::make`].
    pub fn at(&self, step: u64) -> Result<TrainingBatch, DatasetError> {
        self.make(step / self.steps_per_epoch, step % self.steps_per_epoch)
    }

    /// The batch of a step of an epoch, both from 0.
    ///
    /// # Errors
    /// [`DatasetError::NoBatch`] when the epoch has no such step or the batch does not fit into memory;
    /// the errors of the volumes and of the augmentation, with the case's name.
    pub fn make(&self, epoch: u64, step: u64) -> Result<TrainingBatch, DatasetError> {
        if step >= self.steps_per_epoch {
            return Err(DatasetError::NoBatch("the epoch has fewer steps"));
        }
        let BatchSettings {
            patch, corruption, ..
        } = &self.settings;
        let first = self.key(epoch, step);
        let cases = self.cases(first);
        let voxels: usize = patch.iter().product();
        let patches = cases.len().saturating_mul(self.settings.samples_per_volume);
        let mut target = buffer(patches, voxels)?;
        let mut view1 = buffer(patches, voxels)?;
        let mut view2 = buffer(patches, voxels)?;
        let mut names = Vec::new();

        let views = view1.chunks_mut(voxels).zip(view2.chunks_mut(voxels));
        let mut places = (0..).zip(target.chunks_mut(voxels).zip(views));
        for case in cases {
            let volume = self.source.volume(case)?;
            let name = self.source.name(case);
            for (sample, (target, (view1, view2))) in
                places.by_ref().take(self.settings.samples_per_volume)
            {
                let key = RandomKey { sample, ..first };
                let out = [target, view1, view2];
                augment::write_views(&volume, *patch, corruption, key, out).map_err(|source| {
                    let name = name.clone();
                    DatasetError::Augment { name, source }
                })?;
            }
            names.push(name);
        }
        Ok(TrainingBatch {
            epoch,
            step,
            names,
            target,
            view1,
            view2,
            patches,
            patch: *patch,
        })
    }

    /// The indices of the cases of the step `key` is of.
    fn cases(&self, key: RandomKey) -> Vec<usize> {
        let count = self.source.len();
        let order: Vec<usize> = match self.settings.draw {
            Draw::EachEpoch => augment::epoch_order(count, RandomKey { step: 0, ..key }),
            Draw::Fixed => (0..count).collect(),
        };
        let step = usize::try_from(key.step).unwrap_or(usize::MAX);
        let mut batches = order.chunks(self.settings.batch_volumes);
        batches.nth(step).unwrap_or_default().to_vec()
    }

    /// The key of the first patch of a step. Order and augmentation set its transform themselves.
    fn key(&self, epoch: u64, step: u64) -> RandomKey {
        RandomKey {
            seed: self.settings.seed,
            stage: self.settings.stage,
            epoch: match self.settings.draw {
                Draw::EachEpoch => epoch,
                Draw::Fixed => 0,
            },
            step,
            sample: 0,
            transform: Transform::Order,
        }
    }
}

/// Room for a batch. Sizes come from the user's settings, so too much is an error, not an abort.
fn buffer(patches: usize, voxels: usize) -> Result<Vec<f32>, DatasetError> {
    let too_large =
        || DatasetError::NoBatch("it does not fit into memory; choose a smaller batch or patch");
    let len = patches.checked_mul(voxels).ok_or_else(too_large)?;
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(len).map_err(|_| too_large())?;
    buffer.resize(len, 0.0);
    Ok(buffer)
}

#[cfg(test)]
mod tests;
