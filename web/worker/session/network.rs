//! The network at hand: taken over, and what it makes of windows and scans.

use super::{Answer, Session, plain, words};
use crate::model::{Model, Origin, Weights};
use crate::pool;
use crate::segment::segment;
use crate::settings::listed;
use hounsfield::config::StageConfig;
use hounsfield::dataset::DataList;
use hounsfield::device::{give_back, is_cpu};
use hounsfield::platform::Instant;
use serde_json::json;
use std::rc::Rc;

impl Session {
    /// Takes over a network or an encoder, with the list of cases that may name its classes.
    pub(super) fn use_model(
        &self,
        name: String,
        settings: Option<String>,
        classes: Vec<String>,
        modality: Option<String>,
        buffers: Vec<Vec<u8>>,
    ) -> Answer {
        let mut buffers = buffers.into_iter();
        let bytes = buffers.next().unwrap_or_default();
        let list = buffers.next();
        let selected = self.selected()?;
        let known = self
            .model
            .borrow()
            .as_ref()
            .map(|model| model.config.clone());
        match Model::load(
            name,
            bytes,
            settings.as_deref(),
            known.as_ref(),
            classes,
            &selected,
        )? {
            Weights::Model(mut model) => {
                model.modality = modality.or(model.modality.take());
                // Names of another number of classes are those of another network.
                let named = list.and_then(|list| names_in(&list));
                if let Some(named) = named.filter(|n| n.classes.len() == model.classes.len()) {
                    model.classes = named.classes;
                    model.modality = named.modality;
                }
                let (line, settings) = (model.line(), model.config.to_toml().map_err(words)?);
                if is_cpu(&selected.device) {
                    pool::load(&model, &settings);
                }
                self.model.replace(Some(Rc::from(model)));
                self.before.replace(None);
                give_back(&selected.device);
                plain(json!({ "model": line, "settings": settings }))
            }
            Weights::Encoder(encoder) => {
                let name = encoder.name.clone();
                let settings = encoder.config.as_ref().map(StageConfig::to_toml);
                let settings = settings.transpose().map_err(words)?;
                self.encoder.replace(Some(*encoder));
                plain(json!({ "encoder": name, "settings": settings }))
            }
        }
    }

    /// The network that a new run starts from: the one in use, or where an unfinished run left that the one before.
    pub(super) fn origin(&self) -> Option<Origin> {
        let before = self.before.borrow().clone();
        before.or_else(|| self.model.borrow().as_ref().map(|model| model.origin()))
    }

    /// The logits of one window, for the worker whose pool this one belongs to.
    pub(super) async fn window(&self, mirror: bool, buffers: Vec<Vec<u8>>) -> Answer {
        let model = self.model.borrow().clone();
        let model = model.ok_or_else(|| words("there is no network yet"))?;
        let device = self.selected()?.device;
        let logits = pool::window(&model, &device, mirror, buffers).await?;
        Ok((json!({}), vec![logits]))
    }

    pub(super) async fn segment(&self, image: usize, windows: (f64, bool)) -> Answer {
        let (_busy, control) = self.claim()?;
        let model = self.model.borrow().clone();
        let model = model.ok_or_else(|| words("there is no network yet: drop its weights"))?;
        let device = self.selected()?.device;
        let cases = self.cases.borrow().clone();
        let others = self.other_than_learned(&cases, image, &model);
        let started = Instant::now();
        let found = segment(&cases, image, &model, windows, &device, &control, others).await?;
        let answer = json!({
            "image": image,
            "classes": found.lines,
            "dice": found.dice(),
            "notice": found.notice,
            "workers": found.workers,
            "seconds": started.elapsed().as_secs_f64(),
        });
        let labels = found.nifti(false)?;
        self.segmentation.replace(Some(found));
        Ok((answer, vec![labels]))
    }
}

/// What a list of cases, or a `dataset.json` without any, says of classes and modality; none where it cannot be read.
fn names_in(list: &[u8]) -> Option<DataList> {
    let name = "the list of cases";
    let described = DataList::parse_description(list, name).ok().flatten();
    described.or_else(|| listed(list, name).ok())
}
