//! Batches of the fine-tuning: augmented patches with their labels (specification 4 and 4.3).

use std::sync::Arc;

use super::plan::{Plan, buffer};
use super::{DatasetError, Draw, VolumeSource};
use crate::augment::{self, AugmentSettings, Candidates, CropSettings};
use crate::random::Stage;
use crate::transform::Labelled;

/// What a batch of fine-tuning is made of.
#[derive(Debug, Clone)]
pub struct LabelledSettings {
    /// The run's seed.
    pub seed: u64,
    /// Keeps the random numbers of training and validation apart.
    pub stage: Stage,
    /// Volumes a batch; the last batch of an epoch may have fewer. The original takes 1.
    pub batch_volumes: usize,
    /// Patches cut from each volume. The original takes 4.
    pub samples_per_volume: usize,
    /// Where patches are cut.
    pub crop: CropSettings,
    /// How they are varied.
    pub augment: AugmentSettings,
    /// What an epoch changes.
    pub draw: Draw,
}

/// One batch on the host. The patches stand one after the other, volume by volume, each in C order:
/// `[patches, patch[0], patch[1], patch[2]]`.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelledBatch {
    /// The epoch, from 0.
    pub epoch: u64,
    /// The step within the epoch, from 0.
    pub step: u64,
    /// The names of the volumes, in the order of the patches.
    pub names: Vec<String>,
    /// The images.
    pub image: Vec<f32>,
    /// The labels, one for every voxel of the images.
    pub label: Vec<u8>,
    /// How many patches there are.
    pub patches: usize,
    /// Voxels per axis of a patch.
    pub patch: [usize; 3],
}

/// All batches of a run; each is a pure function of its epoch and step.
#[derive(Clone)]
pub struct LabelledBatches {
    source: Arc<dyn VolumeSource<Labelled>>,
    settings: LabelledSettings,
    plan: Plan,
    steps_per_epoch: u64,
}

impl LabelledBatches {
    /// The batches of `source`.
    ///
    /// # Errors
    /// [`DatasetError::NoBatch`] when there is no case, or a batch would hold no patch;
    /// [`DatasetError::Settings`] when crop and augmentation do not go together.
    pub fn new(
        source: Arc<dyn VolumeSource<Labelled>>,
        settings: LabelledSettings,
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
        let patch = settings.crop.patch;
        (settings.crop.validate())
            .and_then(|()| settings.augment.validate(patch))
            .map_err(DatasetError::Settings)?;
        Ok(LabelledBatches {
            source,
            settings,
            plan,
            steps_per_epoch,
        })
    }

    /// Steps of an epoch, the short last one included.
    pub fn steps_per_epoch(&self) -> u64 {
        self.steps_per_epoch
    }

    /// The batch of a step counted over all epochs, from 0.
    ///
    /// # Errors
    /// As [`LabelledBatches::make`].
    pub fn at(&self, step: u64) -> Result<LabelledBatch, DatasetError> {
        self.make(step / self.steps_per_epoch, step % self.steps_per_epoch)
    }

    /// The batch of a step of an epoch, both from 0.
    ///
    /// # Errors
    /// [`DatasetError::NoBatch`] when the epoch has no such step or the batch does not fit into memory;
    /// the errors of the volumes and of the augmentation, with the case's name.
    pub fn make(&self, epoch: u64, step: u64) -> Result<LabelledBatch, DatasetError> {
        let cases = self.plan.cases(epoch, step)?;
        let LabelledSettings {
            crop,
            augment,
            samples_per_volume: samples,
            ..
        } = &self.settings;
        let voxels: usize = crop.patch.iter().product();
        let patches = cases.len().saturating_mul(*samples);
        let mut image = buffer(patches, voxels)?;
        let mut label = buffer(patches, voxels)?;

        let places = image.chunks_mut(voxels).zip(label.chunks_mut(voxels));
        let source = self.source.as_ref();
        let names = (self.plan).fill((epoch, step), source, &cases, places, |case, places| {
            let candidates = Candidates::new(&case.image, &case.label, crop.image_threshold)?;
            for (key, (image, label)) in places {
                augment::write_labelled(&candidates, crop, augment, key, image, label)?;
            }
            Ok(())
        })?;
        Ok(LabelledBatch {
            epoch,
            step,
            names,
            image,
            label,
            patches,
            patch: crop.patch,
        })
    }
}

#[cfg(test)]
mod tests;
