//! Convolution and its gradients.

use super::super::*;
use super::case::Case;

fn assert_exact(case: &Case, samples: [usize; 3]) {
    let errors = case.errors(samples);
    let (shape, channels, out) = (case.shape, &case.channels, case.out);
    assert!(
        errors.iter().all(|error| *error < 1e-5),
        "{shape:?} {channels:?} to {out}: {errors:?}"
    );
}

#[test]
fn convolution_and_its_gradients_match_plain_loops_at_any_size() {
    let sizes = [
        [1, 1, 1],
        [2, 3, 1],
        [1, 2, 5],
        [5, 4, 7],
        [3, 3, 13],
        [2, 6, 12],
        [4, 1, 31],
    ];
    let channels: [(&[usize], usize); 8] = [
        (&[1], 2),
        (&[1], 16),
        (&[16], 16),
        (&[3], 5),
        (&[16, 16], 16),
        (&[5, 2], 21),
        (&[33], 40),
        (&[7, 24], 3),
    ];
    for (index, size) in sizes.into_iter().enumerate() {
        for (channels, out) in channels {
            for kernel in [1, 3] {
                let case = Case::new(1 + index % 3, size, kernel, channels, out);
                assert_exact(&case, [2000; 3]);
            }
        }
    }
}

#[test]
fn a_kernel_wider_than_the_volume_reads_only_inside() {
    assert_exact(&Case::new(2, [2, 1, 3], 5, &[3], 4), [1000; 3]);
}

#[test]
fn convolution_and_its_gradients_match_plain_loops_at_the_sizes_of_unetr() {
    let cases: [(usize, &[usize], usize); 6] = [
        (96, &[1], 16),
        (96, &[16], 16),
        (48, &[32, 32], 32),
        (32, &[16], 16),
        (24, &[64], 64),
        (12, &[128, 128], 128),
    ];
    for (edge, channels, out) in cases {
        assert_exact(&Case::new(1, [edge; 3], 3, channels, out), [3000, 3000, 12]);
    }
}

#[test]
fn a_number_that_is_not_finite_reaches_exactly_what_it_touches() {
    let mut case = Case::new(1, [3, 4, 9], 3, &[16], 16);
    case.x[0][(4 * 9 + 9 + 8) * 16 + 5] = f32::NAN;
    let y = forward(&case.inputs(), &case.weight, 16, case.shape);
    for (position, y) in y.chunks_exact(16).enumerate() {
        let [d, h, w] = [position / 36, position / 9 % 4, position % 9];
        let touched = d.abs_diff(1) <= 1 && h.abs_diff(1) <= 1 && w.abs_diff(8) <= 1;
        assert!(y.iter().all(|y| y.is_nan() == touched), "{d} {h} {w}");
    }
    let dw = weight_gradient((&case.x[0], 16), (&case.grad, 16), case.shape);
    for (index, dw) in dw.iter().enumerate() {
        // The last voxel of a row is under every tap but the left one of the position after it.
        let touched = index / 27 % 16 == 5 && index % 3 != 0;
        assert_eq!(dw.is_nan(), touched, "{index}");
    }
}
