//! Telling label maps from images.

use crate::volume::Volume;

/// More values than the largest label sets in use; an 8-bit image has more.
const MOST_LABELS: usize = 120;

/// The largest label of a volume that looks like a label map: at least two and at most 120 different values, all
/// whole numbers from 0 to 255. `None` for an image.
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
        assert_eq!(looks((0..1000).map(|i| (i % 14) as f32)), Some(13));
    }

    #[test]
    fn images_are_not_labels() {
        assert_eq!(
            looks((0..1000).map(|i| (i % 14) as f32 - 1000.0)),
            None,
            "HU"
        );
        assert_eq!(
            looks((0..1000).map(|i| (i % 14) as f32 / 13.0)),
            None,
            "0 to 1"
        );
        assert_eq!(looks((0..1000).map(|i| (i % 256) as f32)), None, "8 bit");
        assert_eq!(looks((0..1000).map(|_| 0.0)), None, "empty");
        assert_eq!(looks((0..1000).map(|_| f32::NAN)), None, "not a number");
    }
}
