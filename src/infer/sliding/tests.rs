//! Tests of the sliding window.

use super::*;
use crate::nn::{Architecture, SegmenterConfig, UnetrConfig, VitConfig};
use crate::weights;

const SHAPE: [usize; 3] = [16, 8, 8];

fn network() -> Segmenter {
    let config = SegmenterConfig {
        architecture: Architecture::Unetr,
        sizes: UnetrConfig {
            vit: VitConfig {
                image_size: SHAPE,
                patch_size: 8,
                hidden_size: 16,
                mlp_dim: 16,
                layers: 3,
                heads: 2,
            },
            feature_size: 2,
            classes: 3,
        },
    };
    let zeros = Segmenter::zeros(&config, &Device::flex()).unwrap();
    weights::initialise(zeros, 1).unwrap()
}

fn settings() -> SlidingWindow {
    SlidingWindow::predicting(SHAPE)
}

fn logits(
    network: &Segmenter,
    image: &[f32],
    shape: [usize; 3],
    settings: SlidingWindow,
) -> Vec<f32> {
    asked(network, image, shape, settings).unwrap()
}

fn asked(
    network: &Segmenter,
    image: &[f32],
    shape: [usize; 3],
    settings: SlidingWindow,
) -> Result<Vec<f32>, InferError> {
    let mut found = Vec::new();
    let mut sink = |planes: &[f32]| {
        found.extend_from_slice(planes);
        Ok(())
    };
    let mut go_on = |_, _| ControlFlow::Continue(());
    let device = Device::flex();
    let run = settings.run(network, image, shape, &device, &mut sink, &mut go_on);
    pollster::block_on(run)?;
    Ok(found)
}

#[test]
fn logits_that_are_no_numbers_are_no_background() {
    let image = [f32::NAN; 1024];
    let found = asked(&network(), &image, SHAPE, settings());
    assert!(matches!(found, Err(InferError::NotFinite)), "{found:?}");
}

/// The volume mirrored along an axis, `size` numbers a voxel.
fn mirrored(values: &[f32], axis: usize, size: usize) -> Vec<f32> {
    let step: usize = SHAPE[axis + 1..].iter().product::<usize>() * size;
    let blocks = values.chunks_exact(step * SHAPE[axis]);
    blocks
        .flat_map(|block| block.rchunks_exact(step).flatten().copied())
        .collect()
}

#[test]
fn with_mirroring_the_prediction_turns_with_the_image() {
    let network = network();
    let image: Vec<f32> = (0..1024).map(|i| (i * 37 % 101) as f32 / 100.0).collect();
    let furthest = |a: &[f32], b: &[f32]| {
        let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
        differences.fold(0.0, f32::max)
    };
    for axis in 0..3 {
        let turned = mirrored(&image, axis, 1);
        let apart = |mirror: bool| {
            let settings = SlidingWindow {
                mirror,
                ..settings()
            };
            let straight = logits(&network, &image, SHAPE, settings);
            let other = logits(&network, &turned, SHAPE, settings);
            furthest(&mirrored(&straight, axis, 3), &other)
        };
        // Without it the network itself knows left from right.
        assert!(apart(false) > 1e-2, "axis {axis}: {}", apart(false));
        assert!(apart(true) < 1e-4, "axis {axis}: {}", apart(true));
    }
}

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
