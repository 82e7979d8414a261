//! What the worker holds, and its answers.

use crate::autosave::Autosave;
use crate::cases::Cases;
use crate::host::{console_error, on_message, received, send, tell};
use crate::model::{Model, Weights, legend};
use crate::protocol::{Call, ClassLine, Download, Event, Refusal, Request, Stage, TrainRequest};
use crate::run_files;
use crate::segment::{Segmentation, segment};
use crate::settings;
use crate::storage;
use crate::training::{self, Failure, RUN, Workshop, class_names};
use crate::watch::METRICS;
use hounsfield::config::{FinetuneConfig, PretrainConfig, StageConfig};
use hounsfield::device::{
    self, DeviceChoice, Selected, estimate_finetuning, estimate_pretraining, is_cpu,
};
use hounsfield::platform::{self, Instant};
use hounsfield::train::{Checkpoint, Control, Summary};
use serde::Serialize;
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::path::Path;
use std::rc::Rc;
use wasm_bindgen_futures::spawn_local;

#[derive(Default)]
struct Session {
    device: RefCell<Option<Selected>>,
    cases: RefCell<Cases>,
    model: RefCell<Option<Rc<Model>>>,
    /// What pre-training left: a name, and a weights file.
    encoder: RefCell<Option<(String, Vec<u8>)>>,
    segmentation: RefCell<Option<Segmentation>>,
    /// The cases of the run at hand.
    run: RefCell<Option<TrainRequest>>,
    control: RefCell<Control>,
    busy: Cell<bool>,
    autosave: Autosave,
}

/// An answer with its buffers.
type Answer = Result<(Value, Vec<Vec<u8>>), Failure>;

/// Answers messages from now on.
pub(crate) fn listen() {
    std::panic::set_hook(Box::new(|info| {
        let why = info.to_string();
        console_error(&why);
        tell(&Event::Fatal { why }, Vec::new());
    }));
    let session = Rc::new(Session::default());
    on_message(move |message| {
        let Some((text, buffers)) = received(&message) else {
            return;
        };
        let session = Rc::clone(&session);
        spawn_local(async move {
            match serde_json::from_str::<Call>(&text) {
                Ok(call) => reply(call.id, session.answer(call.request, buffers).await),
                Err(error) => reply(0, Err(Failure::from(error.to_string()))),
            }
        });
    });
    let program = env!("CARGO_PKG_VERSION");
    tell(&Event::Ready { program }, Vec::new());
}

fn reply(id: u32, answer: Answer) {
    #[derive(Serialize)]
    #[serde(untagged)]
    enum Reply {
        Ok {
            id: u32,
            ok: Value,
        },
        Error {
            id: u32,
            error: String,
            device: bool,
        },
    }
    match answer {
        Ok((ok, buffers)) => send(&Reply::Ok { id, ok }, buffers),
        Err(Failure { why, device }) => {
            let error = why;
            send(&Reply::Error { id, error, device }, Vec::new());
        }
    }
}

fn plain(value: Value) -> Answer {
    Ok((value, Vec::new()))
}

fn words(error: impl std::fmt::Display) -> Failure {
    Failure::from(error.to_string())
}

/// Frees the worker for the next long task however this one ends.
struct Busy<'a>(&'a Cell<bool>);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

impl Session {
    async fn answer(&self, request: Request, buffers: Vec<Vec<u8>>) -> Answer {
        match request {
            Request::Open { device } => self.open(&device).await,
            Request::Phantom { seed } => {
                let index = self.cases.borrow_mut().add_phantom(seed)?;
                self.listing(json!({ "image": index }))
            }
            Request::AddFiles { names } => self.add_files(names, buffers).await,
            Request::Pair { image, label } => {
                self.cases.borrow_mut().pair(image, label);
                self.listing(json!({}))
            }
            Request::Show { image } => {
                let cases = self.cases.borrow().clone();
                let buffers = cases.shown(image)?;
                let classes = self.legend_of(&cases, image);
                let lowest = cases.image(image)?.lowest();
                Ok((json!({ "classes": classes, "lowest": lowest }), buffers))
            }
            Request::UseModel {
                name,
                settings,
                classes,
            } => self.use_model(name, settings, classes, buffers),
            Request::Segment {
                image,
                overlap,
                mirror,
            } => self.segment(image, (overlap, mirror)).await,
            Request::Plan(request) => self.plan(&request),
            Request::Train(request) => self.train(request).await,
            Request::Continue => self.go_on().await,
            Request::Stop => {
                self.control.borrow().stop();
                plain(json!({}))
            }
            Request::Stored => {
                let newest = storage::runs().await.into_iter().next();
                if let Some(stored) = &newest {
                    self.autosave.after(stored.number);
                }
                plain(json!({ "run": newest.map(|stored| stored.about) }))
            }
            Request::Restore => self.restore().await,
            Request::Forget => {
                storage::forget().await;
                plain(json!({}))
            }
            Request::LoadRun { names } => {
                run_files::take(names.into_iter().zip(buffers).collect())?;
                self.run_at_hand()
            }
            Request::Download { file } => self.download(file),
        }
    }

    /// Claims the worker for a long task.
    fn claim(&self) -> Result<(Busy<'_>, Control), Failure> {
        if self.busy.replace(true) {
            return Err(words(
                "something is being computed already: wait, or stop it first",
            ));
        }
        let control = Control::default();
        self.control.replace(control.clone());
        Ok((Busy(&self.busy), control))
    }

    fn selected(&self) -> Result<Selected, Failure> {
        let selected = self.device.borrow().clone();
        selected.ok_or_else(|| words("no device has been chosen yet"))
    }

    async fn open(&self, name: &str) -> Answer {
        let started = Instant::now();
        let choice: DeviceChoice = name.parse().map_err(words)?;
        let selected = device::select(choice).await.map_err(words)?;
        let checks = device::self_test(&selected.device).await.map_err(words)?;
        let cpu = is_cpu(&selected.device);
        let description = selected.description.clone();
        self.device.replace(Some(selected));
        plain(json!({
            "device": description,
            "cpu": cpu,
            "checks": checks,
            "seconds": started.elapsed().as_secs_f64(),
        }))
    }

    /// The cases, beside what else is to be said.
    fn listing(&self, mut more: Value) -> Answer {
        let (images, labels) = self.cases.borrow().lines();
        more["images"] = json!(images);
        more["labels"] = json!(labels);
        plain(more)
    }

    async fn add_files(&self, names: Vec<String>, buffers: Vec<Vec<u8>>) -> Answer {
        let mut refused: Vec<Refusal> = Vec::new();
        let (mut classes, of) = (Vec::new(), names.len());
        for (done, (name, bytes)) in names.into_iter().zip(buffers).enumerate() {
            let what = "reading";
            tell(&Event::Progress { what, done, of }, Vec::new());
            platform::yield_now().await;
            if name.to_lowercase().ends_with(".json") {
                match settings::listed(&bytes, &name) {
                    Ok(list) => classes = list.classes,
                    Err(why) => refused.push(Refusal { file: name, why }),
                }
                continue;
            }
            let added = self.cases.borrow_mut().add(name, bytes);
            refused.extend(added.err());
        }
        self.cases.borrow_mut().pair_new();
        self.listing(json!({ "refused": refused, "classes": classes }))
    }

    /// Names and colours of the labels an image shows.
    fn legend_of(&self, cases: &Cases, image: usize) -> Vec<ClassLine> {
        let classes = cases.classes(&[image]);
        let given = match &*self.model.borrow() {
            Some(model) if model.classes.len() >= classes => model.classes.clone(),
            _ => Vec::new(),
        };
        let enough = given.len().max(classes);
        legend(&crate::model::names(given, enough))
    }

    fn use_model(
        &self,
        name: String,
        settings: Option<String>,
        classes: Vec<String>,
        buffers: Vec<Vec<u8>>,
    ) -> Answer {
        let bytes = buffers.into_iter().next().unwrap_or_default();
        let device = self.selected()?.device;
        let known = self
            .model
            .borrow()
            .as_ref()
            .map(|model| model.config.clone());
        let kept = bytes.clone();
        let file = name.clone();
        match Model::load(
            name,
            bytes,
            settings.as_deref(),
            known.as_ref(),
            classes,
            &device,
        )? {
            Weights::Model(model) => {
                let line = model.line();
                self.model.replace(Some(Rc::from(model)));
                plain(json!({ "model": line }))
            }
            Weights::Encoder => {
                self.encoder.replace(Some((file.clone(), kept)));
                plain(json!({ "encoder": file }))
            }
        }
    }

    async fn segment(&self, image: usize, windows: (f64, bool)) -> Answer {
        let (_busy, control) = self.claim()?;
        let model = self.model.borrow().clone();
        let model = model.ok_or_else(|| words("there is no network yet: drop its weights"))?;
        let device = self.selected()?.device;
        let cases = self.cases.borrow().clone();
        let started = Instant::now();
        let found = segment(&cases, image, &model, windows, &device, &control).await?;
        let answer = json!({
            "image": image,
            "classes": found.lines,
            "dice": found.dice(),
            "notice": found.notice,
            "seconds": started.elapsed().as_secs_f64(),
        });
        let labels = found.nifti(false)?;
        self.segmentation.replace(Some(found));
        Ok((answer, vec![labels]))
    }

    fn finetune_config(&self, request: &TrainRequest) -> Result<FinetuneConfig, Failure> {
        let model = self.model.borrow().clone();
        let model = model.as_ref().map(|model| &model.config);
        let config = settings::finetuning(request, &self.cases.borrow(), model).map_err(words)?;
        config.validate().map_err(words)?;
        Ok(config)
    }

    fn pretrain_config(&self, request: &TrainRequest) -> Result<PretrainConfig, Failure> {
        let model = self.model.borrow().clone();
        let model = model.as_ref().map(|model| &model.config);
        let config = settings::pretraining(request, &self.cases.borrow(), model).map_err(words)?;
        config.validate().map_err(words)?;
        Ok(config)
    }

    fn plan(&self, request: &TrainRequest) -> Answer {
        let (settings, text, memory, names) = match request.stage {
            Stage::Finetune => {
                let config = self.finetune_config(request)?;
                let crops = &config.crops;
                let windows = (crops.batch_volumes * crops.samples_per_volume)
                    .div_ceil(crops.accumulation.max(1));
                let averaged = config.optimizer.ema_decay > 0.0;
                let unetr = config.unetr();
                let memory = estimate_finetuning(&unetr, windows as u64, averaged);
                let names = class_names(request, unetr.classes);
                (json!(config), config.to_toml(), memory, names)
            }
            Stage::Pretrain => {
                let config = self.pretrain_config(request)?;
                let sampling = &config.sampling;
                let crops = (sampling.batch_volumes * sampling.samples_per_volume)
                    .div_ceil(sampling.accumulation.max(1));
                let views = if config.loss.contrastive_weight == 0.0 {
                    1
                } else {
                    2
                };
                let averaged = config.optimizer.ema_decay > 0.0;
                let memory = estimate_pretraining(&config.vit(), (crops * views) as u64, averaged);
                (json!(config), config.to_toml(), memory, Vec::new())
            }
        };
        plain(json!({
            "settings": settings,
            "text": text.map_err(words)?,
            "memory": memory.total(),
            "largest_tensor": memory.largest_tensor,
            "classes": names,
        }))
    }

    fn workshop(&self, control: &Control) -> Result<Workshop, Failure> {
        Ok(Workshop {
            cases: self.cases.borrow().clone(),
            device: self.selected()?.device,
            control: control.clone(),
            autosave: self.autosave.clone(),
        })
    }

    async fn train(&self, request: TrainRequest) -> Answer {
        let (_busy, control) = self.claim()?;
        let workshop = self.workshop(&control)?;
        let cases = workshop.cases.clone();
        match request.stage {
            Stage::Finetune => {
                let config = self.finetune_config(&request)?;
                let names = class_names(&request, config.unetr().classes);
                let (model, encoder) = (self.model.borrow().clone(), self.encoder.borrow().clone());
                let start = request.start;
                let values =
                    training::starting(start, model.as_deref(), encoder.as_ref(), &config)?;
                training::lay_out(&config, &request, &cases, &names)?;
                let request = TrainRequest {
                    classes: names,
                    ..request
                };
                self.keep_data(&request, &cases).await;
                let ended = workshop.finetune(&request, config, values, None).await;
                self.finish(&request, ended)
            }
            Stage::Pretrain => {
                let config = self.pretrain_config(&request)?;
                training::lay_out(&config, &request, &cases, &[])?;
                self.keep_data(&request, &cases).await;
                let ended = workshop.pretrain(&request, config, None).await;
                self.finish(&request, ended)
            }
        }
    }

    /// Copies the cases of a new run to the browser's storage; without it the run goes on.
    async fn keep_data(&self, request: &TrainRequest, cases: &Cases) {
        self.run.replace(Some(request.clone()));
        storage::forget().await;
        let mut all = request.training.clone();
        all.extend(&request.validation);
        all.sort_unstable();
        all.dedup();
        let kept = |index: &&usize| !cases.only_phantoms(&[**index]);
        let own: Vec<usize> = all.iter().filter(kept).copied().collect();
        let about = json!({
            "phantoms": all.iter().filter(|index| !own.contains(index))
                .filter_map(|index| Some(cases.images.get(*index)?.name.clone()))
                .collect::<Vec<_>>(),
        });
        if let Err(why) = storage::save_data(&cases.files(&own), about).await {
            tell(&Event::NotSaved { why }, Vec::new());
        }
    }

    async fn go_on(&self) -> Answer {
        let (_busy, control) = self.claim()?;
        let place = run_files::place()?;
        let known = self.run.borrow().clone();
        let request = match known {
            Some(request) => request,
            None => run_files::cases_of(&place, &mut self.cases.borrow_mut())
                .map_err(|missing| words(format!("the run needs {}", missing.join(", "))))?,
        };
        self.run.replace(Some(request.clone()));
        let workshop = self.workshop(&control)?;
        let latest = Path::new(RUN);
        let ended = match place.stage {
            Stage::Finetune => {
                let checkpoint = Checkpoint::<FinetuneConfig>::latest(latest).map_err(words)?;
                let config = checkpoint.manifest.config.clone();
                workshop
                    .finetune(&request, config, Default::default(), Some(checkpoint))
                    .await
            }
            Stage::Pretrain => {
                let checkpoint = Checkpoint::<PretrainConfig>::latest(latest).map_err(words)?;
                let config = checkpoint.manifest.config.clone();
                workshop.pretrain(&request, config, Some(checkpoint)).await
            }
        };
        self.finish(&request, ended)
    }

    /// Takes over what a run left.
    fn finish(&self, request: &TrainRequest, ended: Result<Summary, Failure>) -> Answer {
        let summary = ended?;
        let mut answer = json!({
            "step": summary.progress.step,
            "total_steps": summary.total_steps,
            "complete": summary.progress.step >= summary.total_steps,
            "best": summary.progress.best,
            "best_step": summary.progress.best_step,
            "seconds": summary.progress.seconds,
        });
        let run = Path::new(RUN);
        let read = |name: &str| platform::read(&run.join(name)).ok();
        match request.stage {
            Stage::Finetune => {
                let bytes = read("model.safetensors")
                    .or_else(|| read("checkpoints/last/weights.safetensors"));
                let settings = read("config.toml").and_then(|text| String::from_utf8(text).ok());
                if let Some(bytes) = bytes {
                    let name = "model.safetensors".to_owned();
                    let classes = request.classes.clone();
                    let (found, _) = self.use_model(name, settings, classes, vec![bytes])?;
                    answer["model"] = found["model"].clone();
                }
            }
            Stage::Pretrain => {
                if let Some(bytes) = read("encoder.safetensors") {
                    self.encoder
                        .replace(Some(("encoder.safetensors".to_owned(), bytes)));
                    answer["encoder"] = json!("encoder.safetensors");
                }
            }
        }
        plain(answer)
    }

    /// What is known of the run at hand.
    fn run_at_hand(&self) -> Answer {
        let place = run_files::place()?;
        self.run.replace(None);
        let found = run_files::cases_of(&place, &mut self.cases.borrow_mut());
        let missing = found.as_ref().err().cloned().unwrap_or_default();
        self.run.replace(found.ok());
        let metrics = platform::read(&Path::new(RUN).join(METRICS)).unwrap_or_default();
        self.listing(json!({
            "stage": place.stage,
            "step": place.step,
            "total_steps": place.total_steps,
            "missing": missing,
            "metrics": String::from_utf8_lossy(&metrics),
        }))
    }

    async fn restore(&self) -> Answer {
        if let Some((files, about)) = storage::data().await {
            for (name, bytes) in files {
                // What was accepted once is accepted again.
                let _ = self.cases.borrow_mut().add(name, bytes.to_vec());
            }
            for name in about["phantoms"].as_array().into_iter().flatten() {
                let seed = name.as_str().and_then(|name| name.strip_prefix("phantom "));
                if let Some(seed) = seed.and_then(|seed| seed.parse().ok()) {
                    self.cases.borrow_mut().add_phantom(seed)?;
                }
            }
            self.cases.borrow_mut().pair_new();
        }
        for stored in storage::runs().await {
            if storage::load(&stored, Path::new(RUN)).await.is_some() && run_files::place().is_ok()
            {
                return self.run_at_hand();
            }
        }
        Err(words(
            "no complete copy of a run is left in the browser's storage",
        ))
    }

    fn download(&self, file: Download) -> Answer {
        let run = |name: &str| {
            let bytes = platform::read(&Path::new(RUN).join(name));
            bytes.map_err(|_| words("there is no run yet"))
        };
        let segmentation = self.segmentation.borrow();
        let segmented = || {
            let found = segmentation.as_ref();
            found.ok_or_else(|| words("nothing has been segmented yet"))
        };
        let model = self.model.borrow();
        let network = || {
            model
                .as_ref()
                .ok_or_else(|| words("there is no network yet"))
        };
        let (name, bytes) = match file {
            Download::Labels => {
                let found = segmented()?;
                (format!("{}_labels.nii.gz", found.case), found.nifti(true)?)
            }
            Download::ScoresCsv => {
                let found = segmented()?;
                (
                    format!("{}_scores.csv", found.case),
                    found.csv()?.into_bytes(),
                )
            }
            Download::ScoresJson => {
                let found = segmented()?;
                (
                    format!("{}_scores.json", found.case),
                    found.json()?.into_bytes(),
                )
            }
            Download::Weights => ("model.safetensors".to_owned(), network()?.bytes.to_vec()),
            Download::Settings => {
                let text = network()?.config.to_toml().map_err(words)?;
                ("config.toml".to_owned(), text.into_bytes())
            }
            Download::Run => ("hounsfield-run.zip".to_owned(), run_files::archive()?),
            Download::Metrics => (METRICS.to_owned(), run(METRICS)?),
        };
        Ok((json!({ "name": name }), vec![bytes]))
    }
}
