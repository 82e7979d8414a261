//! Files that are taken in, each under a name of its own.

use super::pairs::By;
use super::values::{labels_of, largest_label, present};
use super::{Cases, ImageFile, LabelFile};
use crate::names::Kind;
use crate::protocol::Refusal;
use hounsfield::volume::read_nifti;
use std::rc::Rc;

/// What became of a file that was taken in.
pub(crate) enum Added {
    /// It is new, has this name here, and is doubtful for these reasons.
    New { name: String, doubts: Vec<String> },
    /// This very file was here already.
    Known,
}

impl Cases {
    /// Takes a file in, as an image or as a label map; `kind` is what a list says it is. The words of an error are the
    /// reader's.
    pub(crate) fn add(
        &mut self,
        name: String,
        bytes: Vec<u8>,
        kind: Option<Kind>,
    ) -> Result<Added, Refusal> {
        let refuse = |why: String| Refusal {
            file: name.clone(),
            why,
        };
        if self.has(&name, &bytes) {
            return Ok(Added::Known);
        }
        let read = read_nifti(&bytes, &name).map_err(|e| refuse(e.to_string()))?;
        let volume = &read.volume;
        let (labels, whole) = match kind {
            Some(Kind::Image) => (None, false),
            // What holds no labels is refused where it is paired, with the reason.
            Some(Kind::Label) => {
                let largest = largest_label(volume);
                (Some(largest.unwrap_or(u8::MAX)), largest.is_some())
            }
            None => (labels_of(&name, volume), true),
        };
        let (name, bytes) = (self.free_name(name), Rc::new(bytes));
        let mut doubts = Vec::new();
        let here = name.clone();
        match labels {
            Some(largest) => self.labels.push(LabelFile {
                name,
                bytes,
                shape: volume.shape(),
                affine: *volume.affine(),
                whole,
                largest,
                present: present(volume),
            }),
            None => {
                doubts = read.doubts();
                self.images.push(ImageFile {
                    name,
                    bytes,
                    label: None,
                    shape: volume.shape(),
                    spacing: volume.spacing(),
                    affine: *volume.affine(),
                    lowest: volume.lowest(),
                    label_problem: None,
                    by: By::Names,
                    phantom: false,
                });
            }
        }
        Ok(Added::New { name: here, doubts })
    }

    /// Takes in a file of a stored run under its very name, since a run finds its cases by name: another file that has
    /// the name here gets a new one.
    pub(crate) fn add_stored(&mut self, name: String, bytes: Vec<u8>, kind: Option<Kind>) {
        let (other, inside) = (self.free_name(name.clone()), format!("/{name}"));
        let images = self.images.iter_mut().map(|i| (&mut i.name, &i.bytes));
        let labels = self.labels.iter_mut().map(|l| (&mut l.name, &l.bytes));
        let mut here = false;
        for (have, known) in images.chain(labels) {
            let named = *have == name || have.ends_with(&inside);
            if !here && named && **known == bytes {
                (*have, here) = (name.clone(), true);
            } else if *have == name {
                *have = other.clone();
            }
        }
        if !here {
            // What was accepted once is accepted again.
            let _ = self.add(name, bytes, kind);
        }
    }

    /// This name, or where another file has it the same with a folder of its own before it.
    fn free_name(&self, name: String) -> String {
        let taken = |name: &String| self.all().any(|(have, _)| have == name);
        if !taken(&name) {
            return name;
        }
        let mut others = (2u64..).map(|number| format!("{number}/{name}"));
        others.find(|other| !taken(other)).unwrap_or(name)
    }

    /// Whether this very file is here already, under its own name or under one given to it.
    fn has(&self, name: &str, bytes: &[u8]) -> bool {
        let inside = format!("/{name}");
        self.all().any(|(have, same)| {
            (have == name || have.ends_with(&inside)) && same.as_slice() == bytes
        })
    }
}
