//! Data lists from folders of volumes, with and without label maps.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::description::{Description, json, modality};
use super::pairing::names_labels;
use super::{Case, DataList, DatasetError, LIST_FILE};
use channels::Channels;
use files::{name, once_each, passed_over, volumes};
use nothing::{no_pairs, no_volumes};
use pairs::{Pairs, part_labels};
use split::set_aside;

mod channels;
mod files;
mod nothing;
mod pairs;
mod split;
#[cfg(test)]
mod tests;

/// Sub-folders of images and of their label maps: of the Decathlon and of nnU-Net, and plain ones.
const TRAINING: [[&str; 2]; 2] = [["imagesTr", "labelsTr"], ["images", "labels"]];
/// The same for cases to be scored at the end.
const TEST: [[&str; 2]; 1] = [["imagesTs", "labelsTs"]];

/// Labelled cases found in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelledFolder {
    /// The cases. All for training and validation have a label map, and so have those for a test, unless they are from a
    /// list of the folder's own.
    pub list: DataList,
    /// Images that no label map was found for, which are in no list.
    pub unlabelled: Vec<PathBuf>,
    /// Label maps that no image was found for.
    pub unused: Vec<PathBuf>,
    /// Sub-folders that were not looked into.
    pub passed_over: Vec<PathBuf>,
}

impl DataList {
    /// Every `.nii`, `.nii.gz`, `.hdr` and `.hdr.gz` file of a folder, sorted by name, but for label maps, by their names,
    /// whose images are there too. Hidden files and sub-folders are left out; warnings count the latter and label maps.
    ///
    /// # Errors
    /// The folder cannot be read, or holds no volume.
    pub fn images_of(folder: &Path) -> Result<Vec<PathBuf>, DatasetError> {
        let found = volumes(folder)?;
        if found.is_empty() {
            return Err(no_volumes(folder));
        }
        let folders = passed_over(&[folder.to_path_buf()])?;
        if let [first, ..] = &folders[..] {
            let (count, first) = (folders.len(), first.display());
            log::warn!(
                "sub-folders are not looked into: {count}, such as {first}; a split file can name the scans in them"
            );
        }
        let (images, labels) = part_labels(found);
        if let [first, ..] = &labels[..] {
            let (count, first) = (labels.len(), first.display());
            log::warn!("label maps beside their images are left out: {count}, such as {first}");
        }
        Ok(images)
    }

    /// Takes every image of a folder (see [`DataList::images_of`]) as an unlabelled case.
    ///
    /// About a tenth of the cases, at least one where there are two, is set aside for validation. Which
    /// ones depends on the file names alone, so the split is the same on every machine; it knows
    /// nothing of patients, so with several scans a patient write a split file instead.
    ///
    /// `dataset.json` in the folder, or beside one that is called `images..`, names the modality. Where it names several
    /// channels, each in a file of its own, every file is a case, those of one image stay on one side, and channels in HU
    /// and others leave no modality; warnings say so.
    ///
    /// # Errors
    /// The folder cannot be read, or holds no volume; `dataset.json` is not readable.
    pub fn from_folder(folder: &Path) -> Result<DataList, DatasetError> {
        let images = once_each(Self::images_of(folder)?, "scans");
        let about = about_images(folder)?;
        let channels = Channels::of(&images, about.as_ref());
        channels.warn();
        let unlabelled = |image| Case { image, label: None };
        let cases = images.into_iter().map(unlabelled).collect();
        let (training, validation) = set_aside(cases, |image| channels.image_of(image));
        Ok(DataList {
            training,
            validation,
            modality: match channels.is_empty() {
                true => about.as_ref().and_then(modality),
                false => channels.modality(),
            },
            ..DataList::default()
        })
    }

    /// Finds images and their label maps in a folder, and pairs them by name (see [`pair_by_name`](crate::dataset::pair_by_name)).
    ///
    /// They lie in `imagesTr` and `labelsTr` (the Medical Segmentation Decathlon, nnU-Net), in `images`
    /// and `labels`, or side by side, the label maps with `seg`, `label`, `mask` or the like in their
    /// names. Validation cases are set aside as in [`DataList::from_folder`]; pairs of `imagesTs` and
    /// `labelsTs` are test cases. `dataset.json` in the folder names the classes and the modality; where it
    /// has lists for training and validation, both with label maps, these are taken, as if the file itself had been named.
    ///
    /// # Errors
    /// The folder cannot be read, holds no pair, or holds several channels a case; `dataset.json` is not
    /// readable or its labels are not classes numbered from 0; what [`DataList::parse`] refuses, where its
    /// lists are taken.
    pub fn from_labelled_folder(folder: &Path) -> Result<LabelledFolder, DatasetError> {
        let described = described(folder)?;
        let about = match &described {
            Some((value, name)) => Description::of(value, name)?,
            None => Description::default(),
        };
        if let Some((value, name)) = &described
            && has_labelled_split(value)
        {
            log::warn!(
                "{name} says what is for validation, so its lists are taken, and no tenth of the folder is set aside"
            );
            return Ok(LabelledFolder {
                list: DataList::of(value, about, name, folder)?.with_slashes(),
                unlabelled: Vec::new(),
                unused: Vec::new(),
                passed_over: Vec::new(),
            });
        }
        let own = layout(folder, &TRAINING);
        let [images, labels] = match &own {
            Some([images, labels]) => [volumes(images)?, volumes(labels)?],
            None => volumes(folder)?
                .into_iter()
                .partition::<Vec<_>, _>(|path| !names_labels(&name(path)))
                .into(),
        };
        let mut found = paired(images, labels)?;
        if found.cases.is_empty() {
            let images = own.as_ref().map(|[images, _]| images.as_path());
            return Err(no_pairs(folder, images, &found));
        }
        let for_test = layout(folder, &TEST);
        let test = match &for_test {
            Some([images, labels]) => paired(volumes(images)?, volumes(labels)?)?,
            None => Pairs::default(),
        };
        let mut places = own.map_or_else(|| vec![folder.to_path_buf()], Vec::from);
        places.extend(for_test.into_iter().flatten());
        found.unlabelled.extend(test.unlabelled);
        found.unused.extend(test.unused);
        let (training, validation) = set_aside(found.cases, name);
        let Description { classes, modality } = about;
        Ok(LabelledFolder {
            list: DataList {
                training,
                validation,
                test: test.cases,
                classes,
                modality,
                unknown: Vec::new(),
            },
            unlabelled: found.unlabelled,
            unused: found.unused,
            passed_over: passed_over(&places)?,
        })
    }

    /// The images that a folder has for a test without any label maps: those of `imagesTs` where there is no `labelsTs`.
    ///
    /// # Errors
    /// `imagesTs` cannot be read.
    pub fn unlabelled_test_images(folder: &Path) -> Result<Vec<PathBuf>, DatasetError> {
        let [names] = TEST;
        let [images, labels] = names.map(|name| folder.join(name));
        match images.is_dir() && !labels.is_dir() {
            true => volumes(&images),
            false => Ok(Vec::new()),
        }
    }
}

/// Images and label maps by their names, each in one of the forms it lies there in.
fn paired(images: Vec<PathBuf>, labels: Vec<PathBuf>) -> Result<Pairs, DatasetError> {
    Pairs::of(once_each(images, "scans"), once_each(labels, "label maps"))
}

/// The first of these pairs of sub-folders that is there.
fn layout(folder: &Path, layouts: &[[&str; 2]]) -> Option<[PathBuf; 2]> {
    let pairs = layouts.iter();
    let mut pairs = pairs.map(|names| names.map(|name| folder.join(name)));
    pairs.find(|pair| pair.iter().all(|folder| folder.is_dir()))
}

/// Whether a `dataset.json` has a split of its own, with label maps, which nothing but validation cases tells.
fn has_labelled_split(value: &Value) -> bool {
    let labelled = |list: &str| {
        let cases = value.get(list).and_then(Value::as_array);
        cases.is_some_and(|cases| {
            let label = |case: &Value| case.get("label").is_some_and(Value::is_string);
            !cases.is_empty() && cases.iter().all(label)
        })
    };
    labelled("training") && labelled("validation")
}

/// What the data set of a folder of images says of itself.
fn about_images(folder: &Path) -> Result<Option<Value>, DatasetError> {
    let found = match described(folder)? {
        None if name(folder).starts_with("images") => {
            let parent = folder.parent().filter(|parent| *parent != Path::new(""));
            described(parent.unwrap_or(Path::new(".")))?
        }
        found => found,
    };
    Ok(found.map(|(value, _)| value))
}

/// The folder's `dataset.json`, if there is one, with its path for messages.
fn described(folder: &Path) -> Result<Option<(Value, String)>, DatasetError> {
    let path = folder.join(LIST_FILE);
    let shown = path.display().to_string();
    match fs::read(&path) {
        Ok(text) => Ok(Some((json(&text, &shown)?, shown))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(DatasetError::Unreadable { path, source }),
    }
}
