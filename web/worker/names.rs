//! Which file a list means by a name: the same file may be called by more or fewer of the folders it lies in.

use hounsfield::dataset::{Case, case_name};
use std::borrow::Cow;
use std::cmp::Ordering;

/// What a list says a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Image,
    Label,
}

/// For each listed name the index of its file: the one of this very name, else the only one whose path is the end of the
/// listed one, or the reverse. No file goes to two names, and where it could be that of either it goes to none; a name
/// that is listed twice has its file twice.
pub(crate) fn matched(listed: &[impl AsRef<str>], files: &[impl AsRef<str>]) -> Vec<Option<usize>> {
    let listed: Vec<&str> = listed.iter().map(AsRef::as_ref).collect();
    let files: Vec<&str> = files.iter().map(AsRef::as_ref).collect();
    let mut names = listed.clone();
    names.sort_unstable();
    names.dedup();
    let found = assigned(&names, &files);
    let of = |name: &&str| found[names.binary_search(name).ok()?];
    listed.iter().map(of).collect()
}

/// The same for names that differ.
fn assigned(names: &[&str], files: &[&str]) -> Vec<Option<usize>> {
    let exact = |name: &&str| files.iter().position(|file| file == name);
    let mut found: Vec<Option<usize>> = names.iter().map(exact).collect();
    let mut taken = vec![false; files.len()];
    for file in found.iter().flatten() {
        taken[*file] = true;
    }
    let wanted: Vec<Vec<&str>> = names.iter().map(|name| parts(name)).collect();
    let here: Vec<Vec<&str>> = files.iter().map(|file| parts(file)).collect();
    // A file that found its place leaves fewer for the others.
    let mut again = true;
    while again {
        again = false;
        for (name, path) in wanted.iter().enumerate() {
            if found[name].is_some() {
                continue;
            }
            let Some(file) = nearest(path, &here, &taken) else {
                continue;
            };
            let close = shared(path, &here[file]);
            let mut others = wanted
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != name);
            if !others.any(|(_, other)| shared(other, &here[file]) >= close) {
                (found[name], taken[file], again) = (Some(file), true, true);
            }
        }
    }
    found
}

/// The free file that shares most with a path; none where two share as much.
fn nearest(path: &[&str], files: &[Vec<&str>], taken: &[bool]) -> Option<usize> {
    let (mut most, mut best) = (0, None);
    for (index, file) in files.iter().enumerate() {
        let close = shared(path, file);
        if taken[index] || close < most {
            continue;
        }
        best = (close > most).then_some(index);
        most = close;
    }
    best
}

/// The parts of a path from its end on. Endings are left out: some browsers unpack what they load.
fn parts(path: &str) -> Vec<&str> {
    let folders = path.rsplit(['/', '\\']).skip(1);
    let mut parts = vec![case_name(path)];
    parts.extend(folders.filter(|folder| !folder.is_empty()));
    parts
}

/// What files about a scan are called: its case, or where others of `all` have that too its whole path in one word.
pub(crate) fn file_name(path: &str, all: &[impl AsRef<str>]) -> String {
    let case = case_name(path);
    let alike = all.iter().filter(|other| case_name(other.as_ref()) == case);
    if alike.count() < 2 {
        return case.to_owned();
    }
    let mut parts = parts(path);
    parts.reverse();
    parts.join("_")
}

/// How many parts two paths share, if one is the end of the other.
fn shared(a: &[&str], b: &[&str]) -> usize {
    match a.iter().zip(b).all(|(a, b)| a == b) {
        true => a.len().min(b.len()),
        false => 0,
    }
}

/// The names of listed images, and those of the label maps.
pub(crate) fn names_of<'a>(cases: &[&'a Case]) -> [Vec<Cow<'a, str>>; 2] {
    let labels = cases.iter().filter_map(|case| case.label.as_ref());
    [
        cases
            .iter()
            .map(|case| case.image.to_string_lossy())
            .collect(),
        labels.map(|label| label.to_string_lossy()).collect(),
    ]
}

/// What a file is by the names of listed cases, if they tell.
pub(crate) fn told(cases: &[&Case], file: &str) -> Option<Kind> {
    let ([images, labels], file) = (names_of(cases), parts(file));
    match closest(&images, &file).cmp(&closest(&labels, &file)) {
        Ordering::Less => Some(Kind::Label),
        Ordering::Greater => Some(Kind::Image),
        Ordering::Equal => None,
    }
}

/// The most that a file shares with one of the listed names.
fn closest(listed: &[impl AsRef<str>], file: &[&str]) -> usize {
    let shares = listed
        .iter()
        .map(|name| shared(&parts(name.as_ref()), file));
    shares.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_by_its_own_name_or_by_the_end_of_its_path() {
        let listed = ["/data/p1/ct.nii.gz", "imagesTr/a.nii.gz", "b.nii.gz"];
        let files = ["x/b.nii", "p1/ct.nii.gz", "Task1/imagesTr/a.nii.gz"];
        assert_eq!(matched(&listed, &files), [Some(1), Some(2), Some(0)]);
        // One that is listed twice has its file twice.
        assert_eq!(matched(&["a", "b", "a"], &["a"]), [Some(0), None, Some(0)]);
        // Parts of a name are no folders.
        assert_eq!(matched(&["p1/ct.nii"], &["11/ct.nii", "p1ct.nii"]), [None]);
    }

    #[test]
    fn no_file_is_taken_for_two_cases() {
        let listed = ["p1/ct.nii.gz", "p2/ct.nii.gz"];
        assert_eq!(matched(&listed, &["p2/ct.nii.gz"]), [None, Some(0)]);
        assert_eq!(matched(&listed, &["x/p2/ct.nii.gz"]), [None, Some(0)]);
        // A bare name may be that of either.
        assert_eq!(matched(&listed, &["ct.nii.gz"]), [None, None]);
        let both = ["p1/ct.nii.gz", "ct.nii.gz"];
        assert_eq!(matched(&listed, &both), [Some(0), None]);
        assert_eq!(matched(&listed[1..], &["ct.nii.gz"]), [Some(0)]);
        // Two files may be the one that is meant.
        let copies = ["a/p1/ct.nii.gz", "b/p1/ct.nii.gz", "ct.nii.gz"];
        assert_eq!(matched(&listed[..1], &copies), [None]);
    }

    #[test]
    fn nearer_names_come_first() {
        // As the page calls scans of one name, in a folder that holds them as it says.
        let listed = ["ct.nii.gz", "2/ct.nii.gz"];
        let files = ["scans/2/ct.nii.gz", "scans/ct.nii.gz"];
        assert_eq!(matched(&listed, &files), [Some(1), Some(0)]);
        assert_eq!(matched(&listed, &files[..1]), [None, Some(0)]);
        assert_eq!(matched(&listed, &files[1..]), [Some(0), None]);
    }

    #[test]
    fn files_about_scans_of_one_name_have_the_whole_path() {
        let all = ["s/p1/ct.nii.gz", "2/ct.nii", "s/p1/mr.nii.gz", "ct.nii.gz"];
        let name = |path| file_name(path, &all);
        assert_eq!(name(all[0]), "s_p1_ct");
        assert_eq!(name(all[1]), "2_ct");
        assert_eq!(name(all[2]), "mr");
        assert_eq!(name(all[3]), "ct");
    }

    #[test]
    fn a_list_tells_label_maps_from_images() {
        let case = |image: &str, label: Option<&str>| Case {
            image: image.into(),
            label: label.map(Into::into),
        };
        let cases = [
            case("imagesTr/a.nii.gz", Some("labelsTr/a.nii.gz")),
            case("percent.nii.gz", Some("drawn.nii.gz")),
            case("alone.nii.gz", None),
        ];
        let kind = |file: &str| told(&cases.each_ref(), file);
        assert_eq!(kind("Task1/labelsTr/a.nii.gz"), Some(Kind::Label));
        assert_eq!(kind("imagesTr/a.nii.gz"), Some(Kind::Image));
        assert_eq!(kind("x/percent.nii.gz"), Some(Kind::Image));
        assert_eq!(kind("drawn.nii"), Some(Kind::Label));
        assert_eq!(kind("alone.nii.gz"), Some(Kind::Image));
        assert_eq!(kind("a.nii.gz"), None);
        assert_eq!(kind("other.nii.gz"), None);
    }
}
