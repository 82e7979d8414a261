//! Which label map belongs to which image, by their names: for files that come without a split file.

/// Parts of names that say what a file is, not whose.
const KINDS: [&str; 16] = [
    "image",
    "images",
    "imagestr",
    "img",
    "ct",
    "mr",
    "mri",
    "scan",
    "label",
    "labels",
    "labelstr",
    "seg",
    "segmentation",
    "mask",
    "gt",
    "0000",
];
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

/// What names of the same case have in common: their words without those that tell images from labels.
fn key(path: &str) -> String {
    let lower = case_name(path).to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric());
    let telling: Vec<&str> = words
        .filter(|word| !word.is_empty() && !KINDS.contains(word))
        .collect();
    telling.join("_")
}

/// For each image the index of its label map: the only one whose name means the same case. Where one image and one
/// label map are left over, they are taken for a pair.
pub fn pair_by_name(images: &[&str], labels: &[&str]) -> Vec<Option<usize>> {
    let keys = |names: &[&str]| names.iter().map(|name| key(name)).collect::<Vec<_>>();
    let (image_keys, label_keys) = (keys(images), keys(labels));
    let only = |keys: &[String], wanted: &String| {
        let mut found = keys.iter().enumerate().filter(|(_, key)| *key == wanted);
        match (found.next(), found.next()) {
            (Some((index, _)), None) => Some(index),
            _ => None,
        }
    };
    let mut pairs: Vec<Option<usize>> = image_keys
        .iter()
        .map(|key| only(&image_keys, key).and_then(|_| only(&label_keys, key)))
        .collect();
    let alone: Vec<usize> = (0..images.len()).filter(|i| pairs[*i].is_none()).collect();
    let unused: Vec<usize> = (0..labels.len())
        .filter(|label| !pairs.contains(&Some(*label)))
        .collect();
    if let ([image], [label]) = (&alone[..], &unused[..]) {
        pairs[*image] = Some(*label);
    }
    pairs
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
        ];
        let labels = [
            "labelsTr/patient-12.nii.gz",
            "case 7 seg.nii.gz",
            "labelsTr/liver_001.nii.gz",
        ];
        assert_eq!(
            pair_by_name(&images, &labels),
            [Some(2), Some(1), Some(0), None, None]
        );
        assert_eq!(case_name("a/b/Liver 1.NII.GZ"), "Liver 1");
        assert_eq!(case_name(".nii"), ".nii");
    }

    #[test]
    fn one_of_each_is_a_pair_and_doubtful_names_are_not() {
        assert_eq!(pair_by_name(&["scan.nii"], &["organs.nii"]), [Some(0)]);
        assert_eq!(pair_by_name(&["a.nii"], &["x/a.nii", "y/a.nii"]), [None]);
        assert_eq!(
            pair_by_name(&["x/a.nii", "y/a.nii"], &["a_seg.nii"]),
            [None, None]
        );
        assert!(pair_by_name(&[], &["a"]).is_empty());
    }
}
