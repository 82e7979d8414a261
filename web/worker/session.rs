//! What the worker holds, and its answers.

mod download;
mod files;
mod network;
mod planning;
mod replicating;
mod runs;

use crate::autosave::Autosave;
use crate::cases::Cases;
use crate::host::{console_error, on_message, received, send, tell};
use crate::model::{Encoder, Model, Origin, organs};
use crate::pool;
use crate::protocol::{Call, Event, Request, TrainRequest};
use crate::replica::Replicated;
use crate::run_files;
use crate::segment::Segmentation;
use crate::settings::Described;
use crate::storage;
use crate::training::Failure;
use hounsfield::dataset::DataList;
use hounsfield::device::{self, DeviceChoice, Selected, check_precision, is_cpu};
use hounsfield::nn::Precision;
use hounsfield::platform::Instant;
use hounsfield::train::Control;
use serde::Serialize;
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen_futures::spawn_local;

#[derive(Default)]
struct Session {
    device: RefCell<Option<Selected>>,
    cases: RefCell<Cases>,
    model: RefCell<Option<Rc<Model>>>,
    /// The network that the unfinished run at hand took the place of: a new run starts from it, not from where that one
    /// came to.
    before: RefCell<Option<Origin>>,
    /// The copy of the network that the worker trains whose own worker this one is.
    replica: RefCell<Option<Replicated>>,
    /// What pre-training left.
    encoder: RefCell<Option<Encoder>>,
    segmentation: RefCell<Option<Segmentation>>,
    /// The cases of the run at hand.
    run: RefCell<Option<TrainRequest>>,
    /// Whether the run at hand came from files, so that the storage holds no copy.
    brought: Cell<bool>,
    /// The last list of cases that was dropped.
    list: RefCell<Option<DataList>>,
    /// What a `dataset.json` without lists says of the folder that was dropped.
    described: RefCell<Option<Described>>,
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

/// The first buffer of a message.
fn first(buffers: Vec<Vec<u8>>) -> Vec<u8> {
    buffers.into_iter().next().unwrap_or_default()
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
            Request::Open { device, pool } => self.open(&device, pool).await,
            Request::Phantom { seed } => {
                let index = self.cases.borrow_mut().add_phantom(seed)?;
                self.listing(json!({ "image": index, "classes": organs() }))
            }
            Request::AddFiles { names } => self.add_files(names, buffers),
            Request::PairNew => self.pair_new(),
            Request::CloseScans => {
                let (_busy, _) = self.claim()?;
                self.close_scans()
            }
            Request::Pair { image, label } => {
                self.cases.borrow_mut().choose(image, label);
                self.listing(json!({}))
            }
            Request::Show { image } => {
                let cases = self.cases.borrow().clone();
                let buffers = cases.shown(image)?;
                let classes = self.legend_of(&cases, image);
                let ct = cases.image(image)?.is_ct();
                Ok((json!({ "classes": classes, "ct": ct }), buffers))
            }
            Request::UseModel {
                name,
                settings,
                classes,
                modality,
            } => self.use_model(name, settings, classes, modality, buffers),
            Request::Segment {
                image,
                overlap,
                mirror,
            } => self.segment(image, (overlap, mirror)).await,
            Request::Window { mirror } => self.window(mirror, buffers).await,
            Request::Replicate { stage, settings } => self.replicate(stage, &settings),
            Request::Dismiss => {
                self.replica.replace(None);
                plain(json!({}))
            }
            Request::TakeWeights => self.take_weights(buffers),
            Request::Forward { tracked } => self.forward(tracked, buffers).await,
            Request::Backward => self.backward(buffers).await,
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
            Request::Restore => {
                let (_busy, _) = self.claim()?;
                self.restore().await
            }
            Request::Forget => {
                let (_busy, _) = self.claim()?;
                storage::forget().await?;
                // What is paused can go on, and is not stored again.
                self.autosave.keep(false);
                plain(json!({}))
            }
            Request::LoadRun { names } => {
                let (_busy, _) = self.claim()?;
                let place = run_files::take(names.into_iter().zip(buffers).collect())?;
                self.brought.set(true);
                self.autosave.keep(true);
                self.run_at_hand(&place)
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

    async fn open(&self, name: &str, pooled: bool) -> Answer {
        let started = Instant::now();
        let choice: DeviceChoice = name.parse().map_err(words)?;
        let mut selected = device::select(choice).await.map_err(words)?;
        let mut notice = None;
        let checks = match selected.self_test().await {
            // What nobody asked for by name may be left again.
            Err(error) if choice == DeviceChoice::Auto && !is_cpu(&selected.device) => {
                notice = Some(error.to_string());
                selected = device::select(DeviceChoice::Cpu).await.map_err(words)?;
                selected.self_test().await
            }
            checks => checks,
        };
        let checks = checks.map_err(words)?;
        let cpu = is_cpu(&selected.device);
        let half = check_precision(&selected, Precision::F16).is_ok();
        let description = selected.description.clone();
        // What is asked for is asked for now, before anything is computed.
        if cpu && pooled {
            pool::start().await;
        }
        self.device.replace(Some(selected));
        plain(json!({
            "device": description,
            "cpu": cpu,
            "half": half,
            "checks": checks,
            "notice": notice,
            "seconds": started.elapsed().as_secs_f64(),
        }))
    }
}
