//! Where the boxes of a corruption lie (specification 3.2).

use super::DropoutSpec;
use crate::random::RandomSource;
use crate::volume::Region;

/// Draws the boxes of `spec` inside a patch of `patch` voxels. Every box first draws its three
/// edges, then its three starts. With `ratchet` the edges of one box are the smallest edges of the
/// next. `spec` must be valid for `patch`.
pub(super) fn draw_holes(
    random: &mut impl RandomSource,
    patch: [usize; 3],
    spec: &DropoutSpec,
    ratchet: bool,
) -> Vec<Region> {
    let mut least = spec.min_size;
    (0..spec.holes)
        .map(|_| {
            let size: [usize; 3] =
                std::array::from_fn(|a| random.integer(least[a], spec.max_size[a] + 1));
            let start =
                std::array::from_fn(|a| random.integer(0, patch[a].saturating_sub(size[a]) + 1));
            if ratchet {
                least = size;
            }
            Region { start, size }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::CorruptionSpec;
    use crate::random::{KeyedRandom, Purpose, SampleKey, Stage};

    const PATCH: [usize; 3] = [96; 3];
    const DRAWS: u64 = 4000;

    fn random(step: u64) -> KeyedRandom {
        let key = SampleKey {
            seed: 0,
            stage: Stage::Pretraining,
            epoch: 0,
            step,
            sample: 0,
        };
        key.for_purpose(Purpose::View1Dropout)
    }

    /// Mean edge of every box over many draws.
    fn mean_edges(spec: &DropoutSpec, ratchet: bool) -> Vec<f64> {
        let mut sums = vec![0; spec.holes];
        for step in 0..DRAWS {
            let boxes = draw_holes(&mut random(step), PATCH, spec, ratchet);
            for (sum, region) in sums.iter_mut().zip(boxes) {
                assert!(region.fits(PATCH));
                *sum += region.size.iter().sum::<usize>();
            }
        }
        sums.into_iter()
            .map(|sum| sum as f64 / (3 * DRAWS) as f64)
            .collect()
    }

    fn assert_close(measured: &[f64], expected: &[f64], tolerance: f64) {
        let close = |(a, b): (&f64, &f64)| (a - b).abs() < tolerance;
        assert!(
            measured.iter().zip(expected).all(close),
            "{measured:?}, not {expected:?}"
        );
    }

    /// Against the edges measured on the reference (specification 3.2).
    #[test]
    fn edges_grow_from_box_to_box_as_in_the_original_task() {
        let spec = CorruptionSpec::default();
        let inpaint = mean_edges(&spec.inpaint, true);
        assert_close(&inpaint, &[18.4, 25.2, 28.6, 30.3, 31.2, 31.6], 0.25);
        let outpaint = mean_edges(&spec.outpaint, true);
        assert_close(&outpaint, &[42.0, 53.1, 58.5, 61.3, 62.5, 63.2], 0.35);
    }

    #[test]
    fn independent_edges_have_the_same_mean_in_every_box() {
        let spec = CorruptionSpec::default();
        assert_close(&mean_edges(&spec.inpaint, false), &[18.5; 6], 0.3);
        assert_close(&mean_edges(&spec.outpaint, false), &[42.0; 6], 0.4);
    }

    /// Share of the patch inside the boxes, mean and standard deviation, against specification 3.2.
    #[test]
    fn boxes_cover_as_much_as_in_the_original_task() {
        let spec = CorruptionSpec::default();
        for (spec, mean, deviation) in [(spec.inpaint, 0.137, 0.020), (spec.outpaint, 0.566, 0.063)]
        {
            let mut covered = vec![false; 96 * 96 * 96];
            let shares: Vec<f64> = (0..150)
                .map(|step| {
                    covered.fill(false);
                    for region in draw_holes(&mut random(step), PATCH, &spec, true) {
                        for row in region.row_starts(PATCH) {
                            covered[row..row + region.size[2]].fill(true);
                        }
                    }
                    covered.iter().filter(|&&c| c).count() as f64 / covered.len() as f64
                })
                .collect();
            let n = shares.len() as f64;
            let measured = shares.iter().sum::<f64>() / n;
            let variance = shares.iter().map(|s| (s - measured).powi(2)).sum::<f64>() / n;
            // Four standard errors.
            assert!(
                (measured - mean).abs() < 0.0005 + 4.0 * deviation / n.sqrt(),
                "{measured}"
            );
            assert!(
                (variance.sqrt() / deviation - 1.0).abs() < 0.25,
                "{}",
                variance.sqrt()
            );
        }
    }
}
