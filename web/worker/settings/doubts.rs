//! What is to be said of a list of cases that is dropped.

use hounsfield::dataset::{DataList, Notice, absolute};
use std::path::Path;

/// What of a list is seldom meant, and what the page makes of it: each kind once, with its first image.
pub(crate) fn list_doubts(list: &DataList) -> Vec<String> {
    let notices = list.notices();
    let mut kinds: Vec<(Kind, &Notice, usize)> = Vec::new();
    for notice in &notices {
        let Some(kind) = kind(list, notice) else {
            continue;
        };
        match kinds.iter_mut().find(|(known, ..)| *known == kind) {
            Some((.., more)) => *more += 1,
            None => kinds.push((kind, notice, 0)),
        }
    }
    let told = kinds.into_iter();
    told.map(|(kind, first, more)| in_words(kind, first, more))
        .collect()
}

/// What notices of different images have in common: the lists that they are of.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Repeated(&'static str),
    /// One file in two lists.
    Shared([&'static str; 2]),
    /// A scan that lies there as two files, packed and unpacked, each in a list of its own.
    TwoFiles([&'static str; 2]),
    Unread,
}

/// None where another notice says it.
fn kind(list: &DataList, notice: &Notice) -> Option<Kind> {
    Some(match *notice {
        Notice::Repeated { list, .. } => Kind::Repeated(list),
        Notice::Shared {
            lists: [one, other],
            ref image,
        } => match (has(list, one, image), other) {
            (false, _) => Kind::TwoFiles([one, other]),
            // An image of all three lists is for the test alone.
            (true, "validation") if has(list, "test", image) => return None,
            (true, _) => Kind::Shared([one, other]),
        },
        Notice::Unread { .. } => Kind::Unread,
    })
}

/// Whether one of the three lists holds this very file, however its path is spelt.
fn has(list: &DataList, key: &str, image: &Path) -> bool {
    let cases = match key {
        "training" => &list.training,
        "validation" => &list.validation,
        _ => &list.test,
    };
    let file = absolute(image);
    cases.iter().any(|case| absolute(&case.image) == file)
}

/// A notice of an image and of so many more: an image has one use in the page, that of the later list, and counts once.
fn in_words(kind: Kind, first: &Notice, more: usize) -> String {
    let (image, times) = match first {
        Notice::Repeated { image, times, .. } => (image.display(), *times),
        Notice::Shared { image, .. } => (image.display(), 1),
        Notice::Unread { .. } => return first.to_string(),
    };
    match (kind, more) {
        (Kind::Repeated(list), 0) => {
            format!("{image} stands {times} times in \"{list}\": here it counts once")
        }
        (Kind::Repeated(list), _) => format!(
            "{image} and {more} more stand several times in \"{list}\": here each counts once"
        ),
        (Kind::Shared([one, other]), 0) => format!(
            "{image} stands in both \"{one}\" and \"{other}\": here it is for \"{other}\" alone"
        ),
        (Kind::Shared([one, other]), _) => format!(
            "{image} and {more} more stand in both \"{one}\" and \"{other}\": here they are for \"{other}\" alone"
        ),
        (Kind::TwoFiles([one, other]), 0) => format!(
            "{image} in \"{other}\" is the scan of another file in \"{one}\", packed otherwise, so scores on \"{other}\" \
             would flatter: take one of the two out of the list"
        ),
        (Kind::TwoFiles([one, other]), _) => format!(
            "{image} and {more} more in \"{other}\" are the scans of other files in \"{one}\", packed otherwise, so scores \
             on \"{other}\" would flatter: take one of each two out of the list"
        ),
        (Kind::Unread, _) => first.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doubts(lists: &str) -> Vec<String> {
        let list = DataList::parse(lists.as_bytes(), "list.json", Path::new("")).unwrap();
        list_doubts(&list)
    }

    #[test]
    fn images_of_two_lists_are_for_the_later_one_and_those_of_all_for_the_test() {
        let found =
            doubts(r#"{"training": ["a.nii", "b.nii"], "validation": ["b.nii", "./a.nii"]}"#);
        let told = "b.nii and 1 more stand in both \"training\" and \"validation\": here they are for \"validation\" alone";
        assert_eq!(found, [told]);
        let found =
            doubts(r#"{"training": ["a.nii"], "validation": ["p/../a.nii"], "test": ["a.nii"]}"#);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found
                .iter()
                .all(|told| told.ends_with("for \"test\" alone")),
            "{found:?}"
        );
    }

    #[test]
    fn a_scan_that_lies_there_packed_and_unpacked_is_not_called_one_file_of_one_use() {
        let found =
            doubts(r#"{"training": ["a.nii", "b.nii"], "validation": ["a.nii.gz", "b.nii"]}"#);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found[0].starts_with(
                "a.nii.gz in \"validation\" is the scan of another file in \"training\""
            )
        );
        assert!(found[1].starts_with("b.nii stands in both"), "{found:?}");
        // Of three lists, the last has another file than the first two: that those have one is still to be said.
        let found =
            doubts(r#"{"training": ["a.nii"], "validation": ["a.nii"], "test": ["a.nii.gz"]}"#);
        assert_eq!(found.len(), 3, "{found:?}");
    }
}
