//! Tests of the sliding window.

mod air;
mod under_way;

use super::*;
use crate::infer::{Blending, DeviceNetwork};
use crate::nn::{Architecture, Segmenter, SegmenterConfig, UnetrConfig, VitConfig};
use crate::weights;
use burn::Tensor;
use burn::tensor::{Device, TensorData};

const SHAPE: [usize; 3] = [16, 8, 8];

fn network() -> Segmenter {
    network_for(SHAPE)
}

fn network_for(image_size: [usize; 3]) -> Segmenter {
    let config = SegmenterConfig {
        architecture: Architecture::Unetr,
        sizes: UnetrConfig {
            vit: VitConfig {
                image_size,
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
    let device = Device::flex();
    let network = DeviceNetwork {
        network,
        device: &device,
    };
    let mut go_on = |_, _| ControlFlow::Continue(());
    put_through(&network, image, shape, settings, &mut go_on)
}

fn put_through(
    network: &impl WindowNetwork,
    image: &[f32],
    shape: [usize; 3],
    settings: SlidingWindow,
    progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
) -> Result<Vec<f32>, InferError> {
    let mut found = Vec::new();
    let mut sink = |planes: &[f32]| {
        found.extend_from_slice(planes);
        Ok(())
    };
    let run = settings.run(network, image, shape, &mut sink, progress);
    pollster::block_on(run)?;
    Ok(found)
}

/// What the specification says of putting windows together, in its words: each voxel has the mean of all windows that
/// cover it, here weighted by `weight(voxel of the window)`.
fn put_together(
    network: &Segmenter,
    image: &[f32],
    shape: [usize; 3],
    settings: SlidingWindow,
    weight: impl Fn([usize; 3]) -> f64,
) -> Vec<f64> {
    let places =
        |[d, h, w]: [usize; 3]| (0..d * h * w).map(move |n| [n / (h * w), n / w % h, n % w]);
    let plan = WindowPlan::new(shape, settings.window, settings.overlap).unwrap();
    let classes = network.classes();
    let mut sums = vec![0.0f64; image.len() * classes];
    let mut weights = vec![0.0f64; image.len()];
    for window in plan.windows() {
        // Where a voxel of the window lies in the volume; nowhere for one of the padding.
        let voxel = |at: [usize; 3]| {
            let place = [0, 1, 2].map(|axis| {
                let place = (window.start[axis] + at[axis]).checked_sub(plan.before[axis]);
                place.filter(|place| *place < shape[axis])
            });
            let [Some(i), Some(j), Some(k)] = place else {
                return None;
            };
            Some((i * shape[1] + j) * shape[2] + k)
        };
        let input: Vec<f32> = places(window.size)
            .map(|at| voxel(at).map_or(0.0, |n| image[n]))
            .collect();
        let [d, h, w] = window.size;
        let input = Tensor::from_data(TensorData::new(input, [1, d, h, w, 1]), &Device::flex());
        let logits: Vec<f32> = network.forward(input).into_data().try_into_vec().unwrap();
        for (at, logits) in places(window.size).zip(logits.chunks_exact(classes)) {
            let Some(n) = voxel(at) else { continue };
            let weight = weight(at);
            weights[n] += weight;
            for (sum, logit) in sums[n * classes..].iter_mut().zip(logits) {
                *sum += weight * f64::from(*logit);
            }
        }
    }
    let voxels = sums.chunks_exact(classes).zip(&weights);
    voxels
        .flat_map(|(sums, weight)| sums.iter().map(move |sum| sum / weight))
        .collect()
}

#[test]
fn logits_are_the_mean_of_the_windows_that_cover_a_voxel() {
    let window = [16; 3];
    let network = network_for(window);
    let constant = |_: [usize; 3]| 1.0;
    // An eighth of the window's edge is one deviation.
    let bell = |at: [usize; 3]| {
        let squares: f64 = at.iter().map(|i| ((*i as f64 - 7.5) / 2.0).powi(2)).sum();
        (-0.5 * squares).exp().max(1e-3)
    };
    let predicting = SlidingWindow {
        skip_air: false,
        ..SlidingWindow::predicting(window)
    };
    // The second is padded along an axis, and so deep that windows begin behind planes that are done.
    for shape in [[20usize, 19, 21], [36, 11, 17]] {
        let count = shape.iter().product::<usize>();
        let image: Vec<f32> = (0..count).map(|i| (i * 37 % 101) as f32 / 100.0).collect();
        let check = |settings: SlidingWindow, expected: Vec<f64>| {
            let found = logits(&network, &image, shape, settings);
            assert_eq!(found.len(), expected.len());
            for (n, (found, expected)) in found.iter().zip(&expected).enumerate() {
                assert!(
                    (f64::from(*found) - expected).abs() < 1e-5,
                    "{shape:?}, {settings:?}: number {n} is {found}, not {expected}"
                );
            }
        };
        let original = SlidingWindow::original(window);
        check(
            original,
            put_together(&network, &image, shape, original, constant),
        );
        check(
            predicting,
            put_together(&network, &image, shape, predicting, bell),
        );
    }
}

/// Those of specification 9.1: `--parity` has no others.
#[test]
fn the_originals_windows_share_a_quarter_and_count_alike() {
    let expected = SlidingWindow {
        window: [96; 3],
        overlap: 0.25,
        blending: Blending::Constant,
        mirror: false,
        skip_air: false,
    };
    assert_eq!(SlidingWindow::original([96; 3]), expected);
}

#[test]
fn logits_that_are_no_numbers_are_no_background() {
    let image = [f32::NAN; 1024];
    let found = asked(&network(), &image, SHAPE, settings());
    assert!(matches!(found, Err(InferError::NotFinite)), "{found:?}");
}

/// Logits of zeros but for one that is no number.
struct OneOdd(usize);

impl WindowNetwork for OneOdd {
    fn classes(&self) -> usize {
        3
    }

    fn at_once(&self) -> usize {
        1
    }

    async fn logits(&self, input: Vec<f32>, _: &SlidingWindow) -> Result<Vec<f32>, InferError> {
        let mut logits = vec![0.0; 3 * input.len()];
        logits[self.0] = f32::NAN;
        Ok(logits)
    }
}

#[test]
fn a_single_logit_that_is_no_number_is_an_error_wherever_it_is() {
    let settings = SlidingWindow {
        skip_air: false,
        ..settings()
    };
    for place in [0, 1, 1024, 3 * 1024 - 1] {
        let mut go_on = |_, _| ControlFlow::Continue(());
        let odd = OneOdd(place);
        let found = put_through(&odd, &[1.0; 1024], SHAPE, settings, &mut go_on);
        assert!(matches!(found, Err(InferError::NotFinite)), "{place}");
    }
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
