//! Tensors that mean the same in another layout or on another grid.

/// Values of a patch embedding that was a linear layer, as a convolution's (specification 5.1): from
/// `[out, voxels, channels]` to `[out, channels, voxels]`.
pub(super) fn convolution_from_perceptron(
    values: &[f32],
    channels: usize,
    voxels: usize,
) -> Vec<f32> {
    let row = channels * voxels;
    if channels <= 1 || row == 0 {
        return values.to_vec();
    }
    let mut out = Vec::with_capacity(values.len());
    for row in values.chunks_exact(row) {
        for channel in 0..channels {
            out.extend(row.iter().skip(channel).step_by(channels));
        }
    }
    out
}

/// Position embeddings `[tokens, hidden]` of a grid of patches, interpolated trilinearly on another grid.
///
/// Patches of both grids fill the same volume; beyond the outermost centres the nearest value holds, as in
/// PyTorch's `interpolate(mode="trilinear", align_corners=False)`.
pub(super) fn resize_positions(
    values: &[f32],
    from: [usize; 3],
    to: [usize; 3],
    hidden: usize,
) -> Vec<f32> {
    let mut shape = from;
    let mut values = values.to_vec();
    // One axis after the other: the weights are a product.
    for axis in 0..3 {
        values = resize_axis(&values, shape, axis, to[axis], hidden);
        shape[axis] = to[axis];
    }
    values
}

fn resize_axis(
    values: &[f32],
    shape: [usize; 3],
    axis: usize,
    size: usize,
    hidden: usize,
) -> Vec<f32> {
    let outer: usize = shape[..axis].iter().product();
    let inner = shape[axis + 1..].iter().product::<usize>() * hidden;
    let old = shape[axis];
    let mut out = Vec::with_capacity(outer * size * inner);
    for block in 0..outer {
        let row = |i: usize| {
            let start = (block * old + i) * inner;
            values.get(start..start + inner).unwrap_or_default()
        };
        for i in 0..size {
            let at = (i as f64 + 0.5) * old as f64 / size as f64 - 0.5;
            let at = at.clamp(0.0, (old - 1) as f64);
            let low = at.floor();
            let fraction = at - low;
            let low = low as usize;
            let high = (low + 1).min(old - 1);
            let mix = |(a, b): (&f32, &f32)| {
                (f64::from(*a) * (1.0 - fraction) + f64::from(*b) * fraction) as f32
            };
            out.extend(row(low).iter().zip(row(high)).map(mix));
        }
    }
    out
}

/// The edge of a cube of this many patches.
pub(super) fn cube_edge(patches: usize) -> Option<usize> {
    let edge = (patches as f64).cbrt().round() as usize;
    (edge > 0 && edge.checked_pow(3) == Some(patches)).then_some(edge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_perceptron_with_two_channels_becomes_a_convolution() {
        // One output, two voxels, channel fastest: (voxel, channel) = 00 01 10 11.
        assert_eq!(
            convolution_from_perceptron(&[0., 1., 10., 11.], 2, 2),
            [0., 10., 1., 11.]
        );
    }

    #[test]
    fn positions_of_a_linear_field_stay_linear() {
        // Value = i on axis 0, of 2 then 4 patches: centres at 0, 1 and -0.25, 0.25, 0.75, 1.25.
        let resized = resize_positions(&[0., 1.], [2, 1, 1], [4, 1, 1], 1);
        assert_eq!(resized, [0.0, 0.25, 0.75, 1.0]);
        let same: Vec<f32> = (0..24).map(|i| i as f32).collect();
        assert_eq!(resize_positions(&same, [2, 3, 2], [2, 3, 2], 2), same);
        let halved = resize_positions(&[0., 1., 2., 3.], [1, 1, 4], [1, 1, 2], 1);
        assert_eq!(halved, [0.5, 2.5]);
    }

    #[test]
    fn cubes_are_recognised() {
        assert_eq!(cube_edge(216), Some(6));
        assert_eq!(cube_edge(215), None);
        assert_eq!(cube_edge(0), None);
    }
}
