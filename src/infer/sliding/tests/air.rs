//! Windows that are passed over because they hold nothing but air.

use super::*;
use crate::infer::slab::UNSEEN;
use crate::transform::best_class;

#[test]
fn a_window_around_air_counts_as_background() {
    let network = network();
    // Windows begin every 8 planes; the middle of the one at plane 32 is the first to reach what is not air.
    let (shape, plane) = ([64, 8, 8], 64);
    let image: Vec<f32> = (0..64 * plane)
        .map(|i| {
            if i < 36 * plane {
                0.0
            } else {
                (i % 101) as f32 / 100.0
            }
        })
        .collect();
    let found = |skip_air: bool| {
        let settings = SlidingWindow {
            skip_air,
            ..settings()
        };
        logits(&network, &image, shape, settings)
    };
    let (skipping, asking) = (found(true), found(false));
    let (seen, numbers) = (32, plane * 3);
    for logits in skipping[..seen * numbers].chunks_exact(3) {
        // A mean of equal numbers, but for rounding.
        assert!((logits[0] - UNSEEN).abs() < 1e-5, "{logits:?}");
        assert_eq!(logits[1..], [0.0, 0.0]);
    }
    assert!(
        asking[..seen * numbers]
            .chunks_exact(3)
            .all(|logits| logits[1] != 0.0)
    );
    // The window at plane 24 reaches to plane 40; behind that only windows that were asked count.
    assert_ne!(
        skipping[seen * numbers..40 * numbers],
        asking[seen * numbers..40 * numbers]
    );
    assert_eq!(skipping[40 * numbers..], asking[40 * numbers..]);
}

#[test]
fn what_is_bright_throughout_is_no_air() {
    let network = network();
    let (shape, plane) = ([64, 8, 8], 64);
    let unseen = |value: f32| {
        let image: Vec<f32> = (0..64 * plane)
            .map(|i| match i < 36 * plane {
                true => value,
                false => (i % 101) as f32 / 100.0 - 0.5,
            })
            .collect();
        let found = logits(&network, &image, shape, settings());
        found[1..3] == [0.0, 0.0]
    };
    // The rest has values from -0.5 to 0.5, as z-scores have.
    for (value, air) in [(0.0, true), (-2.0, true), (1.0, false), (-0.25, false)] {
        assert_eq!(unseen(value), air, "{value}");
    }
}

/// Finds a structure everywhere, with this lead over the background.
struct Finds(f32);

impl WindowNetwork for Finds {
    fn classes(&self) -> usize {
        2
    }

    async fn logits(&self, input: Vec<f32>, _: &SlidingWindow) -> Result<Vec<f32>, InferError> {
        Ok([0.0, self.0].repeat(input.len()))
    }
}

/// A volume, whose planes have so many voxels: air up to plane 11, then not.
fn half_air() -> ([usize; 3], usize, Vec<f32>) {
    let (shape, plane) = ([24, 8, 8], 64);
    let image = (0..24 * plane).map(|i| if i < 12 * plane { 0.0 } else { 1.0 });
    (shape, plane, image.collect())
}

#[test]
fn beside_a_window_passed_over_a_clear_structure_stands_and_a_faint_one_does_not() {
    // Two windows share planes 8 to 15; the middle of the first, up to plane 11, is air.
    let (shape, plane, image) = half_air();
    let settings = SlidingWindow {
        blending: Blending::Constant,
        ..settings()
    };
    for (lead, shared) in [(4.0, 1), (2.0, 0)] {
        let mut go_on = |_, _| ControlFlow::Continue(());
        let found = put_through(&Finds(lead), &image, shape, settings, &mut go_on).unwrap();
        let labels: Vec<u8> = found.chunks_exact(2).map(best_class).collect();
        for (at, labels) in labels.chunks(plane).enumerate() {
            let expected = match at {
                ..8 => 0,
                8..16 => shared,
                _ => 1,
            };
            let alike = labels.iter().all(|label| *label == expected);
            assert!(alike, "lead {lead}, plane {at}: {labels:?}");
        }
    }
}

/// Finds a structure in all that is not air, and air elsewhere, with a lead of 4.
struct FindsTissue;

impl WindowNetwork for FindsTissue {
    fn classes(&self) -> usize {
        2
    }

    async fn logits(&self, input: Vec<f32>, _: &SlidingWindow) -> Result<Vec<f32>, InferError> {
        let of_voxel = |value: f32| match value {
            0.0 => [4.0, 0.0],
            _ => [0.0, 4.0],
        };
        Ok(input.into_iter().flat_map(of_voxel).collect())
    }
}

#[test]
fn however_many_windows_are_passed_over_around_a_voxel_they_count_no_more_than_one_that_was_seen() {
    // Tissue fills one corner: of the eight windows that its voxels share, only the last is looked at.
    let (shape, window) = ([24; 3], [16; 3]);
    let in_tissue = |n: usize| [n / 576, n / 24 % 24, n % 24].iter().all(|at| *at >= 12);
    let tissue: Vec<bool> = (0..24 * 24 * 24).map(in_tissue).collect();
    let image: Vec<f32> = (tissue.iter())
        .map(|tissue| f32::from(u8::from(*tissue)))
        .collect();
    for blending in [Blending::Gaussian, Blending::Constant] {
        let settings = SlidingWindow {
            blending,
            ..SlidingWindow::predicting(window)
        };
        assert_eq!(settings.passed_over(&image, shape), Ok(7));
        let mut go_on = |_, _| ControlFlow::Continue(());
        let found = put_through(&FindsTissue, &image, shape, settings, &mut go_on).unwrap();
        let labels = found.chunks_exact(2).map(best_class);
        let lost = (labels.zip(&tissue)).filter(|(label, tissue)| **tissue && *label == 0);
        assert_eq!(lost.count(), 0, "{blending:?}");
    }
}

#[test]
fn the_rim_of_a_window_finds_nothing_in_the_air_beside_it() {
    // The middle of the first window, up to plane 11, is air; the second reaches back to plane 8 with little weight.
    let (shape, plane, image) = half_air();
    let settings = SlidingWindow {
        blending: Blending::Gaussian,
        ..settings()
    };
    let mut go_on = |_, _| ControlFlow::Continue(());
    let found = put_through(&Finds(4.0), &image, shape, settings, &mut go_on).unwrap();
    let labels: Vec<u8> = found.chunks_exact(2).map(best_class).collect();
    // In the middle of the plane: at its corners all weights are the smallest.
    let middle: Vec<u8> = labels.chunks(plane).map(|plane| plane[4 * 8 + 4]).collect();
    assert_eq!(middle.iter().position(|label| *label == 1), Some(12));
    assert!(middle[12..].iter().all(|label| *label == 1));
}

#[test]
fn where_nothing_is_passed_over_the_prediction_is_that_of_asking_every_window() {
    let network = network();
    let image: Vec<f32> = (0..24 * 64).map(|i| (i % 101 + 1) as f32 / 100.0).collect();
    let asking = |skip_air: bool| {
        let settings = SlidingWindow {
            skip_air,
            ..settings()
        };
        assert_eq!(settings.passed_over(&image, [24, 8, 8]), Ok(0));
        logits(&network, &image, [24, 8, 8], settings)
    };
    assert_eq!(asking(true), asking(false));
}
