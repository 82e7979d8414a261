//! Scans, label maps and lists that are taken in, and what is said of them.

use super::{Answer, Session, plain};
use crate::cases::{Added, Cases};
use crate::model::{legend, organs};
use crate::names::Kind;
use crate::protocol::{ClassLine, Refusal, Renamed};
use crate::run_files;
use crate::settings::{self, cases_in, kind_in, uses_of};
use hounsfield::dataset::{DataList, class_names};
use serde_json::{Value, json};

impl Session {
    /// The cases, beside what else is to be said.
    pub(super) fn listing(&self, mut more: Value) -> Answer {
        let cases = self.cases.borrow();
        let (images, labels) = cases.lines();
        let uses = match &*self.list.borrow() {
            Some(list) => uses_of(list, &cases),
            None => Vec::new(),
        };
        more["uses"] = json!(uses);
        more["images"] = json!(images);
        more["labels"] = json!(labels);
        plain(more)
    }

    pub(super) fn add_files(&self, names: Vec<String>, buffers: Vec<Vec<u8>>) -> Answer {
        let mut refused: Vec<Refusal> = Vec::new();
        let (mut known, mut renamed) = (Vec::new(), Vec::new());
        let mut classes = Vec::new();
        for (name, bytes) in names.into_iter().zip(buffers) {
            if name.to_lowercase().ends_with(".json") {
                match settings::listed(&bytes, &name) {
                    Ok(list) => {
                        classes = list.classes.clone();
                        self.list.replace(Some(list));
                    }
                    Err(why) => refused.push(Refusal { file: name, why }),
                }
                continue;
            }
            let kind = self.kind(&name);
            let added = self.cases.borrow_mut().add(name.clone(), bytes, kind);
            let file = name;
            match added {
                Ok(Added::New(name)) if name != file => renamed.push(Renamed { file, name }),
                Ok(Added::New(_)) => {}
                Ok(Added::Known) => known.push(file),
                Err(refusal) => refused.push(refusal),
            }
        }
        plain(json!({
            "refused": refused,
            "known": known,
            "renamed": renamed,
            "classes": classes,
        }))
    }

    /// What the list that was dropped says a file is, or that of a run which waits for its scans.
    fn kind(&self, name: &str) -> Option<Kind> {
        let list = self.list.borrow();
        let kind = list.as_ref().and_then(|list| kind_in(list, name));
        if kind.is_some() || self.run.borrow().is_some() {
            return kind;
        }
        kind_in(&run_files::list().ok()?, name)
    }

    /// Finds label maps for images that have none: those that the list names, then by the files' names.
    pub(super) fn pair_new(&self) -> Answer {
        if let Some(list) = &*self.list.borrow() {
            self.cases.borrow_mut().pair_listed(&cases_in(list));
        }
        self.cases.borrow_mut().pair_new();
        self.listing(json!({}))
    }

    /// Names and colours of the labels an image shows.
    pub(super) fn legend_of(&self, cases: &Cases, image: usize) -> Vec<ClassLine> {
        let classes = cases.classes(&[image]);
        let (run, list) = (self.run.borrow(), self.list.borrow());
        // Names of other scans' labels would be wrong.
        let of_run = run.as_ref().filter(|run| {
            let mut all = run.training.iter().chain(&run.validation);
            all.any(|case| *case == image)
        });
        let in_list = |list: &&DataList| matches!(uses_of(list, cases).get(image), Some(Some(_)));
        let of_list = list.as_ref().filter(in_list);
        let given = match cases.phantom(image) {
            Some(_) => organs(),
            None => [
                of_run.map(|run| &run.classes),
                of_list.map(|list| &list.classes),
            ]
            .into_iter()
            .flatten()
            .find(|names| names.len() >= classes)
            .cloned()
            .unwrap_or_default(),
        };
        let enough = given.len().max(classes);
        legend(&class_names(&given, enough))
    }
}
