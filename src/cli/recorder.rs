//! Writes what a run leaves behind: metrics, TensorBoard events, curves, pictures.

use crate::platform;
use crate::report::ReportError;
use crate::report::curves::{self, Panel};
use crate::report::image::RgbImage;
use crate::report::labels::labelled_picture;
use crate::report::metrics::{self, METRICS_FILE, MetricsWriter, Record};
use crate::report::run_records::{covered, of_step, of_validation};
use crate::report::tensorboard::EventWriter;
use crate::train::{Event, Observer, Picture, Progress, TrainError};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Step or epoch, and value.
type Series = Vec<(f64, f64)>;
/// Makes the panels of the curves from the series of each name.
pub(super) type Panels = fn(&dyn Fn(&str) -> Series) -> Vec<Panel>;

/// How a stage's records are shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct StageReport {
    /// Title of the curves.
    pub title: &'static str,
    /// Whether the horizontal axis counts epochs, not steps.
    pub by_epoch: bool,
    /// Name of the picture, without its ending.
    pub picture: &'static str,
    /// Panels of the curves, from the series of each name.
    pub panels: Panels,
}

const CURVES: &str = "curves.png";

/// Observes a run and keeps its folder up to date.
#[derive(Debug)]
pub(super) struct Recorder {
    folder: PathBuf,
    metrics: MetricsWriter,
    events: EventWriter,
    steps_per_epoch: u64,
    stage: StageReport,
    /// Names of the classes by label, as far as known.
    classes: Vec<String>,
    /// Pictures of which it was said that they are left out.
    left_out: BTreeSet<String>,
}

impl Recorder {
    /// A recorder for a run's folder; with progress, for a run that goes on from there.
    pub(super) fn open(
        folder: &Path,
        resumed: Option<&Progress>,
        stage: StageReport,
        classes: Vec<String>,
    ) -> Result<Self, ReportError> {
        let file = folder.join(METRICS_FILE);
        let (metrics, events) = match resumed {
            Some(progress) => (
                MetricsWriter::resume(&file, |record| covered(record, progress))?,
                EventWriter::resume(folder, progress.step)?,
            ),
            None => (MetricsWriter::create(&file)?, EventWriter::create(folder)?),
        };
        Ok(Recorder {
            folder: folder.to_owned(),
            metrics,
            events,
            steps_per_epoch: 1,
            stage,
            classes,
            left_out: BTreeSet::new(),
        })
    }

    fn record(&mut self, record: &Record) -> Result<(), ReportError> {
        self.metrics.write(record)?;
        self.events.scalars(record)
    }

    /// Says once of a picture that it is left out, as when it cannot be drawn or another program holds its file: none is
    /// worth a run.
    fn leave_out(&mut self, name: &str, error: &ReportError) {
        if self.left_out.insert(name.to_owned()) {
            log::warn!("{name} is left out: {error}");
        }
    }

    fn curves(&mut self) {
        if let Err(error) = self.draw_curves() {
            self.leave_out(CURVES, &error);
        }
    }

    fn draw_curves(&self) -> Result<(), ReportError> {
        let records = metrics::read(&self.folder.join(METRICS_FILE))?;
        let scale = match self.stage.by_epoch {
            true => self.steps_per_epoch as f64,
            false => 1.0,
        };
        let series = |name: &str| -> Vec<(f64, f64)> {
            metrics::series(&records, name)
                .into_iter()
                .map(|(step, value)| (step / scale, value))
                .collect()
        };
        let image = curves::draw(self.stage.title, &(self.stage.panels)(&series))?;
        self.write(&image, CURVES)
    }

    /// Shows a case, where it can be drawn: a volume of very many voxels cannot.
    fn picture(&mut self, step: u64, picture: &Picture) -> Result<(), ReportError> {
        let (name, file) = (self.stage.picture, format!("{}.png", self.stage.picture));
        let image = match labelled_picture(picture, &self.classes) {
            Ok(image) => image,
            Err(error) => {
                self.leave_out(&file, &error);
                return Ok(());
            }
        };
        if let Err(error) = self.write(&image, &file) {
            self.leave_out(&file, &error);
        }
        self.events.image(step, name, &image)
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
                    self.record(&of_step(step, *crops_per_second))?;
                }
            }
            Event::Validated {
                step, epoch, found, ..
            } => {
                self.record(&of_validation(*step, *epoch, found))?;
                self.picture(*step, &found.picture)?;
                self.curves();
            }
            Event::Validating { .. } | Event::PartlyValidated { .. } | Event::Saved { .. } => {}
            Event::Ended { .. } => self.curves(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::Validation;
    use crate::volume::Affine;

    #[test]
    fn a_picture_that_is_too_large_ends_no_run() {
        let folder = tempfile::tempdir().unwrap();
        let stage = StageReport {
            title: "",
            by_epoch: false,
            picture: "prediction",
            panels: |_| Vec::new(),
        };
        let mut recorder = Recorder::open(folder.path(), None, stage, Vec::new()).unwrap();
        // A slice of one voxel by two million: more pixels than a picture may have with the names beside it.
        let voxels = 2_000_000;
        let found = Validation {
            score: 0.5,
            values: vec![("val/dice".to_owned(), 0.5)],
            picture: Picture::Segmentation {
                name: String::new(),
                shape: [1, voxels, 1],
                affine: Affine::identity(),
                image: vec![0.5; voxels],
                labels: Vec::new(),
                prediction: vec![0; voxels],
            },
        };
        assert!(labelled_picture(&found.picture, &[]).is_err());
        for step in 1..3 {
            let event = Event::Validated {
                step,
                epoch: 0,
                found: &found,
                best: true,
            };
            recorder.event(&event).unwrap();
        }
        let at = |name: &str| folder.path().join(name);
        assert!(at("curves.png").exists() && !at("prediction.png").exists());
        assert_eq!(metrics::read(&at(METRICS_FILE)).unwrap().len(), 2);
    }
}
