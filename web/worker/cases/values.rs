//! What kind of file the values tell, where its name does not; and which of them can be shown.

use hounsfield::dataset::names_labels;
use hounsfield::volume::{Volume, looks_like_labels};

/// How far a label may be from a whole number: scaled storage rounds.
const WHOLE: f32 = 1e-3;

/// The largest label, if a file is a label map: its name decides, and in doubt its values.
pub(super) fn labels_of(name: &str, volume: &Volume) -> Option<u8> {
    let folder = name.rsplit(['/', '\\']).nth(1).unwrap_or_default();
    if names_labels(name) {
        return largest_label(volume);
    }
    // The values of an empty label map tell nothing.
    let empty = || largest_label(volume).filter(|largest| *largest == 0 && names_labels(folder));
    looks_like_labels(volume).or_else(empty)
}

/// The largest of the values, if all of them can be labels.
pub(super) fn largest_label(volume: &Volume) -> Option<u8> {
    volume.data().iter().try_fold(0, |largest, value| {
        let whole = value.round_ties_even();
        let fits = (value - whole).abs() <= WHOLE && (0.0..256.0).contains(&whole);
        fits.then_some((whole as u8).max(largest))
    })
}

/// Which labels a label map has voxels of.
pub(super) fn present(volume: &Volume) -> [bool; 256] {
    let mut present = [false; 256];
    for value in volume.data() {
        present[usize::from(value.round_ties_even() as u8)] = true;
    }
    present
}

/// Takes away what the viewer cannot show: it passes over what is no number, and takes infinity and what a broken export
/// left for an end of the range, so that all else is of one grey.
pub(super) fn keep_shown(volume: &mut Volume) {
    let reach = volume.reach();
    for value in volume.data_mut() {
        if value.abs() > reach {
            *value = f32::NAN;
        }
    }
}

/// What is to be said where label maps lack some of so many classes; `present` tells which labels one of them has.
pub(super) fn absent_notice(present: &[bool; 256], classes: usize) -> Option<String> {
    let lacks = |class: &usize| !present.get(*class).is_some_and(|present| *present);
    let absent: Vec<usize> = (1..classes).filter(lacks).collect();
    let (first, count) = (absent.first()?, absent.len());
    let gap = match present.iter().skip(*first).any(|present| *present) {
        true => ": number labels from 1 without gaps",
        false => "",
    };
    let of = classes - 1;
    Some(format!(
        "No scan to learn from holds {count} of the {of} structures (the first: {first}){gap}."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hounsfield::volume::Affine;

    fn volume(value: impl Fn(usize) -> f32) -> Volume {
        let data = (0..1000).map(value).collect();
        Volume::new([10, 10, 10], data, Affine::identity()).unwrap()
    }

    #[test]
    fn a_name_tells_a_label_map_and_in_doubt_its_values() {
        let (empty, organs) = (volume(|_| 0.0), volume(|i| (i / 5 % 14) as f32));
        assert_eq!(labels_of("p1_seg.nii.gz", &empty), Some(0));
        assert_eq!(labels_of("Task1/labelsTr/p1.nii.gz", &empty), Some(0));
        assert_eq!(labels_of("p1.nii.gz", &empty), None);
        assert_eq!(labels_of("p1.nii.gz", &organs), Some(13));
        // Values that change from voxel to voxel, and were rounded.
        let rounded = volume(|i| (i * 37 % 113) as f32 + 5e-4);
        assert_eq!(labels_of("p1-label.nii", &rounded), Some(112));
        assert_eq!(labels_of("p1.nii", &rounded), None);
    }

    #[test]
    fn classes_that_no_label_map_has_are_told_of() {
        let labels = present(&volume(|i| [0.0, 1.0, 2.0, 4.0][i % 4]));
        assert_eq!(absent_notice(&labels, 3), None);
        let gap = absent_notice(&labels, 5).unwrap();
        assert!(gap.contains("1 of the 4 structures (the first: 3): number labels"));
        // The largest of all are lacking, which a list may name.
        let more = absent_notice(&present(&volume(|_| 1.0)), 4).unwrap();
        assert!(more.ends_with("2 of the 3 structures (the first: 2)."));
        let mask = present(&volume(|i| (i % 2) as f32 * 255.0));
        assert!(
            absent_notice(&mask, 256)
                .unwrap()
                .contains("254 of the 255")
        );
    }

    #[test]
    fn values_that_no_scanner_measured_are_not_shown() {
        let mut scan = volume(|i| i as f32);
        let odd = [3e38, f32::INFINITY, f32::NEG_INFINITY, -3e38];
        scan.data_mut()[..4].copy_from_slice(&odd);
        keep_shown(&mut scan);
        let data = scan.data();
        assert!(data[..4].iter().all(|value| value.is_nan()), "{data:?}");
        assert_eq!(data[4..], volume(|i| i as f32).data()[4..]);
    }

    #[test]
    fn a_name_makes_no_labels_of_hounsfield_units() {
        let ct = volume(|i| (i / 5 % 14) as f32 - 1000.0);
        assert_eq!(labels_of("labels/p1_mask.nii.gz", &ct), None);
        assert_eq!(labels_of("p1_mask.nii.gz", &volume(|i| i as f32)), None);
    }
}
