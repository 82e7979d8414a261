//! Writes what a run leaves behind: metrics, TensorBoard events, curves, pictures.

use crate::cli::preview::{PictureOrientation, augmentation_picture};
use crate::platform;
use crate::report::ReportError;
use crate::report::curves::{self, Pretraining};
use crate::report::image::RgbImage;
use crate::report::metrics::{self, MetricsWriter, Record};
use crate::report::tensorboard::EventWriter;
use crate::train::{Event, Observer, Progress, TrainError};
use std::path::{Path, PathBuf};

/// Name of the metrics file.
pub(super) const METRICS_FILE: &str = "metrics.jsonl";

/// Name of the validation error in the metrics.
const VALIDATION: &str = "val/l1";

/// Whether a checkpoint covers a record. A run stopped within a validation was saved before that validation.
fn known(record: &Record, progress: &Progress) -> bool {
    let saved = match record.get(VALIDATION) {
        Some(_) => progress.validated,
        None => progress.step,
    };
    record.step <= saved
}

/// Observes a run and keeps its folder up to date.
#[derive(Debug)]
pub(super) struct Recorder {
    folder: PathBuf,
    metrics: MetricsWriter,
    events: EventWriter,
    steps_per_epoch: u64,
    orientation: PictureOrientation,
}

impl Recorder {
    /// A recorder for a run's folder; with progress, for a run that goes on from there.
    pub(super) fn open(
        folder: &Path,
        resumed: Option<&Progress>,
        orientation: PictureOrientation,
    ) -> Result<Self, ReportError> {
        let file = folder.join(METRICS_FILE);
        let (metrics, events) = match resumed {
            Some(progress) => (
                MetricsWriter::resume(&file, |record| known(record, progress))?,
                EventWriter::resume(folder, progress.step)?,
            ),
            None => (MetricsWriter::create(&file)?, EventWriter::create(folder)?),
        };
        Ok(Recorder {
            folder: folder.to_owned(),
            metrics,
            events,
            steps_per_epoch: 1,
            orientation,
        })
    }

    fn record(&mut self, record: &Record) -> Result<(), ReportError> {
        self.metrics.write(record)?;
        self.events.scalars(record)
    }

    fn curves(&self) -> Result<(), ReportError> {
        let records = metrics::read(&self.folder.join(METRICS_FILE))?;
        let per_epoch = self.steps_per_epoch as f64;
        let series = |name: &str| -> Vec<(f64, f64)> {
            metrics::series(&records, name)
                .into_iter()
                .map(|(step, value)| (step / per_epoch, value))
                .collect()
        };
        let panels = curves::pretraining(&Pretraining {
            x_label: "epoch",
            total: &series("train/total"),
            validation_l1: &series(VALIDATION),
            contrastive: &series("train/contrastive"),
            reconstruction_l1: &series("train/l1"),
        });
        let image = curves::draw("Pre-training", &panels)?;
        self.write(&image, "curves.png")
    }

    fn write(&self, image: &RgbImage, name: &str) -> Result<(), ReportError> {
        Ok(platform::write_atomic(
            &self.folder.join(name),
            &image.encode_png()?,
        )?)
    }

    fn handle(&mut self, event: &Event<'_>) -> Result<(), ReportError> {
        match event {
            Event::Started {
                steps_per_epoch, ..
            } => self.steps_per_epoch = *steps_per_epoch,
            Event::Steps {
                losses,
                crops_per_second,
            } => {
                for step in *losses {
                    let mut record = Record::new(step.step, step.epoch + 1)
                        .with("train/total", f64::from(step.total))
                        .with("train/l1", f64::from(step.l1))
                        .with("gradient_norm", f64::from(step.gradient_norm))
                        .with("learning_rate", step.learning_rate)
                        .with("crops_per_second", *crops_per_second);
                    if let Some(contrastive) = step.contrastive {
                        record = record.with("train/contrastive", f64::from(contrastive));
                    }
                    self.record(&record)?;
                }
            }
            Event::Validated {
                step,
                epoch,
                l1,
                picture,
                ..
            } => {
                self.record(&Record::new(*step, epoch + 1).with(VALIDATION, *l1))?;
                let image = augmentation_picture(picture, self.orientation)?;
                self.write(&image, "reconstruction.png")?;
                self.events.image(*step, "reconstruction", &image)?;
                self.curves()?;
            }
            Event::Saved { .. } => {}
            Event::Ended { .. } => self.curves()?,
        }
        Ok(())
    }
}

impl Observer for Recorder {
    fn event(&mut self, event: &Event<'_>) -> Result<(), TrainError> {
        self.handle(event)
            .map_err(|error| TrainError::Observer(error.to_string()))
    }
}

/// Tells several observers, in order.
pub(super) struct All<'a>(pub Vec<&'a mut dyn Observer>);

impl Observer for All<'_> {
    fn event(&mut self, event: &Event<'_>) -> Result<(), TrainError> {
        self.0
            .iter_mut()
            .try_for_each(|observer| observer.event(event))
    }
}
