//! Watches a run for the page: its numbers go to the page and to the run's records, its checkpoints to the storage.

use crate::autosave::{Autosave, Mark};
use crate::host::tell;
use crate::model::legend;
use crate::protocol::{Event as Told, Stage, StepLine};
use hounsfield::report::ReportError;
use hounsfield::report::metrics::{METRICS_FILE, MetricsWriter, Record};
use hounsfield::report::picture::picture_montage;
use hounsfield::report::run_records::{covered, of_step, of_validation};
use hounsfield::train::{Event, Observer, Picture, Progress, Stopwatch, TrainError};
use hounsfield::volume::{Affine, Datatype, Volume, encode_nifti};
use std::path::Path;

/// Slices in a row of a picture.
const SLICES: usize = 5;
/// Least length of a slice's longer side in pixels.
const CELL: usize = 96;

pub(crate) struct Watch {
    stage: Stage,
    /// The case a validation shows, and the place of its prepared voxels.
    shown: Option<(usize, Affine)>,
    /// Names of the classes.
    classes: Vec<String>,
    total_steps: u64,
    stopwatch: Stopwatch,
    output: Option<(MetricsWriter, Autosave)>,
}

impl Watch {
    pub(crate) fn finetuning(shown: Option<(usize, Affine)>, classes: Vec<String>) -> Self {
        Watch {
            stage: Stage::Finetune,
            shown,
            classes,
            total_steps: 0,
            stopwatch: Stopwatch::default(),
            output: None,
        }
    }

    pub(crate) fn pretraining() -> Self {
        Watch {
            stage: Stage::Pretrain,
            ..Watch::finetuning(None, Vec::new())
        }
    }

    /// Opens the records of a new run, or of one that goes on after `progress`.
    pub(crate) fn open(
        mut self,
        run: &Path,
        progress: Option<Progress>,
        autosave: Autosave,
    ) -> Result<Self, String> {
        let file = run.join(METRICS_FILE);
        let metrics = match progress {
            Some(progress) => MetricsWriter::resume(&file, |record| covered(record, &progress)),
            None => MetricsWriter::create(&file),
        };
        self.output = Some((metrics.map_err(|e| e.to_string())?, autosave));
        Ok(self)
    }

    fn record(&mut self, record: &Record) -> Result<(), ReportError> {
        match &mut self.output {
            Some((metrics, _)) => metrics.write(record),
            None => Ok(()),
        }
    }

    fn handle(&mut self, event: &Event<'_>) -> Result<(), ReportError> {
        self.stopwatch.event(event);
        match event {
            Event::Started {
                step,
                total_steps,
                steps_per_epoch,
                parameters,
                ..
            } => {
                self.total_steps = *total_steps;
                let told = Told::Started {
                    stage: self.stage,
                    step: *step,
                    total_steps: *total_steps,
                    steps_per_epoch: *steps_per_epoch,
                    parameters: *parameters,
                };
                tell(&told, Vec::new());
            }
            Event::Steps {
                losses,
                crops_per_second,
            } => {
                let mut steps = Vec::new();
                for step in *losses {
                    self.record(&of_step(step, *crops_per_second))?;
                    steps.push(StepLine {
                        step: step.step,
                        losses: step.losses.clone(),
                        rate: step.learning_rate,
                        skipped: step.skipped,
                    });
                }
                let estimate = self.stopwatch.estimate();
                tell(&Told::Steps { steps, estimate }, Vec::new());
            }
            Event::Validating { step, volumes } => self.validating(*step, *volumes, 0.0),
            Event::PartlyValidated {
                step,
                volumes,
                share,
            } => self.validating(*step, *volumes, *share),
            Event::Validated {
                step,
                epoch,
                found,
                best,
            } => {
                self.record(&of_validation(*step, *epoch, found))?;
                let (buffer, picture) = self.preview(&found.picture)?;
                let told = Told::Validated {
                    step: *step,
                    best: *best,
                    values: found.values.clone(),
                    image: self.shown.map(|(image, _)| image),
                    picture,
                    classes: legend(&self.classes),
                };
                tell(&told, buffer.into_iter().collect());
            }
            Event::Saved { step } => {
                if let Some((_, autosave)) = &self.output {
                    autosave.schedule(Mark {
                        stage: self.stage,
                        step: *step,
                        total_steps: Some(self.total_steps),
                    });
                }
            }
            Event::Ended { step, complete } => {
                let (step, complete) = (*step, *complete);
                tell(&Told::Ended { step, complete }, Vec::new());
            }
        }
        Ok(())
    }

    fn validating(&self, step: u64, volumes: usize, share: f64) {
        let told = Told::Validating {
            step,
            volumes,
            share,
            estimate: self.stopwatch.estimate(),
        };
        tell(&told, Vec::new());
    }

    /// A label map on the prepared grid, or a PNG picture.
    fn preview(&self, picture: &Picture) -> Result<(Option<Vec<u8>>, bool), ReportError> {
        match picture {
            Picture::Segmentation {
                shape, prediction, ..
            } => {
                let labels = prediction.iter().map(|label| f32::from(*label)).collect();
                let map = self
                    .shown
                    .and_then(|(_, affine)| Volume::new(*shape, labels, affine).ok())
                    .and_then(|map| encode_nifti(&map, Datatype::U8, false).ok());
                Ok((map, false))
            }
            Picture::Reconstruction { .. } => {
                let image = picture_montage(picture, SLICES, CELL)?.image;
                Ok((Some(image.encode_png()?), true))
            }
        }
    }
}

impl Observer for Watch {
    fn event(&mut self, event: &Event<'_>) -> Result<(), TrainError> {
        self.handle(event)
            .map_err(|error| TrainError::Observer(error.to_string()))
    }
}
