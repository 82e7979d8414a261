//! What cases are called.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use super::Case;
use super::pairing::case_name;
use super::paths::absolute;

/// A name for each case: that of its image, and where an image is listed with several label maps, as by several readers,
/// that of its label map behind it. Only the same image with the same label map has the same name again.
pub fn case_names(cases: &[Case]) -> Vec<String> {
    let (images, labels) = (image_names(cases), label_names(cases));
    let mut readings: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (image, label) in images.iter().zip(&labels) {
        readings.entry(image).or_default().insert(label);
    }
    let named = |(image, label): (&String, &String)| {
        let labels = readings.get(image.as_str());
        let several = labels.is_some_and(|labels| labels.len() > 1);
        match several && !label.is_empty() {
            true => format!("{image} ({label})"),
            false => image.clone(),
        }
    };
    images.iter().zip(&labels).map(named).collect()
}

/// A name for the image of each case: that of its file, with as many of its folders before it as it takes to tell images
/// apart.
pub fn image_names(cases: &[Case]) -> Vec<String> {
    told_apart(cases.iter().map(|case| case.image.as_path()), str::to_owned)
}

/// A name for the label map of each case, made as [`image_names`] makes those of images; empty where there is none.
pub fn label_names(cases: &[Case]) -> Vec<String> {
    told_apart(
        cases
            .iter()
            .map(|case| case.label.as_deref().unwrap_or(Path::new(""))),
        str::to_owned,
    )
}

/// What the prediction of each case is called below the folder of all predictions: `case.nii.gz`, in as many of the
/// folders of its image as it takes to tell cases apart, whatever the endings of their images. Neither the spelling of
/// their paths nor the working folder matters; all cases of a list belong here, so that those of its splits differ. They
/// also differ where a file system takes `a` and `A` for one name.
pub fn prediction_names<'a>(cases: impl IntoIterator<Item = &'a Case>) -> Vec<PathBuf> {
    let named = |case: &Case| {
        let image = absolute(&case.image);
        let name = format!("{}.nii.gz", case_name(&image.to_string_lossy()));
        image.with_file_name(name)
    };
    let named: Vec<PathBuf> = cases.into_iter().map(named).collect();
    let names = told_apart(named.iter().map(PathBuf::as_path), str::to_lowercase);
    names.iter().map(|name| below(Path::new(name))).collect()
}

/// A path without what would lead out of the folder that it starts from.
fn below(path: &Path) -> PathBuf {
    let parts = path.components();
    parts
        .filter(|part| matches!(part, Component::Normal(_)))
        .collect()
}

/// A name for each path; two are the same where `alike` makes the same of them.
fn told_apart<'a>(
    paths: impl Iterator<Item = &'a Path>,
    alike: impl Fn(&str) -> String,
) -> Vec<String> {
    let parts: Vec<Vec<String>> = paths.map(components).collect();
    let mut taken = vec![1; parts.len()];
    loop {
        let names: Vec<String> = parts
            .iter()
            .zip(&taken)
            .map(|(p, n)| ending(p, *n))
            .collect();
        // Paths that are alike as a whole no folder tells apart.
        let mut bearers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (name, parts) in names.iter().zip(&parts) {
            let whole = alike(&ending(parts, parts.len()));
            bearers.entry(alike(name)).or_default().insert(whole);
        }
        let mut longer = false;
        for ((name, parts), taken) in names.iter().zip(&parts).zip(&mut taken) {
            let shared = bearers.get(&alike(name)).is_some_and(|all| all.len() > 1);
            if shared && *taken < parts.len() {
                *taken += 1;
                longer = true;
            }
        }
        if !longer {
            return names;
        }
    }
}

fn components(path: &Path) -> Vec<String> {
    let parts = path.components();
    parts
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect()
}

fn ending(parts: &[String], count: usize) -> String {
    let from = parts.len().saturating_sub(count);
    parts.get(from..).unwrap_or_default().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(images: &[&str]) -> Vec<String> {
        let case = |image: &&str| Case {
            image: Path::new(image).to_path_buf(),
            label: None,
        };
        case_names(&images.iter().map(case).collect::<Vec<_>>())
    }

    #[test]
    fn names_are_as_short_as_they_can_be_and_tell_cases_apart() {
        assert_eq!(names(&["/d/a.nii", "/d/b.nii"]), ["a.nii", "b.nii"]);
        assert_eq!(
            names(&["/d/p1/ct.nii", "/d/p2/ct.nii", "/d/p2/mr.nii"]),
            ["p1/ct.nii", "p2/ct.nii", "mr.nii"]
        );
        assert_eq!(
            names(&["/d/x/p1/ct.nii", "/d/y/p1/ct.nii"]),
            ["x/p1/ct.nii", "y/p1/ct.nii"]
        );
        // Listed twice, for more weight.
        assert_eq!(names(&["/d/a.nii", "/d/a.nii"]), ["a.nii", "a.nii"]);
        assert_eq!(names(&["ct.nii", "p/ct.nii"]), ["ct.nii", "p/ct.nii"]);
        assert!(names(&[]).is_empty());
    }

    #[test]
    fn an_image_with_label_maps_of_several_readers_is_a_case_for_each() {
        let case = |(image, label): &(&str, &str)| Case {
            image: Path::new(image).to_path_buf(),
            label: (!label.is_empty()).then(|| Path::new(label).to_path_buf()),
        };
        let cases: Vec<Case> = [
            ("/d/a.nii", "/r1/a.nii"),
            ("/d/b.nii", "/r1/b.nii"),
            ("/d/a.nii", "/r2/a.nii"),
            ("/d/a.nii", ""),
            ("/d/b.nii", "/r1/b.nii"),
        ]
        .iter()
        .map(case)
        .collect();
        let expected = [
            "a.nii (r1/a.nii)",
            "b.nii",
            "a.nii (r2/a.nii)",
            "a.nii",
            "b.nii",
        ];
        assert_eq!(case_names(&cases), expected);
        let images = ["a.nii", "b.nii", "a.nii", "a.nii", "b.nii"];
        assert_eq!(image_names(&cases), images);
    }

    #[test]
    fn predictions_lie_in_folders_where_the_files_alone_do_not_tell_cases_apart() {
        let names = |images: &[&str]| {
            let case = |image: &&str| Case {
                image: Path::new(image).to_path_buf(),
                label: None,
            };
            let names = prediction_names(&images.iter().map(case).collect::<Vec<_>>());
            let text = |name: &PathBuf| name.display().to_string().replace('\\', "/");
            names.iter().map(text).collect::<Vec<_>>()
        };
        assert_eq!(
            names(&["/d/a.nii", "/d/b_0000.nii.gz", "/d/c.hdr"]),
            ["a.nii.gz", "b_0000.nii.gz", "c.nii.gz"]
        );
        // All become .nii.gz, so the ending of an image does not tell it from another.
        assert_eq!(
            names(&["/d/p1/ct.nii", "/d/p2/ct.nii.gz", "/d/p2/mr.nii"]),
            ["p1/ct.nii.gz", "p2/ct.nii.gz", "mr.nii.gz"]
        );
        // Nothing leads out of the folder of the predictions.
        assert_eq!(
            names(&["/p/ct.nii", "/q/p/ct.nii", "/ct.nii"]),
            ["p/ct.nii.gz", "q/p/ct.nii.gz", "ct.nii.gz"]
        );
        // However they are spelt, and wherever the program runs.
        assert_eq!(
            names(&["x/../p/ct.nii", "q/./ct.nii", "p/ct.nii"]),
            ["p/ct.nii.gz", "q/ct.nii.gz", "p/ct.nii.gz"]
        );
        assert_eq!(
            names(&["../hounsfield-p/ct.nii", "hounsfield-q/ct.nii"]),
            ["hounsfield-p/ct.nii.gz", "hounsfield-q/ct.nii.gz"]
        );
        assert_eq!(names(&["..nii", "...nii"]), ["..nii.gz", "...nii.gz"]);
        // On macOS and Windows these would be one file.
        assert_eq!(
            names(&["/d/p1/CT.nii", "/d/p2/ct.nii"]),
            ["p1/CT.nii.gz", "p2/ct.nii.gz"]
        );
        // Where these are two files they stay two.
        assert_eq!(
            names(&["/d/Scan.nii", "/d/scan.nii"]),
            ["Scan.nii.gz", "scan.nii.gz"]
        );
    }

    #[test]
    fn label_maps_are_named_by_their_own_files() {
        let case = |label: Option<&str>| Case {
            image: Path::new("/d/ct.nii").to_path_buf(),
            label: label.map(|label| Path::new(label).to_path_buf()),
        };
        let cases = [case(Some("/d/l/a.nii")), case(None), case(Some("b.nii"))];
        assert_eq!(label_names(&cases), ["a.nii", "", "b.nii"]);
    }
}
