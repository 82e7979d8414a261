//! Mirroring, quarter turns and intensity offsets of a patch (specification 4.2).

use crate::volume::reverse_axes;

/// Reverses the axes of a patch of `shape` voxels, in C order, that are `flipped`, in place.
pub fn flip<T>(data: &mut [T], shape: [usize; 3], flipped: [bool; 3]) {
    reverse_axes(data, shape, flipped);
}

/// Turns a patch of `shape` voxels, in C order, by `quarters` quarter turns in the plane of the axes
/// 0 and 1, from axis 0 towards axis 1, and returns the new shape.
pub fn rotate90<T: Copy>(data: &mut [T], shape: [usize; 3], quarters: usize) -> [usize; 3] {
    let [n0, n1, n2] = shape;
    match quarters % 4 {
        0 => return shape,
        2 => {
            reverse_axes(data, shape, [true, true, false]);
            return shape;
        }
        _ => {}
    }
    if shape.contains(&0) {
        return [n1, n0, n2];
    }
    let input = data.to_vec();
    for (n, row) in data.chunks_exact_mut(n2).enumerate() {
        let (i, j) = (n / n0, n % n0);
        let (from_i, from_j) = match quarters % 4 {
            1 => (j, n1 - 1 - i),
            _ => (n0 - 1 - j, i),
        };
        row.copy_from_slice(&input[(from_i * n1 + from_j) * n2..][..n2]);
    }
    [n1, n0, n2]
}

/// Adds `offset` to every value, without clipping.
pub(super) fn shift_intensity(data: &mut [f32], offset: f64) {
    let offset = offset as f32;
    for value in data {
        *value += offset;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_quarter_turns_are_none_and_two_are_a_half() {
        let shape = [3, 4, 2];
        let original: Vec<u8> = (0..24).collect();
        let turned = |times: usize| {
            let mut data = original.clone();
            let shape = (0..times).fold(shape, |shape, _| rotate90(&mut data, shape, 1));
            (data, shape)
        };
        for quarters in 0..4 {
            let mut data = original.clone();
            let shape = rotate90(&mut data, shape, quarters);
            assert_eq!((data, shape), turned(quarters));
        }
        assert_eq!(turned(4), (original, shape));
    }
}
