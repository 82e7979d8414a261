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
        [6, 7, 1],
        [4, 100, 2],
        [4, 6, 49],
        [4, 14, 96],
        [7, 9, 10],
    ];
    let channels: [(&[usize], usize); 10] = [
        (&[1], 2),
        (&[1], 16),
        (&[16], 16),
        (&[3], 5),
        (&[16, 16], 16),
        (&[5, 2], 21),
        (&[33], 40),
        (&[9, 16], 17),
        (&[8], 8),
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
fn strips_of_one_task_fit_together_on_one_thread() {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    for size in [[4, 31, 7], [8, 27, 24]] {
        pool.install(|| assert_exact(&Case::new(2, size, 3, &[8, 16], 24), [2000; 3]));
    }
}

#[test]
fn an_empty_axis_gives_no_outputs_and_weights_without_gradient() {
    for axis in 0..6 {
        for kernel in [1, 3] {
            let mut sizes = [2, 6, 6, 6, 16, 16];
            sizes[axis] = 0;
            let [batch, d, h, w, channels, out] = sizes;
            let case = Case::new(batch, [d, h, w], kernel, &[channels], out);
            assert_exact(&case, [100; 3]);
            let dw = weight_gradient((&case.x[0], channels), (&case.grad, out), case.shape);
            assert!(dw.iter().all(|dw| *dw == 0.0), "{sizes:?} {kernel}");
        }
    }
    for channels in [[0, 16], [16, 0]] {
        assert_exact(&Case::new(2, [6, 6, 6], 3, &channels, 16), [1000; 3]);
    }
}

#[test]
fn tiles_are_for_kernels_of_edge_3_enough_channels_and_little_padding() {
    let suits = |kernel, channels: &[usize], out, size| {
        let shape = ConvShape {
            batch: 1,
            size,
            kernel,
        };
        winograd::suits(channels.iter().copied(), out, shape)
    };
    assert!(suits(3, &[8], 8, [4, 4, 4]));
    assert!(suits(3, &[16, 16], 16, [96; 3]));
    assert!(suits(3, &[8], 8, [4, 2, 1]));
    for kernel in [1, 5] {
        assert!(!suits(kernel, &[16], 16, [96; 3]));
    }
    assert!(!suits(3, &[1], 16, [96; 3]));
    assert!(!suits(3, &[8, 7], 8, [96; 3]));
    assert!(!suits(3, &[8], 7, [96; 3]));
    assert!(!suits(3, &[8], 8, [3, 3, 96]));
    assert!(!suits(3, &[8], 8, [1, 96, 96]));
    assert!(!suits(3, &[8], 8, [0, usize::MAX, 1]));
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
    assert!(!winograd::suits([16], 16, case.shape));
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

#[test]
fn a_number_that_is_not_finite_reaches_no_further_than_the_tiles_it_touches() {
    let mut case = Case::new(1, [8, 8, 9], 3, &[16], 16);
    assert!(winograd::suits([16], 16, case.shape));
    case.x[0][((3 * 8 + 4) * 9 + 8) * 16 + 5] = f32::INFINITY;
    let y = forward(&case.inputs(), &case.weight, 16, case.shape);
    for (position, y) in y.chunks_exact(16).enumerate() {
        let [d, h, w] = [position / 72, position / 9 % 8, position % 9];
        let touched = d.abs_diff(3) <= 1 && h.abs_diff(4) <= 1 && w.abs_diff(8) <= 1;
        // The output tiles of 2 x 2 rows that overlap what is touched.
        let tile = (1..=2).contains(&(d / 2)) && (1..=2).contains(&(h / 2)) && w >= 7;
        if touched {
            assert!(y.iter().all(|y| !y.is_finite()), "{d} {h} {w}");
        } else if !tile {
            assert!(y.iter().all(|y| y.is_finite()), "{d} {h} {w}");
        }
    }
    let dw = weight_gradient((&case.x[0], 16), (&case.grad, 16), case.shape);
    for (index, dw) in dw.iter().enumerate() {
        let touched = index / 27 % 16 == 5 && index % 3 != 0;
        assert_eq!(!dw.is_finite(), touched, "{index}");
    }
}
