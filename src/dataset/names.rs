//! What cases are called.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::Case;

/// A name for each case: that of its image file, with as many of its folders before it as it takes to tell cases apart.
/// The same image listed twice has the same name.
pub fn case_names(cases: &[Case]) -> Vec<String> {
    told_apart(cases.iter().map(|case| case.image.as_path()))
}

/// A name for the label map of each case, made as [`case_names`] makes those of images; empty where there is none.
pub fn label_names(cases: &[Case]) -> Vec<String> {
    told_apart(
        cases
            .iter()
            .map(|case| case.label.as_deref().unwrap_or(Path::new(""))),
    )
}

fn told_apart<'a>(paths: impl Iterator<Item = &'a Path>) -> Vec<String> {
    let parts: Vec<Vec<String>> = paths.map(components).collect();
    let mut taken = vec![1; parts.len()];
    loop {
        let names: Vec<String> = parts
            .iter()
            .zip(&taken)
            .map(|(p, n)| ending(p, *n))
            .collect();
        let mut bearers: BTreeMap<&str, BTreeSet<&[String]>> = BTreeMap::new();
        for (name, parts) in names.iter().zip(&parts) {
            bearers.entry(name).or_default().insert(parts);
        }
        let mut longer = false;
        for ((name, parts), taken) in names.iter().zip(&parts).zip(&mut taken) {
            let shared = bearers.get(name.as_str()).is_some_and(|all| all.len() > 1);
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
    fn label_maps_are_named_by_their_own_files() {
        let case = |label: Option<&str>| Case {
            image: Path::new("/d/ct.nii").to_path_buf(),
            label: label.map(|label| Path::new(label).to_path_buf()),
        };
        let cases = [case(Some("/d/l/a.nii")), case(None), case(Some("b.nii"))];
        assert_eq!(label_names(&cases), ["a.nii", "", "b.nii"]);
    }
}
