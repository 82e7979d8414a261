//! Batches of the pre-training: cropped patches and their two corrupted views (specification 3.6).

use std::sync::Arc;

use super::plan::{Draw, Plan, buffer};
use super::{DatasetError, VolumeSource};
use crate::augment::{self, CorruptionSpec};
use crate::random::Stage;
use crate::volume::Volume;

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
    plan: Plan,
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
        let plan = Plan {
            seed: settings.seed,
            stage: settings.stage,
            draw: settings.draw,
            cases: source.len(),
            batch: settings.batch_volumes,
            samples: settings.samples_per_volume,
        };
        let steps_per_epoch = plan.steps_per_epoch()?;
        settings
            .corruption
            .validate(settings.patch)
            .map_err(DatasetError::Settings)?;
        Ok(Batches {
            source,
            settings,
            plan,
            steps_per_epoch,
        })
    }

    /// Volumes of an epoch.
    pub fn volumes(&self) -> usize {
        self.source.len()
    }

    /// Steps of an epoch, the short last one included.
    pub fn steps_per_epoch(&self) -> u64 {
        self.steps_per_epoch
    }

    /// The volume that the first patches of a step of an epoch are cut from, both from 0.
    ///
    /// # Errors
    /// [`DatasetError::NoBatch`] when the epoch has no such step; the errors of the volume.
    pub fn first_volume(&self, epoch: u64, step: u64) -> Result<Arc<Volume>, DatasetError> {
        let cases = self.plan.cases(epoch, step)?;
        self.source.volume(cases.first().copied().unwrap_or(0))
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
        let cases = self.plan.cases(epoch, step)?;
        let BatchSettings {
            patch, corruption, ..
        } = &self.settings;
        let voxels: usize = patch.iter().product();
        let patches = cases.len().saturating_mul(self.settings.samples_per_volume);
        let mut target = buffer(patches, voxels)?;
        let mut view1 = buffer(patches, voxels)?;
        let mut view2 = buffer(patches, voxels)?;

        let views = view1.chunks_mut(voxels).zip(view2.chunks_mut(voxels));
        let places = target.chunks_mut(voxels).zip(views);
        let source = self.source.as_ref();
        let names = (self.plan).fill((epoch, step), source, &cases, places, |volume, places| {
            for (key, (target, (view1, view2))) in places {
                let out = [target, view1, view2];
                augment::write_views(volume, *patch, corruption, key, out)?;
            }
            Ok(())
        })?;
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
}

#[cfg(test)]
mod tests;
