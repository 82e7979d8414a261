//! A volume source over files: read, prepared and cached.

use std::path::Path;
use std::sync::Arc;

use super::pairing::names_labels;
use super::{Cache, Cached, Case, DatasetError, VolumeSource, WithDoubts, case_names};
use crate::transform::{FinetuneTransform, Intensity, Labelled, PretrainTransform, TransformError};
use crate::volume::{self, Volume};

/// Raise it when reading or preparing changes its result for the same file and parameters: cached
/// volumes of the old code are then not used.
const RECIPE: u32 = 2;

/// What is made of a case before training: the deterministic transforms of one of the stages.
pub trait Preparation: Send + Sync {
    /// What a case becomes.
    type Item: Cached;

    /// The files the result depends on, the image first.
    ///
    /// # Errors
    /// [`DatasetError::NoLabel`] for a case that lacks one.
    fn files<'a>(&self, case: &'a Case) -> Result<Vec<&'a Path>, DatasetError>;

    /// Everything besides the files that the result depends on.
    fn settings(&self) -> String;

    /// Reads and prepares a case, without any cache, and says what is doubtful about its image.
    ///
    /// # Errors
    /// A file that cannot be read or prepared; the message names it.
    fn prepare(&self, case: &Case) -> Result<WithDoubts<Self::Item>, DatasetError>;
}

/// The cases of a data list, prepared for one of the stages.
///
/// Several sources may share a cache, and with it one memory budget.
#[derive(Debug, Clone)]
pub struct FileSource<P: Preparation = PretrainTransform> {
    cases: Vec<Case>,
    names: Vec<String>,
    preparation: P,
    settings: String,
    cache: Arc<Cache<P::Item>>,
}

impl<P: Preparation> FileSource<P> {
    /// A source of `cases`, in their order.
    pub fn new(cases: &[Case], preparation: P, cache: Arc<Cache<P::Item>>) -> Self {
        FileSource {
            cases: cases.to_vec(),
            names: case_names(cases),
            settings: preparation.settings(),
            preparation,
            cache,
        }
    }
}

impl<P: Preparation> VolumeSource<P::Item> for FileSource<P> {
    fn len(&self) -> usize {
        self.cases.len()
    }

    fn volume(&self, index: usize) -> Result<Arc<P::Item>, DatasetError> {
        let len = self.cases.len();
        let case = self.cases.get(index);
        let case = case.ok_or(DatasetError::NoSuchCase { index, len })?;
        let files = self.preparation.files(case)?;
        self.cache
            .get(&files, &self.settings, || self.preparation.prepare(case))
    }

    fn name(&self, index: usize) -> String {
        let name = self.names.get(index);
        name.map_or_else(|| format!("case {index}"), Clone::clone)
    }
}

/// Specification 3, steps 1 to 6.
impl Preparation for PretrainTransform {
    type Item = Volume;

    fn files<'a>(&self, case: &'a Case) -> Result<Vec<&'a Path>, DatasetError> {
        Ok(vec![&case.image])
    }

    /// Rust writes the shortest digits that read back to the same float, so different settings have
    /// different texts.
    fn settings(&self) -> String {
        let PretrainTransform {
            spacing,
            intensity,
            patch,
        } = self;
        let intensity = intensity_text(intensity);
        format!("pretrain {RECIPE} spacing {spacing:?} {intensity} patch {patch:?}")
    }

    fn prepare(&self, case: &Case) -> Result<WithDoubts<Volume>, DatasetError> {
        let (image, doubts) = read_image(&case.image)?;
        let item = applied(self, &case.image, &image)?;
        Ok(WithDoubts { item, doubts })
    }
}

/// Specification 4, steps 1 to 6.
impl Preparation for FinetuneTransform {
    type Item = Labelled;

    fn files<'a>(&self, case: &'a Case) -> Result<Vec<&'a Path>, DatasetError> {
        Ok(vec![&case.image, label_of(case)?])
    }

    fn settings(&self) -> String {
        let FinetuneTransform {
            order,
            spacing,
            intensity,
            patch,
            classes,
        } = self;
        let intensity = intensity_text(intensity);
        format!(
            "finetune {RECIPE} {order:?} spacing {spacing:?} {intensity} patch {patch:?} classes {classes}"
        )
    }

    fn prepare(&self, case: &Case) -> Result<WithDoubts<Labelled>, DatasetError> {
        let label_path = label_of(case)?;
        let (image, doubts) = read_image(&case.image)?;
        let label = volume::read(label_path)?;
        let item = self.labelled(image, &label).map_err(|source| {
            let path = match source {
                TransformError::Label(_) => label_path,
                _ => &case.image,
            };
            transform_error(path, source)
        })?;
        Ok(WithDoubts { item, doubts })
    }
}

/// Reads one image and prepares it for pre-training (specification 3, steps 1 to 6), without any cache.
///
/// # Errors
/// A file that cannot be read, is a label map by its values and its name, or has no foreground; the message names it.
pub fn prepare_file(path: &Path, transform: &PretrainTransform) -> Result<Volume, DatasetError> {
    let (image, doubts) = read_image(path)?;
    volume::warn_of(path, &doubts);
    applied(transform, path, &image)
}

fn applied(
    transform: &PretrainTransform,
    path: &Path,
    image: &Volume,
) -> Result<Volume, DatasetError> {
    let prepared = transform.apply(image);
    prepared.map_err(|source| transform_error(path, source))
}

/// An image, and what is to be said of it.
fn read_image(path: &Path) -> Result<(Volume, Vec<String>), DatasetError> {
    let image = volume::read_image(path)?;
    let mut doubts = image.doubts();
    let volume = image.volume;
    if let Some(largest) = volume::looks_like_labels(&volume) {
        if in_label_place(path) {
            let path = path.to_path_buf();
            return Err(DatasetError::LabelMap { path, largest });
        }
        // An image of few whole numbers, a percent map say, looks the same.
        doubts.push(format!(
            "its voxels are whole numbers from 0 to {largest} only; if it is a label map, list the image it belongs to"
        ));
    }
    Ok((volume, doubts))
}

/// Whether a file or its folder is called like label maps.
fn in_label_place(path: &Path) -> bool {
    let folder = path.parent().and_then(Path::file_name);
    let names = [path.file_name(), folder].into_iter().flatten();
    names
        .map(|name| name.to_string_lossy())
        .any(|name| names_labels(&name))
}

fn label_of(case: &Case) -> Result<&Path, DatasetError> {
    case.label.as_deref().ok_or_else(|| DatasetError::NoLabel {
        image: case.image.clone(),
    })
}

fn transform_error(path: &Path, source: TransformError) -> DatasetError {
    DatasetError::Transform {
        name: path.display().to_string(),
        source,
    }
}

fn intensity_text(intensity: &Intensity) -> String {
    match intensity {
        Intensity::Range(window) => format!("window [{:?}, {:?}]", window.min, window.max),
        // 2: without outliers.
        Intensity::Zscore => "zscore 2".to_owned(),
        Intensity::Percentile => "percentile 2".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::{GeometryOrder, IntensityWindow};
    use crate::volume::{Affine, Datatype, write};
    use std::collections::BTreeSet;

    #[test]
    fn every_setting_and_both_files_decide_what_is_taken_from_the_cache() {
        let window = |min, max| Intensity::Range(IntensityWindow { min, max });
        let intensities = [
            window(0.5, 1.5),
            window(0.5, 2.5),
            window(-1.5, 1.5),
            Intensity::Zscore,
            Intensity::Percentile,
        ];
        let plain = PretrainTransform {
            spacing: [1.0; 3],
            intensity: window(-175.0, 250.0),
            patch: [96; 3],
        };
        let mut of_images = vec![
            plain,
            PretrainTransform {
                spacing: [9.0; 3],
                ..plain
            },
            PretrainTransform {
                patch: [9; 3],
                ..plain
            },
        ];
        of_images.extend(intensities.map(|intensity| PretrainTransform { intensity, ..plain }));
        let plain = FinetuneTransform::default();
        let mut of_labelled = vec![
            plain,
            FinetuneTransform {
                order: GeometryOrder::SpacingFirst,
                ..plain
            },
            FinetuneTransform {
                spacing: [9.0; 3],
                ..plain
            },
            FinetuneTransform {
                patch: [9; 3],
                ..plain
            },
            FinetuneTransform {
                classes: 9,
                ..plain
            },
        ];
        of_labelled.extend(intensities.map(|intensity| FinetuneTransform { intensity, ..plain }));
        let mut texts: Vec<String> = of_images.iter().map(Preparation::settings).collect();
        texts.extend(of_labelled.iter().map(Preparation::settings));
        let different: BTreeSet<_> = texts.iter().collect();
        assert_eq!(different.len(), texts.len(), "{texts:#?}");

        let case = Case {
            image: "ct.nii".into(),
            label: Some("label.nii".into()),
        };
        let files = plain.files(&case).unwrap();
        assert_eq!(files, [Path::new("ct.nii"), Path::new("label.nii")]);
    }

    #[test]
    fn a_label_map_is_refused_only_where_its_name_says_so_too() {
        let dir = tempfile::tempdir().unwrap();
        let data = (0..1000).map(|i| (i / 5 % 14) as f32).collect();
        let few = Volume::new([10, 10, 10], data, Affine::identity()).unwrap();
        let read = |name: &str| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            write(&path, &few, Datatype::U8).unwrap();
            read_image(&path)
        };
        for labels in ["labelsTr/a.nii", "images/a_seg.nii"] {
            let refused = read(labels);
            let refused = matches!(refused, Err(DatasetError::LabelMap { largest: 13, .. }));
            assert!(refused, "{labels}");
        }
        // A percent map, say.
        let (read, doubts) = read("imagesTr/fat_fraction.nii").unwrap();
        assert_eq!(read, few);
        assert!(doubts[0].contains("from 0 to 13 only"), "{doubts:?}");
    }
}
