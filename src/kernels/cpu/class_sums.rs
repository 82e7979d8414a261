//! Sums for Dice and cross-entropy, and their gradient, on slices.

use super::fill::fill;
use crate::kernels::host::vectorised;
use crate::kernels::math::exp;
use crate::platform::map_tasks;

/// Voxels of one task.
const CHUNK: usize = 1 << 12;
/// Voxels whose probabilities are worked out side by side.
const LANES: usize = 16;

/// Softmax of up to [`LANES`] voxels, class by class; also each voxel's logarithm of the sum of powers.
struct Block {
    /// `[classes][LANES]`.
    p: Vec<[f32; LANES]>,
    log_sum: [f32; LANES],
}

impl Block {
    fn new(classes: usize) -> Self {
        Block {
            p: vec![[0.0; LANES]; classes],
            log_sum: [0.0; LANES],
        }
    }

    /// Fills the block from `[voxels][classes]`. Voxels beyond the end have uniform probabilities.
    #[inline(always)]
    fn fill(&mut self, logits: &[f32]) {
        let classes = self.p.len();
        for (class, lanes) in self.p.iter_mut().enumerate() {
            *lanes = [0.0; LANES];
            for (lane, voxel) in lanes.iter_mut().zip(logits.chunks_exact(classes)) {
                *lane = voxel[class];
            }
        }
        let mut largest = [f32::NEG_INFINITY; LANES];
        for lanes in &self.p {
            for (largest, x) in largest.iter_mut().zip(lanes) {
                // Keeps a NaN in x out of the maximum, but the power below brings it back.
                *largest = if *x > *largest { *x } else { *largest };
            }
        }
        let mut sum = [0.0f32; LANES];
        for lanes in &mut self.p {
            for ((x, largest), sum) in lanes.iter_mut().zip(&largest).zip(&mut sum) {
                *x = exp(*x - largest);
                *sum += *x;
            }
        }
        let scale = sum.map(f32::recip);
        for lanes in &mut self.p {
            for (x, scale) in lanes.iter_mut().zip(&scale) {
                *x *= scale;
            }
        }
        for ((log_sum, sum), largest) in self.log_sum.iter_mut().zip(&sum).zip(&largest) {
            *log_sum = sum.ln() + largest;
        }
    }
}

/// For each sample the sums of [`crate::kernels::ClassSumsBackend::class_sums`], added in double precision.
pub(in crate::kernels) fn sums(
    logits: &[f32],
    labels: &[f32],
    batch: usize,
    classes: usize,
) -> Vec<f32> {
    let voxels = labels.len() / batch.max(1);
    let tasks = voxels.div_ceil(CHUNK);
    let parts = map_tasks(batch * tasks, |task| {
        let first = task / tasks * voxels + task % tasks * CHUNK;
        let last = (task / tasks + 1) * voxels;
        let range = first..(first + CHUNK).min(last);
        let logits = &logits[range.start * classes..range.end * classes];
        let labels = &labels[range];
        vectorised(
            #[inline(always)]
            || chunk_sums(logits, labels, classes),
        )
    });
    let mut out = Vec::with_capacity(batch * (3 * classes + 1));
    for sample in parts.chunks(tasks.max(1)) {
        for index in 0..=3 * classes {
            out.push(sample.iter().map(|part| part[index]).sum::<f64>() as f32);
        }
    }
    out
}

#[inline(always)]
fn chunk_sums(logits: &[f32], labels: &[f32], classes: usize) -> Vec<f64> {
    let mut out = vec![0.0; 3 * classes + 1];
    let mut predicted = vec![[0.0f32; LANES]; classes];
    let mut block = Block::new(classes);
    for (logits, labels) in logits.chunks(LANES * classes).zip(labels.chunks(LANES)) {
        block.fill(logits);
        if labels.len() == LANES {
            for (sum, p) in predicted.iter_mut().zip(&block.p) {
                for (sum, p) in sum.iter_mut().zip(p) {
                    *sum += p;
                }
            }
        } else {
            for (sum, p) in out[classes..].iter_mut().zip(&block.p) {
                *sum += p
                    .iter()
                    .take(labels.len())
                    .map(|p| f64::from(*p))
                    .sum::<f64>();
            }
        }
        for (lane, label) in labels.iter().enumerate() {
            let label = class_of(*label);
            if let Some(p) = block.p.get(label) {
                out[label] += f64::from(p[lane]);
                out[2 * classes + label] += 1.0;
                out[3 * classes] += f64::from(block.log_sum[lane] - logits[lane * classes + label]);
            }
        }
    }
    for (sum, lanes) in out[classes..].iter_mut().zip(&predicted) {
        *sum += lanes.iter().map(|p| f64::from(*p)).sum::<f64>();
    }
    out
}

/// Gradient of the logits from that of the sums.
pub(in crate::kernels) fn gradient(
    logits: &[f32],
    labels: &[f32],
    grad: &[f32],
    batch: usize,
    classes: usize,
) -> Vec<f32> {
    let voxels = labels.len() / batch.max(1);
    // Whole samples in turn, so that a chunk knows its sample's gradient.
    let part = CHUNK * classes;
    let [out] = fill(batch, voxels * classes, part, |sample, start, [out]| {
        let logits = &logits[sample * voxels * classes + start..][..out.len()];
        let labels = &labels[sample * voxels..][start / classes..voxels];
        let grad = &grad[sample * (3 * classes + 1)..][..3 * classes + 1];
        let mut block = Block::new(classes);
        vectorised(
            #[inline(always)]
            || {
                let parts = out
                    .chunks_mut(LANES * classes)
                    .zip(logits.chunks(LANES * classes))
                    .zip(labels.chunks(LANES));
                for ((out, logits), labels) in parts {
                    block.fill(logits);
                    block_gradient(out, &block, labels, grad);
                }
            },
        );
    });
    out
}

/// The class of a label. One that is no class counts nowhere, as on GPUs.
#[inline(always)]
fn class_of(label: f32) -> usize {
    let class = label as usize;
    match class as f32 == label {
        true => class,
        false => usize::MAX,
    }
}

/// `p_c (s_c - sum_k p_k s_k) + e (p_c - g_c)`, with s the slope of the sums by the probability.
#[inline(always)]
fn block_gradient(out: &mut [f32], block: &Block, labels: &[f32], grad: &[f32]) {
    let classes = block.p.len();
    let (overlap, predicted) = (&grad[..classes], &grad[classes..2 * classes]);
    let entropy = grad[3 * classes];
    let mut mean = [0.0f32; LANES];
    for (p, slope) in block.p.iter().zip(predicted) {
        for (mean, p) in mean.iter_mut().zip(p) {
            *mean += p * slope;
        }
    }
    for (lane, (out, label)) in out.chunks_mut(classes).zip(labels).enumerate() {
        let label = class_of(*label);
        let known = block.p.get(label).map_or(0.0, |p| p[lane]);
        let bonus = overlap.get(label).copied().unwrap_or(0.0);
        let mean = mean[lane] + known * bonus;
        for ((out, p), slope) in out.iter_mut().zip(&block.p).zip(predicted) {
            *out = p[lane] * (slope - mean + entropy);
        }
        if let Some(out) = out.get_mut(label) {
            *out += known * bonus - entropy;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_that_is_no_class_counts_nowhere() {
        let classes = 3;
        let labels = [0.0, 2.0, 3.0, -1.0, 1.5, f32::NAN];
        let logits: Vec<f32> = (0..labels.len() * classes)
            .map(|n| (n % 5) as f32)
            .collect();
        let sums = sums(&logits, &labels, 1, classes);
        // Voxels of each class.
        assert_eq!(sums[2 * classes..3 * classes], [1.0, 0.0, 1.0]);
        // By the entropy alone: what is no class has no logit that should grow.
        let mut grad = vec![0.0; 3 * classes + 1];
        grad[3 * classes] = 1.0;
        let slopes = gradient(&logits, &labels, &grad, 1, classes);
        let grows: Vec<bool> = slopes
            .chunks(classes)
            .map(|slopes| slopes.iter().any(|slope| *slope < 0.0))
            .collect();
        assert_eq!(grows, [true, true, false, false, false, false]);
    }

    #[test]
    fn where_the_network_is_certain_and_right_nothing_changes() {
        let classes = 3;
        let mut grad = vec![0.0; 3 * classes + 1];
        grad[3 * classes] = 1.0;
        let slopes = gradient(&[0.0, 200.0, 0.0], &[1.0], &grad, 1, classes);
        assert!(slopes.iter().all(|slope| slope.abs() < 1e-6), "{slopes:?}");
    }
}
