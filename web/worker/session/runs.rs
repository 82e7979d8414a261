//! Runs of training: begun, gone on with, taken over.

use super::{Answer, Session, plain, words};
use crate::autosave::Mark;
use crate::cases::Cases;
use crate::host::tell;
use crate::model::{Encoder, after};
use crate::names::Kind;
use crate::protocol::{Event, Stage, TrainRequest};
use crate::run_files::Place;
use crate::run_folder::RUN;
use crate::training::{self, Failure, Workshop, class_names};
use crate::{run_files, settings, storage};
use hounsfield::config::{FinetuneConfig, PretrainConfig, StageConfig};
use hounsfield::dataset::phantom::seed_of;
use hounsfield::device::{check_precision, give_back};
use hounsfield::platform;
use hounsfield::report::metrics::METRICS_FILE;
use hounsfield::train::{Checkpoint, Control, Finetuning, Outcome, Pretraining, Task, layout};
use serde_json::json;
use std::path::Path;
use std::rc::Rc;

/// Removes the scans of a run that failed before its first checkpoint: nobody could go on with it.
async fn tidied(ended: Result<Outcome, Failure>) -> Result<Outcome, Failure> {
    if ended.is_err() && layout::newest(Path::new(RUN)).is_none() {
        // What cannot be removed now goes when the page is opened again, or when the next run begins.
        let _ = storage::forget().await;
    }
    ended
}

impl Session {
    fn workshop(&self, control: &Control) -> Result<Workshop, Failure> {
        Ok(Workshop {
            cases: self.cases.borrow().clone(),
            device: self.selected()?.device,
            control: control.clone(),
            autosave: self.autosave.clone(),
        })
    }

    pub(super) async fn train(&self, request: TrainRequest) -> Answer {
        let (_busy, control) = self.claim()?;
        let workshop = self.workshop(&control)?;
        let cases = workshop.cases.clone();
        match request.stage {
            Stage::Finetune => {
                let config = self.config(&request, settings::finetuning)?;
                let names = class_names(&request, &cases, config.unetr().classes);
                let (model, encoder) = (self.origin(), self.encoder.borrow().clone());
                let start = request.start;
                let (values, notice) =
                    training::starting(start, model.as_ref(), encoder.as_ref(), &config)?;
                if let Some(text) = notice {
                    tell(&Event::Notice { text }, Vec::new());
                }
                let modality = self.modality_of(&request, &cases);
                training::lay_out(&config, &request, &cases, &names, modality)?;
                let request = TrainRequest {
                    classes: names,
                    ..request
                };
                self.keep_data(&request, &cases).await;
                let ended = workshop.finetune(&request, config, values, None).await;
                self.finish(&request, tidied(ended).await)
            }
            Stage::Pretrain => {
                let config = self.config(&request, settings::pretraining)?;
                let modality = self.modality_of(&request, &cases);
                training::lay_out(&config, &request, &cases, &[], modality)?;
                // The run that took its place is gone.
                self.before.replace(None);
                self.keep_data(&request, &cases).await;
                let ended = workshop.pretrain(&request, config, None).await;
                self.finish(&request, tidied(ended).await)
            }
        }
    }

    /// Copies the cases of a new run to the browser's storage; without it the run goes on.
    async fn keep_data(&self, request: &TrainRequest, cases: &Cases) {
        self.run.replace(Some(request.clone()));
        self.brought.set(false);
        self.autosave.keep(true);
        if let Err(why) = storage::forget().await {
            return tell(&Event::NotSaved { why }, Vec::new());
        }
        let all = request.images();
        let kept = |index: &&usize| cases.phantom(**index).is_none();
        let own: Vec<usize> = all.iter().filter(kept).copied().collect();
        let label = |index: &usize| cases.labels.get(cases.images.get(*index)?.label?);
        let about = json!({
            "labels": own.iter().filter_map(label).map(|label| &label.name).collect::<Vec<_>>(),
            "phantoms": all.iter().filter(|index| !own.contains(index))
                .filter_map(|index| Some(cases.images.get(*index)?.name.clone()))
                .collect::<Vec<_>>(),
        });
        if let Err(why) = storage::save_data(&cases.files(&own), about).await {
            tell(&Event::ScansNotSaved { why }, Vec::new());
        }
    }

    /// Settings of a run that goes on, written beside it: one that was brought as its checkpoint alone has no such file. It is
    /// saved as often as one of the page's own, for a page is closed more easily than a program.
    fn settings_of<C: StageConfig>(&self, checkpoint: &Checkpoint<C>) -> Result<C, Failure> {
        let mut config = checkpoint.manifest.config.clone();
        check_precision(&self.selected()?, config.run().precision).map_err(words)?;
        // What goes back to the native program with the run is what it came with.
        training::write_config(&config)?;
        let run = config.run_mut();
        run.checkpoint_minutes = run.checkpoint_minutes.min(settings::AUTOSAVE);
        Ok(config)
    }

    pub(super) async fn go_on(&self) -> Answer {
        let (_busy, control) = self.claim()?;
        let place = run_files::place()?;
        let known = self.run.borrow().clone();
        let mut request = match known {
            Some(request) => request,
            None => run_files::cases_of(&place, &mut self.cases.borrow_mut())
                .map_err(|missing| words(format!("the run needs {}", missing.join(", "))))?,
        };
        if place.stage == Stage::Finetune {
            // A run of phantoms has no list of names, and a list need not name every class.
            request.classes = class_names(&request, &self.cases.borrow(), place.classes);
        }
        self.run.replace(Some(request.clone()));
        let workshop = self.workshop(&control)?;
        if self.brought.get() && self.autosave.keeps() {
            self.keep_data(&request, &workshop.cases).await;
            self.autosave.schedule(Mark {
                stage: place.stage,
                step: place.step,
                total_steps: place.total_steps,
            });
        }
        let latest = Path::new(RUN);
        let ended = match place.stage {
            Stage::Finetune => {
                let checkpoint = Checkpoint::<FinetuneConfig>::latest(latest).map_err(words)?;
                let config = self.settings_of(&checkpoint)?;
                workshop
                    .finetune(&request, config, Default::default(), Some(checkpoint))
                    .await
            }
            Stage::Pretrain => {
                let checkpoint = Checkpoint::<PretrainConfig>::latest(latest).map_err(words)?;
                let config = self.settings_of(&checkpoint)?;
                workshop.pretrain(&request, config, Some(checkpoint)).await
            }
        };
        self.finish(&request, ended)
    }

    /// Takes over what a run left.
    fn finish(&self, request: &TrainRequest, ended: Result<Outcome, Failure>) -> Answer {
        // Of weights, gradients and moments.
        give_back(&self.selected()?.device);
        let summary = ended?;
        let mut answer = json!({
            "step": summary.progress.step,
            "total_steps": summary.total_steps,
            "complete": summary.complete,
            "best": summary.progress.best,
            "best_step": summary.progress.best_step,
            "seconds": summary.progress.seconds,
        });
        let run = Path::new(RUN);
        let read = |name: &str| platform::read(&run.join(name)).ok();
        let settings = read(layout::CONFIG_FILE).and_then(|text| String::from_utf8(text).ok());
        match request.stage {
            Stage::Finetune => {
                let last = || platform::read(&layout::last(run).join(layout::WEIGHTS)).ok();
                let bytes = read(Finetuning::EXPORT).or_else(last);
                if let Some(bytes) = bytes {
                    let name = Finetuning::EXPORT.to_owned();
                    let classes = request.classes.clone();
                    let modality = run_files::list().ok().and_then(|list| list.modality);
                    let before = self.origin().filter(|_| !summary.complete);
                    let (found, _) =
                        self.use_model(name, settings, classes, modality, vec![bytes])?;
                    answer["before"] = json!(before.is_some());
                    self.before.replace(before);
                    answer["model"] = found["model"].clone();
                }
            }
            Stage::Pretrain => {
                if let Some(bytes) = read(Pretraining::EXPORT) {
                    let name = Pretraining::EXPORT.to_owned();
                    answer["encoder"] = json!(name);
                    // An encoder that no UNETR takes is kept all the same.
                    let settings = settings.and_then(|text| {
                        PretrainConfig::from_toml(&text, layout::CONFIG_FILE).ok()
                    });
                    self.encoder.replace(Some(Encoder {
                        name,
                        bytes: Rc::new(bytes),
                        config: settings.and_then(|settings| after(settings).ok()),
                    }));
                }
            }
        }
        plain(answer)
    }

    /// What is known of the run at hand, which is at this place.
    pub(super) fn run_at_hand(&self, place: &Place) -> Answer {
        self.run.replace(None);
        // The run that took its place is not at hand any more.
        self.before.replace(None);
        let found = run_files::cases_of(place, &mut self.cases.borrow_mut());
        let missing = found.as_ref().err().cloned().unwrap_or_default();
        self.run.replace(found.ok());
        let metrics = platform::read(&Path::new(RUN).join(METRICS_FILE)).unwrap_or_default();
        self.listing(json!({
            "stage": place.stage,
            "step": place.step,
            "total_steps": place.total_steps,
            "missing": missing,
            "metrics": String::from_utf8_lossy(&metrics),
        }))
    }

    pub(super) async fn restore(&self) -> Answer {
        if let Some(stored) = storage::data().await {
            let labels = stored.about()["labels"].as_array();
            for place in 0..stored.count() {
                if let Some((name, bytes)) = stored.file(place).await {
                    let kind = labels.map(|labels| match labels.iter().any(|l| *l == name) {
                        true => Kind::Label,
                        false => Kind::Image,
                    });
                    self.cases.borrow_mut().add_stored(name, bytes, kind);
                }
            }
            for name in stored.about()["phantoms"].as_array().into_iter().flatten() {
                if let Some(seed) = name.as_str().and_then(seed_of) {
                    self.cases.borrow_mut().add_phantom(seed)?;
                }
            }
            self.cases.borrow_mut().pair_new();
        }
        let mut why = "no complete copy of a run is left in the browser's storage".to_owned();
        for (damaged, stored) in storage::runs().await.into_iter().enumerate() {
            if storage::load(&stored, Path::new(RUN)).await.is_none() {
                continue;
            }
            match run_files::place() {
                Ok(place) => {
                    self.brought.set(false);
                    self.autosave.keep(true);
                    // Another tab may have stored it since this one asked.
                    self.autosave.after(stored.number);
                    let (mut found, buffers) = self.run_at_hand(&place)?;
                    found["damaged"] = json!(damaged > 0);
                    return Ok((found, buffers));
                }
                // Complete, but damaged, or of a version that wrote other files.
                Err(reason) => why = format!("the kept training cannot be read: {reason}"),
            }
        }
        Err(words(why))
    }
}
