//! Which label map belongs to which image, by their names: for files that come without a split file.

use std::collections::HashMap;

/// Parts of names that say that a file is an image, not whose.
const IMAGE_WORDS: [&str; 7] = [
    "image", "images", "imagestr", "img", "scan", "volume", "vol",
];
/// Parts of names that say that a file is a label map, not whose.
const LABEL_WORDS: [&str; 7] = [
    "label",
    "labels",
    "labelstr",
    "seg",
    "segmentation",
    "mask",
    "gt",
];
/// nnU-Net's number of the first channel, the last word of its images' names, which its label maps do not have.
const FIRST_CHANNEL: &str = "0000";
/// What made an image: of one patient there may be several, so these count where both files have them.
const MODALITIES: [&str; 3] = ["ct", "mr", "mri"];

/// How the name of an image is compared with those of label maps: whether a channel's number is left out of it, and which
/// words are. Nearest names first, so that what is left out never decides between files that differ in it.
pub(super) const WAYS: [(bool, &[&str]); 3] = [(false, &[]), (true, &[]), (true, &MODALITIES)];

/// Endings of image files.
const ENDINGS: [&str; 6] = [".nii.gz", ".nii", ".hdr.gz", ".hdr", ".img.gz", ".img"];

/// The name of a case: that of its file without folder and ending.
pub fn case_name(path: &str) -> &str {
    let file = path.rsplit(['/', '\\']).next().unwrap_or(path);
    let lower = file.to_ascii_lowercase();
    let ending = ENDINGS.iter().find(|ending| lower.ends_with(**ending));
    match ending.and_then(|ending| file.get(..file.len() - ending.len())) {
        Some("") | None => file,
        Some(name) => name,
    }
}

/// The name that nnU-Net gives the label map of a case: without the number of the image's channel. None where there is
/// no such number.
pub fn without_channel(case: &str) -> Option<&str> {
    case.strip_suffix(FIRST_CHANNEL)?.strip_suffix('_')
}

/// The words and the numbers of a case's name.
fn words(path: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    for c in case_name(path).to_lowercase().chars() {
        let goes_on = word.ends_with(|last: char| last.is_numeric() == c.is_numeric());
        if !goes_on || !c.is_alphanumeric() {
            words.push(std::mem::take(&mut word));
        }
        if c.is_alphanumeric() {
            word.push(c);
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// Whether a file's name says that it is a label map.
pub fn names_labels(path: &str) -> bool {
    let words = words(path);
    words
        .iter()
        .any(|word| LABEL_WORDS.contains(&word.as_str()))
}

/// What names of the same case have in common: their words without those that tell images from labels, without those
/// that `left_out` names and, where it is a `channel`, without the number of the first one at the end.
pub(super) fn key(path: &str, channel: bool, left_out: &[&str]) -> String {
    let mut words = words(path);
    words.retain(|word| {
        let word = word.as_str();
        !IMAGE_WORDS.contains(&word) && !LABEL_WORDS.contains(&word) && !left_out.contains(&word)
    });
    // Earlier in a name it is that of a case.
    if channel && words.last().is_some_and(|word| word == FIRST_CHANNEL) {
        words.pop();
    }
    words.join("_")
}

/// For each image the index of its label map: the only one whose name means the same case.
pub fn pair_by_name(images: &[&str], labels: &[&str]) -> Vec<Option<usize>> {
    let mut pairs = vec![None; images.len()];
    let mut used = vec![false; labels.len()];
    for (channel, left_out) in WAYS {
        let alone = (0..images.len()).filter(|image| pairs[*image].is_none());
        let by_image = unique(alone.map(|image| (key(images[image], channel, left_out), image)));
        let unused = (0..labels.len()).filter(|label| !used[*label]);
        let by_label = unique(unused.map(|label| (key(labels[label], false, &[]), label)));
        for (key, image) in by_image {
            if let Some(label) = by_label.get(&key).copied() {
                (pairs[image], used[label]) = (Some(label), true);
            }
        }
    }
    pairs
}

/// Keys that occur once.
fn unique(items: impl Iterator<Item = (String, usize)>) -> HashMap<String, usize> {
    let mut found: HashMap<String, Option<usize>> = HashMap::new();
    for (key, index) in items {
        found
            .entry(key)
            .and_modify(|only| *only = None)
            .or_insert(Some(index));
    }
    let once = found.into_iter();
    once.filter_map(|(key, index)| Some((key, index?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_ways_to_name_image_and_label_are_understood() {
        let images = [
            "imagesTr/liver_001_0000.nii.gz",
            "case 7 CT.nii",
            "patient-12.nii.gz",
            "alone.nii.gz",
            "other.nii",
            "imagesTr/img0012.nii.gz",
        ];
        let labels = [
            "labelsTr/patient-12.nii.gz",
            "case 7 seg.nii.gz",
            "labelsTr/liver_001.nii.gz",
            "labelsTr/label0012.nii.gz",
        ];
        assert_eq!(
            pair_by_name(&images, &labels),
            [Some(2), Some(1), Some(0), None, None, Some(3)]
        );
        assert_eq!(case_name("a/b/Liver 1.NII.GZ"), "Liver 1");
        assert_eq!(case_name(".nii"), ".nii");
    }

    #[test]
    fn volumes_of_lits_and_ct_org_find_their_label_maps() {
        let images = ["volume-0.nii", "volume-10.nii", "vol2.nii.gz"];
        for labels in ["segmentation", "labels"] {
            let labels = [10, 2, 0].map(|number| format!("{labels}-{number}.nii"));
            let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
            assert_eq!(pair_by_name(&images, &labels), [Some(2), Some(0), Some(1)]);
        }
    }

    #[test]
    fn the_modality_tells_images_of_a_patient_apart() {
        let images = ["ct_1_image.nii", "mr_1_image.nii"];
        let labels = ["mr_1_label.nii", "ct_1_label.nii"];
        assert_eq!(pair_by_name(&images, &labels), [Some(1), Some(0)]);
        let (images, labels) = (["ct_1.nii", "ct_2.nii"], ["mr_1.nii", "mr_2.nii"]);
        assert_eq!(pair_by_name(&images, &labels), [None, None]);
        let numbered = ["p_0000.nii", "p_0001.nii"];
        assert_eq!(pair_by_name(&numbered, &numbered), [Some(0), Some(1)]);
    }

    #[test]
    fn only_the_last_number_of_a_name_is_that_of_its_channel() {
        let images = ["case_0000_0000.nii", "case_0001_0000.nii"];
        let labels = ["l/case_0001.nii", "l/case_0000.nii"];
        assert_eq!(pair_by_name(&images, &labels), [Some(1), Some(0)]);
        let (images, labels) = (["liver_1_0000_image.nii"], ["liver_1_label.nii"]);
        assert_eq!(pair_by_name(&images, &labels), [Some(0)]);
        // Not the label map of another case.
        let (images, labels) = (["case_0000_7_0000.nii"], ["l/case_7.nii"]);
        assert_eq!(pair_by_name(&images, &labels), [None]);
    }

    #[test]
    fn doubtful_names_are_no_pair() {
        assert_eq!(pair_by_name(&["scan.nii"], &["organs.nii"]), [None]);
        assert_eq!(pair_by_name(&["a.nii"], &["x/a.nii", "y/a.nii"]), [None]);
        assert_eq!(
            pair_by_name(&["x/a.nii", "y/a.nii"], &["a_seg.nii"]),
            [None, None]
        );
        // Two patients' leftovers are no pair.
        let (images, labels) = (["p_1.nii", "p_4.nii"], ["l/p_1.nii", "l/p_9.nii"]);
        assert_eq!(pair_by_name(&images, &labels), [Some(0), None]);
        assert_eq!(pair_by_name(&images[1..], &labels[1..]), [None]);
        assert!(pair_by_name(&[], &["a"]).is_empty());
    }
}
