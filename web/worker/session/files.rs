//! Scans, label maps and lists that are taken in, and what is said of them.

use super::{Answer, Session, plain};
use crate::cases::{Added, Cases};
use crate::model::{Model, legend, organs};
use crate::names::Kind;
use crate::protocol::{ClassLine, Doubt, Refusal, Renamed, TrainRequest};
use crate::run_files;
use crate::settings::{self, Described, cases_in, has_all, kind_in, list_doubts, uses_of};
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
        let described = self.described.borrow();
        let named = (0..images.len()).map(|index| {
            let of_folder = described
                .as_ref()
                .is_some_and(|d| d.has_all(&cases, &[index]));
            of_folder || uses.get(index).is_some_and(Option::is_some)
        });
        more["named"] = json!(named.collect::<Vec<bool>>());
        more["uses"] = json!(uses);
        more["images"] = json!(images);
        more["labels"] = json!(labels);
        plain(more)
    }

    pub(super) fn add_files(&self, names: Vec<String>, buffers: Vec<Vec<u8>>) -> Answer {
        let mut refused: Vec<Refusal> = Vec::new();
        let (mut known, mut renamed, mut doubtful) = (Vec::new(), Vec::new(), Vec::new());
        let mut classes = Vec::new();
        for (name, bytes) in names.into_iter().zip(buffers) {
            if name.to_lowercase().ends_with(".json") {
                match self.take_list(&bytes, &name) {
                    Ok((names, doubts)) => {
                        classes = names;
                        doubtful.extend(doubts.into_iter().map(|why| Doubt {
                            file: name.clone(),
                            why,
                        }));
                    }
                    Err(why) => refused.push(Refusal { file: name, why }),
                }
                continue;
            }
            let kind = self.kind(&name);
            let added = self.cases.borrow_mut().add(name.clone(), bytes, kind);
            let file = name;
            match added {
                Ok(Added::New { name, doubts }) => {
                    doubtful.extend(doubts.into_iter().map(|why| Doubt {
                        file: file.clone(),
                        why,
                    }));
                    if name != file {
                        renamed.push(Renamed { file, name });
                    }
                }
                Ok(Added::Known) => known.push(file),
                Err(refusal) => refused.push(refusal),
            }
        }
        plain(json!({
            "refused": refused,
            "known": known,
            "renamed": renamed,
            "doubtful": doubtful,
            "classes": classes,
        }))
    }

    /// Takes a list of cases, or what `dataset.json` says of the folder it lies in, each in the place of the other: the last
    /// one counts. Gives the names of the classes and what is to be said of it.
    fn take_list(&self, bytes: &[u8], name: &str) -> Result<(Vec<String>, Vec<String>), String> {
        let described =
            DataList::parse_description(bytes, name).map_err(|error| error.to_string())?;
        if let Some(list) = described {
            let folder = name.rfind('/').map_or("", |end| &name[..=end]).to_owned();
            let classes = list.classes.clone();
            self.described.replace(Some(Described { folder, list }));
            self.list.replace(None);
            return Ok((classes, Vec::new()));
        }
        let list = settings::listed(bytes, name)?;
        let told = (list.classes.clone(), list_doubts(&list));
        self.list.replace(Some(list));
        self.described.replace(None);
        Ok(told)
    }

    /// What `read` makes of the list that has all these images, or else of what describes the folder they are all in.
    fn of_list<R>(
        &self,
        cases: &Cases,
        images: &[usize],
        read: impl FnOnce(&DataList) -> R,
    ) -> Option<R> {
        let (list, described) = (self.list.borrow(), self.described.borrow());
        let list = list.as_ref().filter(|list| has_all(list, cases, images));
        let described = described.as_ref().filter(|d| d.has_all(cases, images));
        list.or(described.map(|d| &d.list)).map(read)
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

    /// Lets go of all cases and of what was made of them. A run at hand looks for its own by their names when it goes on.
    pub(super) fn close_scans(&self) -> Answer {
        self.cases.replace(Cases::default());
        self.list.replace(None);
        self.described.replace(None);
        self.segmentation.replace(None);
        // What is known of it are numbers of cases that are gone; without them its list says what files are.
        self.run.replace(None);
        plain(json!({}))
    }

    /// Names and colours of the labels an image shows.
    pub(super) fn legend_of(&self, cases: &Cases, image: usize) -> Vec<ClassLine> {
        let classes = cases.classes(&[image]);
        let run = self.run.borrow();
        // Names of other scans' labels would be wrong.
        let of_run = run.as_ref().filter(|run| run.images().contains(&image));
        let of_list = self.of_list(cases, &[image], |list| list.classes.clone());
        let given = match cases.phantom(image) {
            Some(_) => organs(),
            None => [of_run.map(|run| run.classes.clone()), of_list]
                .into_iter()
                .flatten()
                .find(|names| names.len() >= classes)
                .unwrap_or_default(),
        };
        let enough = given.len().max(classes);
        legend(&class_names(&given, enough))
    }

    /// Where the list that was dropped says something else of an image than the network learned. Classes matter where the
    /// image has a label map that is compared.
    pub(super) fn other_than_learned(
        &self,
        cases: &Cases,
        image: usize,
        model: &Model,
    ) -> Vec<String> {
        let learned = model.learned();
        let labelled = cases.image(image).is_ok_and(|image| image.label.is_some());
        let differences = self.of_list(cases, &[image], |list| {
            let classes = model.config.other_classes(list, &learned);
            [
                classes.filter(|_| labelled),
                model.config.other_modality(list, &learned),
            ]
        });
        let told = differences.into_iter().flatten().flatten();
        told.map(|one| one.told("the network")).collect()
    }

    /// What made the images of a run, where the list that was dropped has them all.
    pub(super) fn modality_of(&self, request: &TrainRequest, cases: &Cases) -> Option<String> {
        self.of_list(cases, &request.images(), |list| list.modality.clone())
            .flatten()
    }
}
