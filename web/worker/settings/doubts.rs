//! What is to be said of a list of cases that is dropped.

use hounsfield::dataset::{DataList, Notice};

/// What of a list is seldom meant, and what the page makes of it: each kind once, with its first image.
pub(crate) fn list_doubts(list: &DataList) -> Vec<String> {
    let mut notices = list.notices();
    // An image of all three lists is for the test alone, which another notice says.
    let tested = |notice: &Notice| match notice {
        Notice::Shared { lists, image } => {
            lists[1] == "validation" && list.test.iter().any(|case| case.image == *image)
        }
        _ => false,
    };
    notices.retain(|notice| !tested(notice));
    let mut kinds: Vec<(&Notice, usize)> = Vec::new();
    for notice in &notices {
        match kinds.iter_mut().find(|(first, _)| alike(first, notice)) {
            Some((_, more)) => *more += 1,
            None => kinds.push((notice, 0)),
        }
    }
    let told = kinds.into_iter();
    told.map(|(first, more)| in_words(first, more)).collect()
}

/// Whether two notices say the same of different images.
fn alike(one: &Notice, other: &Notice) -> bool {
    match (one, other) {
        (Notice::Repeated { list: one, .. }, Notice::Repeated { list: other, .. }) => one == other,
        (Notice::Shared { lists: one, .. }, Notice::Shared { lists: other, .. }) => one == other,
        _ => false,
    }
}

/// A notice of an image and of so many more: an image has one use in the page, that of the later list, and counts once.
fn in_words(first: &Notice, more: usize) -> String {
    match first {
        Notice::Repeated { list, image, times } => {
            let image = image.display();
            match more {
                0 => format!("{image} stands {times} times in \"{list}\": here it counts once"),
                _ => format!(
                    "{image} and {more} more stand several times in \"{list}\": here each counts once"
                ),
            }
        }
        Notice::Shared {
            lists: [one, other],
            image,
        } => {
            let image = image.display();
            match more {
                0 => format!(
                    "{image} stands in both \"{one}\" and \"{other}\": here it is for \"{other}\" alone"
                ),
                _ => format!(
                    "{image} and {more} more stand in both \"{one}\" and \"{other}\": here they are for \"{other}\" alone"
                ),
            }
        }
        Notice::Unread { .. } => first.to_string(),
    }
}
