//! Data lists from folders of volumes, with and without label maps.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::description::{Description, json, modality};
use super::pairing::{case_name, names_labels, pair_by_name};
use super::{Case, DataList, DatasetError};

/// One case in this many goes to validation when a folder is used without a split file.
const VALIDATION_SHARE: usize = 10;
/// Sub-folders of images and of their label maps: of the Decathlon and of nnU-Net, and plain ones.
const TRAINING: [[&str; 2]; 2] = [["imagesTr", "labelsTr"], ["images", "labels"]];
/// The same for cases to be scored at the end.
const TEST: [[&str; 2]; 1] = [["imagesTs", "labelsTs"]];
/// Names of classes and modality, in the Decathlon's or in nnU-Net's form.
const DESCRIPTION: &str = "dataset.json";

/// Labelled cases found in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelledFolder {
    /// The cases; all of them have a label map.
    pub list: DataList,
    /// Images that no label map was found for, which are in no list.
    pub unlabelled: Vec<PathBuf>,
    /// Label maps that no image was found for.
    pub unused: Vec<PathBuf>,
}

impl DataList {
    /// Every `.nii`, `.nii.gz`, `.hdr` and `.hdr.gz` file of a folder, sorted by name, label maps among them. Hidden
    /// files and sub-folders are left out.
    ///
    /// # Errors
    /// The folder cannot be read, or holds no volume.
    pub fn volumes_of(folder: &Path) -> Result<Vec<PathBuf>, DatasetError> {
        let found = volumes(folder)?;
        if found.is_empty() {
            let folder = folder.to_path_buf();
            return Err(DatasetError::NoVolumes { folder });
        }
        Ok(found)
    }

    /// Takes every volume of a folder (see [`DataList::volumes_of`]) as an unlabelled case, but for label maps, by
    /// their names, whose images are there too; a warning counts those.
    ///
    /// About a tenth of the cases, at least one where there are two, is set aside for validation. Which
    /// ones depends on the file names alone, so the split is the same on every machine; it knows
    /// nothing of patients, so with several scans a patient write a split file instead.
    ///
    /// `dataset.json` in the folder, or beside one that is called `images..`, names the modality.
    ///
    /// # Errors
    /// The folder cannot be read, or holds no volume; `dataset.json` is not readable.
    pub fn from_folder(folder: &Path) -> Result<DataList, DatasetError> {
        let (images, labels) = part_labels(Self::volumes_of(folder)?);
        if let [first, ..] = &labels[..] {
            let (count, first) = (labels.len(), first.display());
            log::warn!("label maps beside their images are left out: {count}, such as {first}");
        }
        let unlabelled = |image| Case { image, label: None };
        let cases = images.into_iter().map(unlabelled).collect();
        let (training, validation) = set_aside(cases);
        Ok(DataList {
            training,
            validation,
            modality: modality_of(folder)?,
            ..DataList::default()
        })
    }

    /// Finds images and their label maps in a folder, and pairs them by name (see [`pair_by_name`]).
    ///
    /// They lie in `imagesTr` and `labelsTr` (the Medical Segmentation Decathlon, nnU-Net), in `images`
    /// and `labels`, or side by side, the label maps with `seg`, `label`, `mask` or the like in their
    /// names. Validation cases are set aside as in [`DataList::from_folder`]; pairs of `imagesTs` and
    /// `labelsTs` are test cases. `dataset.json` in the folder names the classes and the modality.
    ///
    /// # Errors
    /// The folder cannot be read, holds no pair, or holds several channels a case; `dataset.json` is not
    /// readable or its labels are not classes numbered from 0.
    pub fn from_labelled_folder(folder: &Path) -> Result<LabelledFolder, DatasetError> {
        let [images, labels] = match layout(folder, &TRAINING)? {
            Some(found) => found,
            None => volumes(folder)?
                .into_iter()
                .partition::<Vec<_>, _>(|path| !names_labels(&name(path)))
                .into(),
        };
        let found = Pairs::of(images, labels)?;
        if found.cases.is_empty() {
            return Err(DatasetError::NoPairs {
                folder: folder.to_path_buf(),
                images: found.unlabelled.len(),
                labels: found.unused.len(),
            });
        }
        let test = match layout(folder, &TEST)? {
            Some([images, labels]) => Pairs::of(images, labels)?.cases,
            None => Vec::new(),
        };
        let (training, validation) = set_aside(found.cases);
        let Description { classes, modality } = description(folder)?;
        Ok(LabelledFolder {
            list: DataList {
                training,
                validation,
                test,
                classes,
                modality,
            },
            unlabelled: found.unlabelled,
            unused: found.unused,
        })
    }
}

/// Images with their label maps, and what is left over.
#[derive(Default)]
struct Pairs {
    cases: Vec<Case>,
    unlabelled: Vec<PathBuf>,
    unused: Vec<PathBuf>,
}

impl Pairs {
    fn of(images: Vec<PathBuf>, labels: Vec<PathBuf>) -> Result<Pairs, DatasetError> {
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

/// The volumes of the first of these pairs of sub-folders that is there.
fn layout(folder: &Path, layouts: &[[&str; 2]]) -> Result<Option<[Vec<PathBuf>; 2]>, DatasetError> {
    for names in layouts {
        let [images, labels] = names.map(|name| folder.join(name));
        if images.is_dir() && labels.is_dir() {
            return Ok(Some([volumes(&images)?, volumes(&labels)?]));
        }
    }
    Ok(None)
}

/// The volumes right in a folder, sorted by name.
fn volumes(folder: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let unreadable = |source| DatasetError::Unreadable {
        path: folder.to_path_buf(),
        source,
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.file_name().is_some_and(is_volume_name) && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Parts label maps whose images are there too, by their names, from the other volumes.
fn part_labels(volumes: Vec<PathBuf>) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let (labels, images): (Vec<String>, Vec<String>) = volumes
        .iter()
        .map(|path| name(path))
        .partition(|file| names_labels(file));
    let (labels, images) = (views(&labels), views(&images));
    let pairs = pair_by_name(&images, &labels);
    let paired: HashSet<usize> = pairs.into_iter().flatten().collect();
    // Of several label maps of one image none is its only one, so each of them is asked alone.
    let alone = |label: &str| {
        let pairs = pair_by_name(&images, &[label]);
        pairs.iter().any(Option::is_some)
    };
    let left_out: HashSet<&str> = labels
        .iter()
        .enumerate()
        .filter(|(index, label)| paired.contains(index) || alone(label))
        .map(|(_, label)| *label)
        .collect();
    volumes
        .into_iter()
        .partition(|path| !left_out.contains(name(path).as_str()))
}

/// What `dataset.json` in the folder says, if it is there.
fn description(folder: &Path) -> Result<Description, DatasetError> {
    match described(folder)? {
        Some((value, name)) => Description::of(&value, &name),
        None => Ok(Description::default()),
    }
}

/// What made the images of a folder: their classes do not matter without label maps.
fn modality_of(folder: &Path) -> Result<Option<String>, DatasetError> {
    let found = match described(folder)? {
        None if name(folder).starts_with("images") => {
            let parent = folder.parent().filter(|parent| *parent != Path::new(""));
            described(parent.unwrap_or(Path::new(".")))?
        }
        found => found,
    };
    Ok(found.and_then(|(value, _)| modality(&value)))
}

/// The folder's `dataset.json`, if there is one, with its path for messages.
fn described(folder: &Path) -> Result<Option<(Value, String)>, DatasetError> {
    let path = folder.join(DESCRIPTION);
    let shown = path.display().to_string();
    match fs::read(&path) {
        Ok(text) => Ok(Some((json(&text, &shown)?, shown))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(DatasetError::Unreadable { path, source }),
    }
}

/// Training and validation cases, each in the order given.
fn set_aside(cases: Vec<Case>) -> (Vec<Case>, Vec<Case>) {
    let held_out = match cases.len() {
        0 | 1 => 0,
        n => ((n + VALIDATION_SHARE / 2) / VALIDATION_SHARE).max(1),
    };
    let hashes = cases.iter().map(|case| name_hash(&case.image));
    let mut by_hash: Vec<_> = hashes
        .enumerate()
        .map(|(index, hash)| (hash, index))
        .collect();
    by_hash.sort_unstable();
    let aside: HashSet<usize> = by_hash.into_iter().take(held_out).map(|(_, i)| i).collect();
    let mut split = (Vec::new(), Vec::new());
    for (index, case) in cases.into_iter().enumerate() {
        match aside.contains(&index) {
            false => split.0.push(case),
            true => split.1.push(case),
        }
    }
    split
}

fn is_volume_name(name: &OsStr) -> bool {
    let name = name.to_string_lossy().to_ascii_lowercase();
    // macOS leaves "._scan.nii" files beside the real ones on foreign disks.
    !name.starts_with('.')
        && [".nii", ".nii.gz", ".hdr", ".hdr.gz"]
            .iter()
            .any(|end| name.ends_with(end))
}

/// The file's name without its folder.
fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn views(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

fn name_hash(path: &Path) -> [u8; 32] {
    blake3::hash(name(path).as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    fn folder<S: AsRef<str>>(files: &[S]) -> std::io::Result<tempfile::TempDir> {
        let dir = tempfile::tempdir()?;
        for file in files {
            let path = dir.path().join(file.as_ref());
            fs::create_dir_all(path.parent().unwrap_or(dir.path()))?;
            fs::write(path, b"")?;
        }
        Ok(dir)
    }

    fn names(cases: &[Case]) -> Vec<String> {
        cases.iter().map(|case| name(&case.image)).collect()
    }

    /// Images with their label maps, as paths in the folder.
    fn pairs(cases: &[Case], folder: &Path) -> Vec<String> {
        let inside = |path: &Path| {
            path.strip_prefix(folder)
                .unwrap_or(path)
                .display()
                .to_string()
        };
        let pair = |case: &Case| {
            let label = case.label.as_deref().map(inside).unwrap_or_default();
            format!("{} + {label}", inside(&case.image))
        };
        cases.iter().map(pair).collect()
    }

    #[test]
    fn a_folder_gives_its_volumes_sorted_with_a_tenth_for_validation() -> Outcome {
        let mut files: Vec<String> = (0..24).map(|i| format!("scan{i:02}.nii.gz")).collect();
        files.extend(
            [
                "B.NII",
                "pair.hdr.gz",
                "pair.img.gz",
                "._B.nii",
                "notes.txt",
            ]
            .map(String::from),
        );
        let dir = folder(&files)?;
        fs::create_dir(dir.path().join("folder.nii"))?;
        let list = DataList::from_folder(dir.path())?;
        assert_eq!((list.training.len(), list.validation.len()), (23, 3));
        for cases in [names(&list.training), names(&list.validation)] {
            assert!(cases.is_sorted());
        }
        let mut all = [names(&list.training), names(&list.validation)].concat();
        all.sort();
        let mut expected: Vec<String> = files[..26].to_vec();
        expected.sort();
        assert_eq!(all, expected);

        // The same names in another place give the same split.
        let again = DataList::from_folder(folder(&files)?.path())?;
        assert_eq!(names(&again.validation), names(&list.validation));
        Ok(())
    }

    #[test]
    fn small_folders_keep_at_least_one_case_for_training() -> Outcome {
        for (count, training, validation) in [(1, 1, 0), (2, 1, 1), (5, 4, 1), (15, 13, 2)] {
            let files: Vec<String> = (0..count).map(|i| format!("{i}.nii")).collect();
            let list = DataList::from_folder(folder(&files)?.path())?;
            assert_eq!(
                (list.training.len(), list.validation.len()),
                (training, validation)
            );
        }
        let empty = DataList::from_folder(folder::<&str>(&[])?.path());
        assert!(matches!(empty, Err(DatasetError::NoVolumes { .. })));
        Ok(())
    }

    #[test]
    fn label_maps_beside_their_images_are_no_images() -> Outcome {
        let scans = ["a.nii", "b.nii", "c_mask.nii"];
        let labels = ["a_mask.nii", "a_seg.nii", "b_label.nii.gz"];
        let dir = folder(&[scans, labels].concat())?;
        let list = DataList::from_folder(dir.path())?;
        let mut found = [names(&list.training), names(&list.validation)].concat();
        found.sort();
        // Nothing tells whose label map the third is, if it is one.
        assert_eq!(found, scans);
        assert_eq!(DataList::volumes_of(dir.path())?.len(), 6);
        Ok(())
    }

    #[test]
    fn an_nnunet_folder_gives_pairs_classes_modality_and_test_cases() -> Outcome {
        let dir = folder(&[
            "imagesTr/liver_0_0000.nii.gz",
            "imagesTr/liver_1_0000.nii.gz",
            "imagesTr/liver_9_0000.nii.gz",
            "labelsTr/liver_1.nii.gz",
            "labelsTr/liver_0.nii.gz",
            "labelsTr/liver_7.nii.gz",
            "imagesTs/liver_5_0000.nii.gz",
            "imagesTs/liver_6_0000.nii.gz",
            "labelsTs/liver_6.nii.gz",
        ])?;
        fs::write(
            dir.path().join("dataset.json"),
            r#"{"channel_names": {"0": "MRI"}, "labels": {"lesion": 2, "background": 0, "liver": 1}, "numTraining": 3}"#,
        )?;
        let found = DataList::from_labelled_folder(dir.path())?;
        let list = &found.list;
        let mut both = [&list.training[..], &list.validation[..]].concat();
        both.sort_by(|a, b| a.image.cmp(&b.image));
        assert_eq!((list.training.len(), list.validation.len()), (1, 1));
        let pair =
            |n, of| format!("images{of}/liver_{n}_0000.nii.gz + labels{of}/liver_{n}.nii.gz");
        assert_eq!(pairs(&both, dir.path()), [pair(0, "Tr"), pair(1, "Tr")]);
        assert_eq!(pairs(&list.test, dir.path()), [pair(6, "Ts")]);
        assert_eq!(list.classes, ["background", "liver", "lesion"]);
        assert_eq!(list.modality.as_deref(), Some("MRI"));
        assert_eq!(
            found.unlabelled,
            [dir.path().join("imagesTr/liver_9_0000.nii.gz")]
        );
        assert_eq!(found.unused, [dir.path().join("labelsTr/liver_7.nii.gz")]);
        Ok(())
    }

    #[test]
    fn images_alone_are_of_the_modality_that_their_data_set_names() -> Outcome {
        let dir = folder(&["imagesTr/a.nii", "other/a.nii"])?;
        let modality = |sub: &str| -> Result<Option<String>, DatasetError> {
            Ok(DataList::from_folder(&dir.path().join(sub))?.modality)
        };
        assert_eq!(modality("imagesTr")?, None);
        // Regions are no classes, and pre-training has none.
        let text = r#"{"channel_names": {"0": "MRI"}, "labels": {"whole": [1, 2]}}"#;
        fs::write(dir.path().join("dataset.json"), text)?;
        assert_eq!(modality("imagesTr")?.as_deref(), Some("MRI"));
        assert_eq!(modality("other")?, None);
        fs::write(dir.path().join("other/dataset.json"), text)?;
        assert_eq!(modality("other")?.as_deref(), Some("MRI"));
        Ok(())
    }

    #[test]
    fn label_maps_beside_their_images_are_told_by_their_names() -> Outcome {
        let dir = folder(&["a_ct.nii", "a_seg.nii", "b_ct.nii", "b_seg.nii", "c_ct.nii"])?;
        let found = DataList::from_labelled_folder(dir.path())?;
        let mut both = [&found.list.training[..], &found.list.validation[..]].concat();
        both.sort_by(|a, b| a.image.cmp(&b.image));
        assert_eq!(
            pairs(&both, dir.path()),
            ["a_ct.nii + a_seg.nii", "b_ct.nii + b_seg.nii"]
        );
        assert!(found.list.classes.is_empty());
        assert_eq!(found.unlabelled, [dir.path().join("c_ct.nii")]);
        Ok(())
    }

    #[test]
    fn a_folder_without_pairs_and_one_of_several_channels_are_refused() -> Outcome {
        let message = |files: &[&str]| -> Result<String, std::io::Error> {
            let dir = folder(files)?;
            let found = DataList::from_labelled_folder(dir.path());
            Ok(found.map_or_else(|e| e.to_string(), |found| format!("accepted: {found:?}")))
        };
        let alone = message(&["imagesTr/a.nii", "imagesTr/b.nii"])?;
        assert!(alone.contains("imagesTr and labelsTr"), "{alone}");
        let no_tests = [
            "images/a.nii",
            "images/b.nii",
            "labels/a.nii",
            "labels/b.nii",
        ];
        let no_tests = [&no_tests[..], &["imagesTs/c.nii", "labelsTs/notes.txt"]].concat();
        assert!(message(&no_tests)?.starts_with("accepted"));
        let none = message(&["a.nii", "b.nii"])?;
        assert!(none.contains("no image with its label map"), "{none}");
        assert!(none.contains("2 images, 0 label maps"), "{none}");
        let channels = message(&[
            "imagesTr/x_0000.nii",
            "imagesTr/x_0001.nii",
            "labelsTr/x.nii",
        ])?;
        assert!(channels.contains("second channel"), "{channels}");
        // Cases that are merely numbered from zero are no channels.
        let cases = message(&[
            "images/p_0000.nii",
            "images/p_0001.nii",
            "labels/p_0000.nii",
        ])?;
        assert!(cases.starts_with("accepted"), "{cases}");
        Ok(())
    }
}
