//! Which label map in a folder belongs to which image.

use super::files::name;
use crate::dataset::pairing::{WAYS, case_name, key, names_labels, pair_by_name};
use crate::dataset::{Case, DatasetError};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Images with their label maps, and what is left over.
#[derive(Default)]
pub(super) struct Pairs {
    pub(super) cases: Vec<Case>,
    pub(super) unlabelled: Vec<PathBuf>,
    pub(super) unused: Vec<PathBuf>,
}

impl Pairs {
    pub(super) fn of(images: Vec<PathBuf>, labels: Vec<PathBuf>) -> Result<Pairs, DatasetError> {
        let names = |paths: &[PathBuf]| -> Vec<String> { paths.iter().map(|p| name(p)).collect() };
        let (image_names, label_names) = (names(&images), names(&labels));
        let pairs = pair_by_name(&views(&image_names), &views(&label_names));
        let mut found = Pairs::default();
        for (image, pair) in images.into_iter().zip(&pairs) {
            match pair.and_then(|index| labels.get(index).cloned()) {
                Some(label) => found.cases.push(Case {
                    image,
                    label: Some(label),
                }),
                None => found.unlabelled.push(image),
            }
        }
        let unused = labels.into_iter().enumerate();
        let used: HashSet<usize> = pairs.iter().copied().flatten().collect();
        found.unused = unused
            .filter(|(index, _)| !used.contains(index))
            .map(|(_, label)| label)
            .collect();
        found.check_channels()?;
        Ok(found)
    }

    /// nnU-Net numbers the channels of a case from `_0000`, and its label map `x` has none of these numbers: the first
    /// channel would be taken, and the others lost in silence.
    fn check_channels(&self) -> Result<(), DatasetError> {
        let before = |path: &Path, number: &str| {
            let file = name(path);
            case_name(&file).strip_suffix(number).map(str::to_owned)
        };
        let numbered = self.cases.iter().filter_map(|case| {
            let stem = before(&case.image, "_0000")?;
            (case_name(&name(case.label.as_deref()?)) == stem).then_some(stem)
        });
        let numbered: HashSet<String> = numbered.collect();
        let second = self
            .unlabelled
            .iter()
            .find(|image| before(image, "_0001").is_some_and(|stem| numbered.contains(&stem)));
        match second {
            None => Ok(()),
            Some(image) => Err(DatasetError::SeveralChannels {
                image: image.clone(),
            }),
        }
    }
}

/// Parts label maps whose images are there too, by their names, from the other volumes, which come first. It does not
/// matter how many label maps an image has, nor whether a name tells which of several images it is of: that of a scan
/// in two forms, or in CT and MR.
pub(super) fn part_labels(volumes: Vec<PathBuf>) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let files: Vec<String> = volumes.iter().map(|path| name(path)).collect();
    let images = files.iter().filter(|file| !names_labels(file));
    let cases: HashSet<String> = images
        .flat_map(|image| WAYS.map(|(channel, left_out)| key(image, channel, left_out)))
        .collect();
    volumes.into_iter().partition(|path| {
        let file = name(path);
        !names_labels(&file) || !cases.contains(&key(&file, false, &[]))
    })
}

fn views(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}
