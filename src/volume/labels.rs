//! Telling label maps from images.

use crate::volume::Volume;

/// More values than the largest label sets in use; an 8-bit image has more.
const MOST_LABELS: usize = 120;

/// The share of neighbours, of which one at least is not 0, that are equal in a label map. Structures are many voxels
/// thick; an image whose values happen to be few whole numbers changes from voxel to voxel.
const LEAST_EQUAL: f64 = 0.3;

/// The largest label of a volume that looks like a label map: at least two and at most 120 different values, all
/// whole numbers from 0 to 255, mostly equal to their neighbours along one axis or more, or just two values, of which one
/// is 0. `None` for an image.
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
    // 0 and one other value are a mask, however thin; more are labels if they lie together along one axis at least.
    let mask = count == 2 && seen[0];
    if !mask && !(0..3).any(|axis| lie_together(volume, axis)) {
        return None;
    }
    let largest = seen.iter().rposition(|seen| *seen)?;
    u8::try_from(largest).ok().filter(|_| count > 1)
}

/// Whether neighbours along an axis are mostly equal.
fn lie_together(volume: &Volume, axis: usize) -> bool {
    let shape = volume.shape();
    let step: usize = shape[axis + 1..].iter().product();
    let (mut pairs, mut equal) = (0u64, 0u64);
    for block in volume.data().chunks_exact((step * shape[axis]).max(1)) {
        let next = block.iter().skip(step);
        for (a, b) in block.iter().zip(next).filter(|(a, b)| **a + **b > 0.0) {
            pairs += 1;
            equal += u64::from(a == b);
        }
    }
    equal as f64 >= LEAST_EQUAL * pairs as f64 && pairs > 0
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
    fn thin_structures_are_labels_along_any_axis() {
        // Planes one voxel thick, across each axis.
        for step in [1, 10, 100] {
            assert_eq!(looks((0..1000).map(|i| (i / step % 10) as f32)), Some(9));
        }
        // A mask of single voxels.
        let drawing = (0..1000).map(|i| if i % 3 == 0 { 7.0 } else { 0.0 });
        assert_eq!(looks(drawing), Some(7));
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
