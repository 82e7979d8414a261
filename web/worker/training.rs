//! Runs of training: the crate's own loop over the cases at hand.

use crate::autosave::Autosave;
use crate::cases::Cases;
use crate::host::tell;
use crate::model::{self, Encoder, Origin};
use crate::protocol::{Event, Start, TrainRequest};
use crate::replicas::PooledReplicas;
use crate::run_files;
use crate::run_folder::RUN;
use crate::settings;
use crate::watch::Watch;
use burn::tensor::Device;
use hounsfield::config::{FinetuneConfig, Learned, PretrainConfig, StageConfig};
use hounsfield::dataset::{self, DatasetError, LIST_FILE, MemorySource};
use hounsfield::infer::InferError;
use hounsfield::platform::{self, memory};
use hounsfield::train::{
    Checkpoint, Control, Finetuning, Outcome, Pretraining, Run, Task, TrainError, layout, train,
};
use hounsfield::weights::{PatchGrids, TransferOptions, Values};
use std::path::Path;
use std::sync::Arc;

/// What a run is made with.
pub(crate) struct Workshop {
    pub(crate) cases: Cases,
    pub(crate) device: Device,
    pub(crate) control: Control,
    pub(crate) autosave: Autosave,
}

/// Why a run ended before its end.
pub(crate) struct Failure {
    pub(crate) why: String,
    /// Whether a new device may help.
    pub(crate) device: bool,
}

impl From<String> for Failure {
    fn from(why: String) -> Self {
        Failure { why, device: false }
    }
}

impl From<TrainError> for Failure {
    fn from(error: TrainError) -> Self {
        let device = error.is_device_lost();
        let why = match error {
            // The page begins anew by itself.
            TrainError::Device(lost) => format!("the device failed: {lost}"),
            other => other.to_string(),
        };
        Failure { why, device }
    }
}

impl From<InferError> for Failure {
    fn from(error: InferError) -> Self {
        TrainError::from(error).into()
    }
}

/// Names of the classes of a request: its own, or the organs of phantoms, or numbers.
pub(crate) fn class_names(request: &TrainRequest, cases: &Cases, classes: usize) -> Vec<String> {
    let mut all = request.training.iter();
    let given = match request.classes.is_empty() && all.all(|i| cases.phantom(*i).is_some()) {
        true => model::organs(),
        false => request.classes.clone(),
    };
    dataset::class_names(&given, classes)
}

/// Writes what the run's folder holds before its first checkpoint.
pub(crate) fn lay_out<C: StageConfig>(
    config: &C,
    request: &TrainRequest,
    cases: &Cases,
    names: &[String],
    modality: Option<String>,
) -> Result<(), String> {
    let run = Path::new(RUN);
    memory::remove(run);
    write_config(config)?;
    let list = settings::datalist(request, cases, names, modality);
    let file = run.join(LIST_FILE);
    platform::write_atomic(&file, list.as_bytes()).map_err(|e| e.to_string())
}

/// Writes the settings of the run at hand.
pub(crate) fn write_config<C: StageConfig>(config: &C) -> Result<(), String> {
    let text = config.to_toml().map_err(|e| e.to_string())?;
    let file = Path::new(RUN).join(layout::CONFIG_FILE);
    platform::write_atomic(&file, text.as_bytes()).map_err(|e| e.to_string())
}

impl Workshop {
    /// Fine-tunes; without a checkpoint from the start.
    pub(crate) async fn finetune(
        self,
        request: &TrainRequest,
        config: FinetuneConfig,
        start: Values,
        resume: Option<Checkpoint<FinetuneConfig>>,
    ) -> Result<Outcome, Failure> {
        let transform = config.transform();
        transform.validate().map_err(|e| e.to_string())?;
        let prepare = |index: usize| {
            let (name, image, label) = self.cases.labelled(index)?;
            let case = transform.labelled(image.volume, &label);
            let case = case.map_err(|source| in_case(&name, source))?;
            Ok((name, Arc::new(case)))
        };
        let training = self.prepared(&request.training, prepare).await?;
        let validation = self.prepared(&request.validation, prepare).await?;
        let affine = validation.first().map(|(_, case)| *case.image.affine());
        let training = Arc::new(MemorySource::new(training));
        let validation = Arc::new(MemorySource::new(validation));
        let replicas = PooledReplicas::new(&config).await?;
        let learned = Learned {
            classes: request.classes.clone(),
            modality: run_files::list().ok().and_then(|list| list.modality),
        };
        let task = Finetuning::new(config, training, validation, start)?
            .with_learned(learned)
            .with_replicas(replicas);
        let shown = request.validation.first().copied().zip(affine);
        let watch = Watch::finetuning(shown, request.classes.clone());
        self.run(task, resume, watch).await
    }

    /// Pre-trains; without a checkpoint from the start.
    pub(crate) async fn pretrain(
        self,
        request: &TrainRequest,
        config: PretrainConfig,
        resume: Option<Checkpoint<PretrainConfig>>,
    ) -> Result<Outcome, Failure> {
        let transform = config.transform();
        transform.validate().map_err(|e| e.to_string())?;
        let prepare = |index: usize| {
            let image = self.cases.image(index)?;
            let (name, read) = (image.case(), image.read()?);
            let volume = transform.apply(&read.volume);
            let volume = volume.map_err(|source| in_case(&name, source))?;
            Ok((name, Arc::new(volume)))
        };
        let training = self.prepared(&request.training, prepare).await?;
        let validation = self.prepared(&request.validation, prepare).await?;
        let training = Arc::new(MemorySource::new(training));
        let validation = Arc::new(MemorySource::new(validation));
        let replicas = PooledReplicas::new(&config).await?;
        let task = Pretraining::new(config, training, validation)?.with_replicas(replicas);
        self.run(task, resume, Watch::pretraining()).await
    }

    /// Prepares cases one after the other.
    async fn prepared<T>(
        &self,
        indices: &[usize],
        prepare: impl Fn(usize) -> Result<(String, Arc<T>), String>,
    ) -> Result<Vec<(String, Arc<T>)>, String> {
        let mut prepared = Vec::new();
        for (done, index) in indices.iter().enumerate() {
            let (what, of) = ("preparing", indices.len());
            tell(&Event::Progress { what, done, of }, Vec::new());
            platform::yield_now().await;
            if self.control.stopped() {
                return Err("stopped before the first step".to_owned());
            }
            prepared.push(prepare(*index)?);
        }
        Ok(prepared)
    }

    async fn run<T: Task>(
        &self,
        task: T,
        resume: Option<Checkpoint<T::Config>>,
        watch: Watch,
    ) -> Result<Outcome, Failure> {
        let progress = resume
            .as_ref()
            .map(|checkpoint| checkpoint.manifest.progress);
        let mut watch = watch.open(Path::new(RUN), progress, self.autosave.clone())?;
        let run = Run {
            task,
            device: self.device.clone(),
            folder: Some(RUN.into()),
            resume,
        };
        let ended = train(run, &mut watch, &self.control).await;
        self.autosave.settled().await;
        Ok(ended?)
    }
}

fn in_case(name: &str, source: hounsfield::transform::TransformError) -> String {
    let name = name.to_owned();
    DatasetError::Transform { name, source }.to_string()
}

/// Values fine-tuning starts from, and what is to be said of them.
pub(crate) fn starting(
    start: Start,
    model: Option<&Origin>,
    encoder: Option<&Encoder>,
    config: &FinetuneConfig,
) -> Result<(Values, Option<String>), String> {
    let (name, bytes, trained) = match (start, model, encoder) {
        (Start::Scratch, ..) => return Ok((Values::new(), None)),
        (Start::Model, Some(model), _) => (&model.name, &model.bytes, Some(&model.config)),
        (Start::Encoder, _, Some(encoder)) => {
            (&encoder.name, &encoder.bytes, encoder.config.as_ref())
        }
        (Start::Model, None, _) => return Err("there is no network at hand".to_owned()),
        (Start::Encoder, _, None) => return Err("there is no pre-trained encoder".to_owned()),
    };
    let file = model::open(name, bytes)?;
    let grids = PatchGrids {
        from: trained.map(|trained| trained.unetr().vit.grid()),
        to: config.unetr().vit.grid(),
    };
    // Crops become smaller by themselves where memory is short: what is interpolated is told, and not refused.
    let options = TransferOptions::starting(grids, true).map_err(|e| e.to_string())?;
    let (values, report) = model::taken(&file, config, &options)?;
    Ok((values, report.notice()))
}
