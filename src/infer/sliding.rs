//! Sliding-window inference (specification 9.1), plane by plane: memory depends neither on classes times volume nor on
//! the number of windows.

use crate::infer::{InferError, WindowPlan};
use crate::nn::Segmenter;
use crate::platform::{self, each_chunk};
use crate::volume::Region;
use burn::Tensor;
use burn::tensor::{Device, TensorData};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;

/// How much a window counts at each of its voxels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
pub enum Blending {
    /// The same everywhere, as the original has it.
    Constant,
    /// Less towards the borders, where a window knows least (Isensee et al., 2021).
    #[default]
    Gaussian,
}

/// How windows are laid and put together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SlidingWindow {
    /// Voxels per axis of a window: the network's input.
    pub window: [usize; 3],
    /// Share of a window that the next one covers again.
    pub overlap: f64,
    /// How windows are weighted.
    pub blending: Blending,
    /// Whether every window is also seen mirrored, along each axis and each combination of axes: eight passes.
    pub mirror: bool,
}

/// Deviation of the Gaussian weights, in window edges.
const SIGMA: f64 = 0.125;
/// Smallest Gaussian weight, relative to the largest: a voxel at the very corner of a window still counts.
const SMALLEST: f32 = 1e-3;

impl SlidingWindow {
    /// Weights along one axis.
    fn weights(&self, axis: usize) -> Vec<f32> {
        let size = self.window[axis];
        match self.blending {
            Blending::Constant => vec![1.0; size],
            Blending::Gaussian => {
                let (middle, sigma) = ((size as f64 - 1.0) / 2.0, SIGMA * size as f64);
                (0..size)
                    .map(|i| (-0.5 * ((i as f64 - middle) / sigma).powi(2)).exp() as f32)
                    .collect()
            }
        }
    }

    /// Logits of a volume `[shape]` in C order. Planes along the first axis go to `sink` as soon as no later window
    /// touches them, `[planes, shape[1], shape[2], classes]`. `progress(done, windows)` is asked before each window.
    ///
    /// # Errors
    /// [`InferError::Window`] for sizes that cannot be cut, [`InferError::Stopped`] when `progress` says so,
    /// [`InferError::Device`] for a lost device, and those of the sink.
    pub async fn run(
        &self,
        network: &Segmenter,
        image: &[f32],
        shape: [usize; 3],
        device: &Device,
        sink: &mut dyn FnMut(&[f32]) -> Result<(), InferError>,
        progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<(), InferError> {
        let plan = WindowPlan::new(shape, self.window, self.overlap)?;
        let classes = network.classes();
        let mut slab = Slab::new(self, &plan, classes)?;
        let count = plan.count();
        let mut done_planes = 0;
        for (done, region) in plan.windows().enumerate() {
            platform::yield_now().await;
            if progress(done, count).is_break() {
                return Err(InferError::Stopped);
            }
            let start = region.start[0];
            if start > done_planes {
                slab.flush(start - done_planes, &plan, sink)?;
                done_planes = start;
            }
            let input = cut(image, &plan, &region);
            let [d, h, w] = self.window;
            let input = Tensor::from_data(TensorData::new(input, [1, d, h, w, 1]), device);
            let logits = self
                .passes(network, input)
                .into_data_async()
                .await
                .map_err(|e| InferError::Device(format!("{e:?}")))?
                .try_into_vec::<f32>()
                .map_err(|e| InferError::Device(format!("{e:?}")))?;
            slab.add(&logits, &region);
        }
        slab.flush(plan.padded[0] - done_planes, &plan, sink)
    }

    /// The network's logits for one window, averaged over mirror images where asked for.
    fn passes(&self, network: &Segmenter, input: Tensor<5>) -> Tensor<5> {
        if !self.mirror {
            return network.forward(input);
        }
        let mut sum: Option<Tensor<5>> = None;
        for mirrored in 0..8usize {
            let turn = |x: Tensor<5>| {
                (0..3usize)
                    .filter(|axis| mirrored >> axis & 1 == 1)
                    .fold(x, |x, axis| x.flip([axis + 1]))
            };
            let logits = turn(network.forward(turn(input.clone())));
            sum = Some(match sum {
                Some(sum) => sum + logits,
                None => logits,
            });
        }
        sum.unwrap_or(input) / 8.0
    }
}

/// The voxels of a window of the padded volume; zeros outside the volume.
fn cut(image: &[f32], plan: &WindowPlan, region: &Region) -> Vec<f32> {
    let [_, n1, n2] = plan.shape;
    let [w0, w1, w2] = region.size;
    let mut out = vec![0.0; w0 * w1 * w2];
    // Where the window meets the volume, along the last axis.
    let first = region.start[2].max(plan.before[2]);
    let last = (region.start[2] + w2).min(plan.before[2] + n2);
    for (row, out) in out.chunks_exact_mut(w2).enumerate() {
        let inside = |axis: usize, at: usize| {
            (region.start[axis] + at)
                .checked_sub(plan.before[axis])
                .filter(|at| *at < plan.shape[axis])
        };
        let (Some(i), Some(j)) = (inside(0, row / w1), inside(1, row % w1)) else {
            continue;
        };
        let row = &image[(i * n1 + j) * n2..][..n2];
        out[first - region.start[2]..last - region.start[2]]
            .copy_from_slice(&row[first - plan.before[2]..last - plan.before[2]]);
    }
    out
}

/// Sums of logits and of weights over as many planes as a window is deep.
struct Slab {
    /// Logits `[window[0], padded[1], padded[2], classes]`, then the sum of weights as one class more.
    sums: Vec<f32>,
    /// Numbers of a plane.
    plane: usize,
    /// Numbers of a voxel.
    voxel: usize,
    /// Padded voxels of a row.
    width: usize,
    /// Plane of the padded volume at the front of the buffer.
    front: usize,
    weights: [Vec<f32>; 3],
}

impl Slab {
    fn new(
        settings: &SlidingWindow,
        plan: &WindowPlan,
        classes: usize,
    ) -> Result<Self, InferError> {
        let voxel = classes + 1;
        let [_, p1, p2] = plan.padded;
        let size = [plan.window[0], p1, p2, voxel]
            .into_iter()
            .try_fold(1usize, usize::checked_mul)
            .ok_or(InferError::Memory)?;
        let mut sums = Vec::new();
        sums.try_reserve_exact(size)
            .map_err(|_| InferError::Memory)?;
        sums.resize(size, 0.0);
        Ok(Slab {
            sums,
            plane: p1 * p2 * voxel,
            voxel,
            width: p2,
            front: 0,
            weights: [0, 1, 2].map(|axis| settings.weights(axis)),
        })
    }

    fn add(&mut self, logits: &[f32], region: &Region) {
        let classes = self.voxel - 1;
        let [_, w1, w2] = region.size;
        let (offset, front) = (region.start[0] - self.front, self.front);
        let (voxel, width) = (self.voxel, self.width);
        let weights = &self.weights;
        debug_assert!(region.start[0] >= front);
        each_chunk(&mut self.sums, self.plane, |plane, sums: &mut [f32]| {
            let Some(depth) = plane.checked_sub(offset).filter(|d| *d < region.size[0]) else {
                return;
            };
            for row in 0..w1 {
                let outer = weights[0][depth] * weights[1][row];
                let to = ((region.start[1] + row) * width + region.start[2]) * voxel;
                let from = (depth * w1 + row) * w2 * classes;
                let sums = sums[to..to + w2 * voxel].chunks_exact_mut(voxel);
                let logits = logits[from..from + w2 * classes].chunks_exact(classes);
                for ((sums, logits), inner) in sums.zip(logits).zip(&weights[2]) {
                    let weight = (outer * inner).max(SMALLEST);
                    for (sum, logit) in sums.iter_mut().zip(logits) {
                        *sum += weight * logit;
                    }
                    sums[classes] += weight;
                }
            }
        });
    }

    /// Hands the first planes on, without the padding, and makes room at the back.
    fn flush(
        &mut self,
        planes: usize,
        plan: &WindowPlan,
        sink: &mut dyn FnMut(&[f32]) -> Result<(), InferError>,
    ) -> Result<(), InferError> {
        let classes = self.voxel - 1;
        let [n0, n1, n2] = plan.shape;
        let [b0, b1, b2] = plan.before;
        let mut out = vec![0.0; n1 * n2 * classes];
        for plane in 0..planes {
            let at = self.front + plane;
            if at < b0 || at >= b0 + n0 {
                continue;
            }
            let sums = &self.sums[plane * self.plane..(plane + 1) * self.plane];
            each_chunk(&mut out, n2 * classes, |row, out: &mut [f32]| {
                let from = ((b1 + row) * self.width + b2) * self.voxel;
                let sums = sums[from..from + n2 * self.voxel].chunks_exact(self.voxel);
                for (out, sums) in out.chunks_exact_mut(classes).zip(sums) {
                    let scale = sums[classes].recip();
                    for (out, sum) in out.iter_mut().zip(sums) {
                        *out = sum * scale;
                    }
                }
            });
            sink(&out)?;
        }
        let gone = (planes * self.plane).min(self.sums.len());
        let kept = self.sums.len() - gone;
        self.sums.copy_within(gone.., 0);
        self.sums[kept..].fill(0.0);
        self.front += planes;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
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

    fn logits(network: &Segmenter, image: &[f32], mirror: bool) -> Vec<f32> {
        let settings = SlidingWindow {
            window: SHAPE,
            overlap: 0.5,
            blending: Blending::Gaussian,
            mirror,
        };
        let mut found = Vec::new();
        let mut sink = |planes: &[f32]| {
            found.extend_from_slice(planes);
            Ok(())
        };
        let mut go_on = |_, _| ControlFlow::Continue(());
        let device = Device::flex();
        let run = settings.run(network, image, SHAPE, &device, &mut sink, &mut go_on);
        pollster::block_on(run).unwrap();
        found
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
                let straight = mirrored(&logits(&network, &image, mirror), axis, 3);
                furthest(&straight, &logits(&network, &turned, mirror))
            };
            // Without it the network itself knows left from right.
            assert!(apart(false) > 1e-2, "axis {axis}: {}", apart(false));
            assert!(apart(true) < 1e-4, "axis {axis}: {}", apart(true));
        }
    }
}
