//! Stage two: UNETR, or a U-Net to compare with, learns from few labelled volumes (specification 4, 6.3, 9).

use crate::augment::CropSettings;
use crate::config::{FinetuneConfig, Learned, ModelCard};
use crate::dataset::{
    DatasetError, Draw, LabelledBatch, LabelledBatches, LabelledSettings, VolumeSource,
};
use crate::infer::{DeviceNetwork, SlidingWindow};
use crate::nn::Segmenter;
use crate::random::Stage;
use crate::train::class_prior::add_class_prior;
use crate::train::finetune_step::finetune_parts;
use crate::train::segmentation_validation::validate_segmentation;
use crate::train::spread::ReplicatedNetwork;
use crate::train::{BatchMaker, GoOn, Replicas, StepOutput, Task, TrainError, Validation};
use crate::transform::Labelled;
use crate::weights::{self, CARD_ENTRY, Values};
use burn::Tensor;
use burn::tensor::Device;
use std::rc::Rc;
use std::sync::Arc;

/// Fine-tuning with its settings, data and weights to start from.
pub struct Finetuning {
    config: FinetuneConfig,
    training: LabelledBatches,
    training_cases: Arc<dyn VolumeSource<Labelled>>,
    validation: Arc<dyn VolumeSource<Labelled>>,
    start: Values,
    learned: Learned,
    replicas: Option<Rc<dyn Replicas>>,
}

impl Finetuning {
    /// Fine-tuning on prepared cases. `start` holds values by parameter name; what it lacks is drawn from the seed.
    ///
    /// # Errors
    /// [`TrainError::Settings`] for settings that cannot work, [`TrainError::Data`] for training without a case,
    /// [`TrainError::Unlabelled`] for a validation without a labelled voxel.
    pub fn new(
        config: FinetuneConfig,
        training: Arc<dyn VolumeSource<Labelled>>,
        validation: Arc<dyn VolumeSource<Labelled>>,
        start: Values,
    ) -> Result<Self, TrainError> {
        use crate::config::StageConfig;
        config.validate()?;
        let settings = LabelledSettings {
            seed: config.run.seed,
            stage: Stage::Finetuning,
            batch_volumes: config.crops.batch_volumes,
            samples_per_volume: config.crops.samples_per_volume,
            crop: crop_settings(&config),
            augment: config.augment,
            draw: Draw::EachEpoch,
        };
        if !any_foreground(validation.as_ref())? {
            return Err(TrainError::Unlabelled);
        }
        Ok(Finetuning {
            training: LabelledBatches::new(Arc::clone(&training), settings)?,
            training_cases: training,
            validation,
            config,
            start,
            learned: Learned::default(),
            replicas: None,
        })
    }

    /// The same with what its weights tell of the data that they learned from.
    pub fn with_learned(self, learned: Learned) -> Self {
        Finetuning { learned, ..self }
    }

    /// The same with copies of its network that compute for it. It stays on this thread.
    pub fn with_replicas(self, replicas: Rc<dyn Replicas>) -> Self {
        Finetuning {
            replicas: Some(replicas),
            ..self
        }
    }

    fn windows(&self) -> SlidingWindow {
        SlidingWindow {
            overlap: self.config.inference.overlap,
            skip_air: self.config.inference.skip_air,
            ..SlidingWindow::original(self.config.crops.roi_size)
        }
    }
}

/// Where the crops of training are cut.
fn crop_settings(config: &FinetuneConfig) -> CropSettings {
    CropSettings {
        patch: config.crops.roi_size,
        image_threshold: config.transform().intensity.foreground_threshold(),
        ..CropSettings::default()
    }
}

/// Whether a case has a voxel that is not background.
fn any_foreground(cases: &dyn VolumeSource<Labelled>) -> Result<bool, DatasetError> {
    for index in 0..cases.len() {
        if cases.volume(index)?.label.iter().any(|label| *label != 0) {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Task for Finetuning {
    type Config = FinetuneConfig;
    type Network = Segmenter;
    type Batch = LabelledBatch;

    const EXPORT: &'static str = "model.safetensors";

    fn config(&self) -> &FinetuneConfig {
        &self.config
    }

    fn loss_names(&self) -> &'static [&'static str] {
        &["total", "dice", "cross_entropy"]
    }

    fn steps_per_epoch(&self) -> u64 {
        self.training.steps_per_epoch()
    }

    fn validation_volumes(&self) -> usize {
        self.validation.len()
    }

    fn batches(&self) -> BatchMaker<LabelledBatch> {
        let batches = self.training.clone();
        Box::new(move |step| batches.at(step))
    }

    fn crops(batch: &LabelledBatch) -> usize {
        batch.patches
    }

    fn zeros(config: &FinetuneConfig, device: &Device) -> Result<Segmenter, TrainError> {
        Ok(Segmenter::zeros(&config.segmenter(), device)?.with_precision(config.run.precision))
    }

    fn initial(&self, zeros: Segmenter) -> Result<Segmenter, TrainError> {
        let mut start = self.start.clone();
        if self.config.start.class_prior {
            add_class_prior(&mut start, &zeros, self.training_cases.as_ref())?;
        }
        Ok(weights::initialise_with(
            zeros,
            self.config.run.seed,
            start,
        )?)
    }

    async fn forward_backward(
        &self,
        network: &Segmenter,
        batch: &LabelledBatch,
        device: &Device,
        scale: Option<&Tensor<1>>,
    ) -> Result<StepOutput, TrainError> {
        let parts = finetune_parts(batch, self.config.crops_at_once(), device, scale);
        parts.run_anywhere(network, self.replicas.as_deref()).await
    }

    async fn validate(
        &self,
        network: &Segmenter,
        _: u64,
        device: &Device,
        go_on: &mut GoOn<'_>,
    ) -> Result<Option<Validation>, TrainError> {
        let device = device.clone().inner();
        let cases = self.validation.as_ref();
        let on = DeviceNetwork {
            network,
            device: &device,
        };
        let on = ReplicatedNetwork::new(on, self.replicas.as_deref()).await?;
        validate_segmentation(&on, cases, &self.windows(), go_on).await
    }

    fn better(score: f64, than: f64) -> bool {
        score > than
    }

    /// What `predict` uses, with a [`ModelCard`].
    async fn export(&self, network: &Segmenter, step: u64) -> Result<Vec<u8>, TrainError> {
        let weights = weights::export(network).await?;
        let what = match network {
            Segmenter::Unetr(_) => "UNETR under the names of MONAI's UNETR",
            Segmenter::Unet(_) => "U-Net",
        };
        let about = format!("{what}, step {step}");
        let card = ModelCard::new(about, &self.config, &self.learned)?.to_toml()?;
        Ok(weights::encode(&weights, Some((CARD_ENTRY, &card)))?)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::config::IntensityMode;
    use crate::dataset::MemorySource;
    use crate::transform::{FinetuneTransform, IntensityWindow};
    use crate::volume::{Affine, Volume};

    fn transform() -> FinetuneTransform {
        FinetuneTransform {
            spacing: [1.0; 3],
            intensity: IntensityWindow { min: 0.0, max: 4.0 }.into(),
            patch: [8; 3],
            classes: 3,
            ..FinetuneTransform::default()
        }
    }

    /// Two cases of 8^3 voxels: one voxel in eight has label 1, none has label 2.
    pub(in crate::train) fn cases() -> Arc<dyn VolumeSource<Labelled>> {
        let case = |name: &str| {
            let label: Vec<f32> = (0..512).map(|n| f32::from(u8::from(n % 8 == 3))).collect();
            let image = label.iter().map(|label| label + 1.0).collect();
            let volume = |data| Volume::new([8; 3], data, Affine::identity()).unwrap();
            (name.to_owned(), volume(image), volume(label))
        };
        let cases = MemorySource::prepare_labelled([case("a"), case("b")], &transform());
        Arc::new(cases.unwrap())
    }

    /// A network that is made in no time.
    pub(in crate::train) fn config() -> FinetuneConfig {
        let mut config = FinetuneConfig::default();
        config.crops.roi_size = [16; 3];
        config.network.patch_size = 8;
        (config.network.hidden_size, config.network.mlp_dim) = (8, 8);
        (config.network.layers, config.network.heads) = (1, 1);
        config.decoder.feature_size = 2;
        config.decoder.classes = Some(3);
        config
    }

    #[test]
    fn validation_lays_its_windows_as_the_settings_say() {
        let mut config = config();
        (config.inference.overlap, config.inference.skip_air) = (0.75, true);
        let task = Finetuning::new(config, cases(), cases(), Values::new()).unwrap();
        let expected = SlidingWindow {
            overlap: 0.75,
            skip_air: true,
            ..SlidingWindow::original([16; 3])
        };
        assert_eq!(task.windows(), expected);
    }

    #[test]
    fn dark_background_is_drawn_too_where_intensities_have_no_end_that_means_air() {
        let mut config = config();
        config.crops.intensity = IntensityMode::Range;
        assert_eq!(crop_settings(&config).image_threshold, 0.0);
        config.crops.intensity = IntensityMode::Zscore;
        assert_eq!(crop_settings(&config).image_threshold, f32::NEG_INFINITY);
    }

    #[test]
    fn a_validation_without_a_labelled_voxel_is_refused() {
        let volume = |value| Volume::new([8; 3], vec![value; 512], Affine::identity()).unwrap();
        let mut image = volume(1.0);
        image.data_mut()[0] = 2.0;
        let case = ("a".to_owned(), image, volume(0.0));
        let empty = MemorySource::prepare_labelled([case], &transform()).unwrap();
        let none = MemorySource::prepare_labelled([], &transform()).unwrap();
        for validation in [empty, none] {
            let found = Finetuning::new(config(), cases(), Arc::new(validation), Values::new());
            assert!(matches!(found, Err(TrainError::Unlabelled)));
        }
    }
}
