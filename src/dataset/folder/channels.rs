//! Images whose channels are files of their own, as nnU-Net numbers them: `case_0000`, `case_0001`.

use super::files::name;
use crate::dataset::modality::is_ct;
use crate::dataset::pairing::case_name;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Digits of the number of a channel, which is the last part of its file's name.
const DIGITS: usize = 4;

/// Images of several channels in a folder.
#[derive(Debug)]
pub(super) struct Channels {
    /// Their names, without the numbers.
    images: BTreeSet<String>,
    /// What the data set calls the channels that are there.
    names: Vec<String>,
}

impl Channels {
    /// Those among some files. Nothing but what a data set says of itself tells channels from images that are merely
    /// numbered, so there are none where it names no more than one channel, or none of such a number.
    pub(super) fn of(files: &[PathBuf], about: Option<&Value>) -> Self {
        let named = about.map(named).unwrap_or_default();
        let mut images: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
        for (image, channel) in files.iter().filter_map(|file| numbered(file)) {
            images.entry(image).or_default().insert(channel);
        }
        let found: BTreeSet<usize> = images.values().flatten().copied().collect();
        let names = named.iter().enumerate();
        let names = names.filter(|(channel, _)| found.contains(channel));
        let names = names.map(|(_, name)| (*name).to_owned()).collect();
        images.retain(|_, channels| {
            let are_named = channels.iter().all(|channel| *channel < named.len());
            channels.len() > 1 && are_named
        });
        Channels {
            images: images.into_keys().collect(),
            names,
        }
    }

    /// Whether no image has several channels.
    pub(super) fn is_empty(&self) -> bool {
        self.images.is_empty()
    }

    /// What all channels of an image have in common and no other image has; of any other file its name.
    pub(super) fn image_of(&self, file: &Path) -> String {
        match numbered(file) {
            Some((image, _)) if self.images.contains(&image) => image,
            _ => name(file),
        }
    }

    /// What made the images: what all channels are called. None where some mean CT, in HU, and others do not, because
    /// those are not scaled alike.
    pub(super) fn modality(&self) -> Option<String> {
        let ct = self.names.iter().filter(|name| is_ct(name)).count();
        let alike = !self.names.is_empty() && (ct == 0 || ct == self.names.len());
        alike.then(|| self.different().join(", "))
    }

    /// Warns of what becomes of the channels of images, where there are any.
    pub(super) fn warn(&self) {
        let Some(first) = self.images.first() else {
            return;
        };
        log::warn!(
            "images have several channels, each of which is taken for a volume of its own: {}, such as {first}; all \
             channels of an image are on one side of the split",
            self.images.len()
        );
        if self.modality().is_none() {
            log::warn!(
                "their channels are {}, so no modality is taken for all: keep the files of one channel",
                self.different().join(" and ")
            );
        }
    }

    /// The names of the channels, each once.
    fn different(&self) -> Vec<&str> {
        let mut different: Vec<&str> = Vec::new();
        for name in &self.names {
            if !different.contains(&name.as_str()) {
                different.push(name);
            }
        }
        different
    }
}

/// What a data set calls the channels of its images, by their numbers from 0.
fn named(about: &Value) -> Vec<&str> {
    let keys = ["modality", "channel_names"];
    let named = keys.into_iter().find_map(|key| about.get(key)?.as_object());
    (0_usize..)
        .map_while(|channel| named?.get(&channel.to_string())?.as_str())
        .collect()
}

/// The name of a file without the number at its end, and that number.
fn numbered(file: &Path) -> Option<(String, usize)> {
    let file = name(file);
    let (image, number) = case_name(&file).rsplit_once('_')?;
    let digits = number.len() == DIGITS && number.bytes().all(|byte| byte.is_ascii_digit());
    let channel = number.parse::<usize>().ok().filter(|_| digits)?;
    Some((image.to_owned(), channel))
}
