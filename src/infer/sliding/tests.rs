//! Tests of the sliding window.

use super::*;
use crate::infer::{Blending, DeviceNetwork};
use crate::nn::{Architecture, Segmenter, SegmenterConfig, UnetrConfig, VitConfig};
use crate::transform::best_class;
use crate::weights;
use burn::Tensor;
use burn::tensor::{Device, TensorData};
use std::cell::Cell;
use std::task::Poll;

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

/// Takes several windows at once, and is ready with each of them later than it was asked.
struct Several<'a> {
    inner: DeviceNetwork<'a>,
    at_once: usize,
    /// Windows under way, and the most there were.
    under_way: Cell<usize>,
    most: Cell<usize>,
}

impl WindowNetwork for Several<'_> {
    fn classes(&self) -> usize {
        self.inner.classes()
    }

    fn at_once(&self) -> usize {
        self.at_once
    }

    fn logits(
        &self,
        input: Vec<f32>,
        settings: &SlidingWindow,
    ) -> impl Future<Output = Result<Vec<f32>, InferError>> {
        self.under_way.set(self.under_way.get() + 1);
        self.most.set(self.most.get().max(self.under_way.get()));
        async move {
            let mut waited = false;
            std::future::poll_fn(|context| {
                if std::mem::replace(&mut waited, true) {
                    return Poll::Ready(());
                }
                context.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
            self.under_way.set(self.under_way.get() - 1);
            self.inner.logits(input, settings).await
        }
    }
}

#[test]
fn however_many_windows_are_under_way_the_prediction_is_the_same() {
    let (network, device) = (network(), Device::flex());
    let inner = DeviceNetwork {
        network: &network,
        device: &device,
    };
    // Deep enough that planes are handed on while windows behind them are under way, and with air in front.
    let (shape, plane) = ([72, 8, 8], 64);
    let image: Vec<f32> = (0..72 * plane)
        .map(|i| match i < 20 * plane {
            true => 0.0,
            false => (i * 37 % 101) as f32 / 100.0,
        })
        .collect();
    let expected = logits(&network, &image, shape, settings());
    let windows = WindowPlan::new(shape, SHAPE, settings().overlap).unwrap();
    for at_once in [1, 2, 3, windows.count() + 1] {
        let several = Several {
            inner,
            at_once,
            under_way: Cell::new(0),
            most: Cell::new(0),
        };
        let mut told = Vec::new();
        let mut go_on = |done, of| {
            told.push(done);
            assert_eq!(of, windows.count());
            ControlFlow::Continue(())
        };
        let found = put_through(&several, &image, shape, settings(), &mut go_on).unwrap();
        assert_eq!(found, expected, "{at_once} at once");
        assert!(several.most.get() <= at_once, "{at_once} at once");
        assert!(several.most.get() >= at_once.min(4), "{at_once} at once");
        assert!(told.is_sorted() && told[0] == 0, "{told:?}");
        assert_eq!(told.last(), Some(&(windows.count() - 1)), "{told:?}");
    }
}

#[test]
fn windows_under_way_can_be_stopped_after_the_last_was_begun() {
    let (network, device) = (network(), Device::flex());
    let several = Several {
        inner: DeviceNetwork {
            network: &network,
            device: &device,
        },
        at_once: 9,
        under_way: Cell::new(0),
        most: Cell::new(0),
    };
    let image = [1.0; 24 * 64];
    let mut stop_at_the_second = |done, _| match done {
        0 => ControlFlow::Continue(()),
        _ => ControlFlow::Break(()),
    };
    let found = put_through(
        &several,
        &image,
        [24, 8, 8],
        settings(),
        &mut stop_at_the_second,
    );
    assert!(matches!(found, Err(InferError::Stopped)), "{found:?}");
    assert_eq!(several.most.get(), 2);
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

#[test]
fn beside_a_window_passed_over_a_clear_structure_stands_and_a_faint_one_does_not() {
    // Two windows share planes 8 to 15; the middle of the first, up to plane 11, is air.
    let (shape, plane) = ([24, 8, 8], 64);
    let image: Vec<f32> = (0..24 * plane)
        .map(|i| if i < 12 * plane { 0.0 } else { 1.0 })
        .collect();
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
