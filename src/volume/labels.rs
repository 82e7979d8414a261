//! Telling label maps from images.

use crate::volume::Volume;

/// More values than the largest label sets in use; an 8-bit image has more.
const MOST_LABELS: usize = 120;

/// The share of neighbours, of which one at least is not 0, that are equal in a label map. Structures are many voxels
/// thick; an image whose values happen to be few whole numbers changes from voxel to voxel.
const LEAST_EQUAL: f64 = 0.3;

/// The largest label of a volume that looks like a label map: at least two and at most 120 different values, all
/// whole numbers from 0 to 255, mostly equal to their neighbours. `None` for an image.
pub fn looks_like_labels(volume: &Volume) -> Option<u8> {
    let mut seen = [false; 256];
    let mut count = 0;
    for value in volume.data() {
        let label = *value as u8;
        if f32::from(label) != *value {
            return None;
        }
        let seen = &mut seen[usize::from(label)];
        count += usize::from(!*seen);
        *seen = true;
        if count > MOST_LABELS {
            return None;
        }
    }
    let (mut pairs, mut equal) = (0u64, 0u64);
    for row in volume.data().chunks_exact(volume.shape()[2].max(1)) {
        for pair in row.windows(2).filter(|pair| pair[0] + pair[1] > 0.0) {
            pairs += 1;
            equal += u64::from(pair[0] == pair[1]);
        }
    }
    if (equal as f64) < LEAST_EQUAL * pairs as f64 {
        return None;
    }
    let largest = seen.iter().rposition(|seen| *seen)?;
    u8::try_from(largest).ok().filter(|_| count > 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::Affine;

    fn looks(values: impl Iterator<Item = f32>) -> Option<u8> {
        let data: Vec<f32> = values.take(1000).collect();
        looks_like_labels(&Volume::new([10, 10, 10], data, Affine::identity()).unwrap())
    }

    #[test]
    fn a_few_whole_numbers_are_labels() {
        assert_eq!(looks((0..1000).map(|i| (i / 5 % 14) as f32)), Some(13));
    }

    #[test]
    fn an_image_of_few_whole_numbers_is_no_label_map() {
        assert_eq!(looks((0..1000).map(|i| (i * 37 % 113) as f32)), None);
    }

    #[test]
    fn images_are_not_labels() {
        assert_eq!(
            looks((0..1000).map(|i| (i / 5 % 14) as f32 - 1000.0)),
            None,
            "HU"
        );
        assert_eq!(
            looks((0..1000).map(|i| (i / 5 % 14) as f32 / 13.0)),
            None,
            "0 to 1"
        );
        assert_eq!(
            looks((0..1000).map(|i| (i / 3 % 256) as f32)),
            None,
            "8 bit"
        );
        assert_eq!(looks((0..1000).map(|_| 0.0)), None, "empty");
        assert_eq!(looks((0..1000).map(|_| f32::NAN)), None, "not a number");
    }
}
