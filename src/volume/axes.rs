//! Reversing voxel axes in place.

/// Reverses the axes of `data` (`shape` voxels in C order) that are `flipped`, in place.
pub(crate) fn reverse_axes<T>(data: &mut [T], shape: [usize; 3], flipped: [bool; 3]) {
    if shape.contains(&0) {
        return;
    }
    if flipped[0] {
        reverse_blocks(data, shape[1] * shape[2]);
    }
    if flipped[1] {
        data.chunks_exact_mut(shape[1] * shape[2])
            .for_each(|plane| reverse_blocks(plane, shape[2]));
    }
    if flipped[2] {
        data.chunks_exact_mut(shape[2]).for_each(<[T]>::reverse);
    }
}

/// Reverses the order of the blocks of `len` values.
fn reverse_blocks<T>(data: &mut [T], len: usize) {
    let (front, back) = data.split_at_mut(data.len() / len / 2 * len);
    for (a, b) in front.chunks_exact_mut(len).zip(back.rchunks_exact_mut(len)) {
        a.swap_with_slice(b);
    }
}
