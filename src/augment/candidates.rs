//! Patches around labelled and unlabelled voxels (specification 4.1).

use super::AugmentError;
use crate::random::RandomSource;
use crate::volume::{Region, Volume};

/// Where the patches of fine-tuning are cut.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CropSettings {
    /// Voxels per axis of a patch.
    pub patch: [usize; 3],
    /// Weight of patches around a voxel with a label.
    pub positive: f64,
    /// Weight of patches around a voxel of the background.
    pub negative: f64,
    /// Background voxels are taken only where the image is above this; see
    /// [`Intensity::foreground_threshold`](crate::transform::Intensity::foreground_threshold).
    pub image_threshold: f32,
}

impl Default for CropSettings {
    /// The original recipe.
    fn default() -> Self {
        Self {
            patch: [96; 3],
            positive: 1.0,
            negative: 1.0,
            image_threshold: 0.0,
        }
    }
}

impl CropSettings {
    /// Checks patch and weights.
    ///
    /// # Errors
    /// [`AugmentError::InvalidPatch`] or [`AugmentError::InvalidWeights`].
    pub fn validate(&self) -> Result<(), AugmentError> {
        super::patch::voxels(self.patch)?;
        let (positive, negative) = (self.positive, self.negative);
        let sum = positive + negative;
        if positive >= 0.0 && negative >= 0.0 && sum > 0.0 && sum.is_finite() {
            Ok(())
        } else {
            Err(AugmentError::InvalidWeights { positive, negative })
        }
    }
}

/// The voxels of one case that a patch may be centred on.
///
/// Holds counts a plane, not lists: a voxel is found by its rank among its like, in C order.
#[derive(Debug, Clone)]
pub struct Candidates<'a> {
    image: &'a Volume,
    label: &'a [u8],
    threshold: f32,
    /// How many voxels of either kind lie in the planes before each one, and in all of them.
    before: [Vec<usize>; 2],
}

/// Indices into [`Candidates::before`].
const POSITIVE: usize = 0;
const NEGATIVE: usize = 1;

impl<'a> Candidates<'a> {
    /// Counts the voxels with a label, and those without where `image` is above `threshold`.
    ///
    /// # Errors
    /// [`AugmentError::LabelSize`] when `label` does not hold one label a voxel,
    /// [`AugmentError::NoCandidate`] when there is neither.
    pub fn new(image: &'a Volume, label: &'a [u8], threshold: f32) -> Result<Self, AugmentError> {
        let shape = image.shape();
        if label.len() != image.data().len() {
            return Err(AugmentError::LabelSize {
                labels: label.len(),
                shape,
            });
        }
        let plane = (shape[1] * shape[2]).max(1);
        let mut before = [vec![0], vec![0]];
        let mut sums = [0; 2];
        for (image, label) in image.data().chunks(plane).zip(label.chunks(plane)) {
            let positive = label.iter().filter(|&&l| l != 0).count();
            let pairs = image.iter().zip(label);
            let negative = pairs.filter(|&(&x, &l)| (l == 0) & (x > threshold)).count();
            for (kind, count) in [(POSITIVE, positive), (NEGATIVE, negative)] {
                sums[kind] += count;
                before[kind].push(sums[kind]);
            }
        }
        let candidates = Self {
            image,
            label,
            threshold,
            before,
        };
        if candidates.counts() == [0, 0] {
            return Err(AugmentError::NoCandidate { threshold });
        }
        Ok(candidates)
    }

    /// The image and the labels.
    pub(super) fn case(&self) -> (&'a Volume, &'a [u8]) {
        (self.image, self.label)
    }

    /// How many voxels have a label, and how many are background inside the body.
    pub fn counts(&self) -> [usize; 2] {
        self.before
            .each_ref()
            .map(|before| before.last().copied().unwrap_or(0))
    }

    /// Draws the voxel a patch is to be centred on: one uniform number for its kind, one integer for
    /// its rank. A kind without voxels is never drawn.
    pub fn draw(&self, random: &mut impl RandomSource, settings: &CropSettings) -> [usize; 3] {
        let [positive, negative] = self.counts();
        let share = if positive == 0 {
            0.0
        } else if negative == 0 {
            1.0
        } else {
            settings.positive / (settings.positive + settings.negative)
        };
        let kind = if random.uniform() < share {
            POSITIVE
        } else {
            NEGATIVE
        };
        self.find(kind, random.integer(0, self.counts()[kind]))
    }

    /// The voxel with `rank` voxels of its kind before it.
    fn find(&self, kind: usize, rank: usize) -> [usize; 3] {
        let [_, n1, n2] = self.image.shape();
        let before = &self.before[kind];
        let i = before.partition_point(|&n| n <= rank).saturating_sub(1);
        let plane = i * n1 * n2..(i + 1) * n1 * n2;
        let left = rank - before[i];
        let voxels = self.image.data()[plane.clone()]
            .iter()
            .zip(&self.label[plane]);
        let found = voxels
            .enumerate()
            .filter(|&(_, (&x, &l))| match kind {
                POSITIVE => l != 0,
                _ => (l == 0) & (x > self.threshold),
            })
            .nth(left)
            .map_or(0, |(at, _)| at);
        [i, found / n2, found % n2]
    }
}

/// The patch centred on `voxel`, moved inside a volume of `shape`.
///
/// # Errors
/// [`AugmentError::VolumeTooSmall`] when the patch does not fit.
pub fn patch_around(
    voxel: [usize; 3],
    shape: [usize; 3],
    patch: [usize; 3],
) -> Result<Region, AugmentError> {
    if (0..3).any(|a| patch[a] > shape[a]) {
        return Err(AugmentError::VolumeTooSmall { shape, patch });
    }
    let start = |a: usize| {
        let start = voxel[a].saturating_sub(patch[a] / 2);
        start.min(shape[a] - patch[a])
    };
    Ok(Region {
        start: std::array::from_fn(start),
        size: patch,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, SampleKey, Stage};
    use crate::volume::Affine;

    type TestResult = Result<(), Box<dyn std::error::Error>>;

    /// Every third voxel is air, every fifth has a label.
    fn case() -> Result<(Volume, Vec<u8>), Box<dyn std::error::Error>> {
        let shape = [5, 6, 7];
        let image = (0..210)
            .map(|n| if n % 3 == 0 { 0.0 } else { 1.0 })
            .collect();
        let label = (0..210).map(|n| if n % 5 == 0 { 2 } else { 0 }).collect();
        Ok((Volume::new(shape, image, Affine::identity())?, label))
    }

    fn random(sample: u64) -> impl RandomSource {
        let key = SampleKey {
            seed: 3,
            stage: Stage::Finetuning,
            epoch: 0,
            step: 0,
            sample,
        };
        key.for_purpose(Purpose::PositiveNegativeCrop)
    }

    #[test]
    fn ranks_follow_the_order_of_the_voxels() -> TestResult {
        let (image, label) = case()?;
        let candidates = Candidates::new(&image, &label, 0.0)?;
        let lists = [
            (0..210).filter(|n| n % 5 == 0).collect::<Vec<usize>>(),
            (0..210).filter(|n| n % 5 != 0 && n % 3 != 0).collect(),
        ];
        assert_eq!(candidates.counts(), [lists[0].len(), lists[1].len()]);
        for (kind, list) in lists.into_iter().enumerate() {
            for (rank, n) in list.into_iter().enumerate() {
                assert_eq!(candidates.find(kind, rank), [n / 42, n / 7 % 6, n % 7]);
            }
        }
        Ok(())
    }

    #[test]
    fn kinds_are_drawn_by_their_weights_and_an_absent_one_never() -> TestResult {
        let (image, label) = case()?;
        let candidates = Candidates::new(&image, &label, 0.0)?;
        let settings = CropSettings {
            positive: 3.0,
            ..CropSettings::default()
        };
        let labelled = |[i, j, k]: [usize; 3]| (i * 42 + j * 7 + k) % 5 == 0;
        let hits = (0..4000)
            .filter(|&sample| labelled(candidates.draw(&mut random(sample), &settings)))
            .count();
        assert!((2880..3120).contains(&hits), "{hits} of 4000, not 3000");

        let none = vec![0; 210];
        let unlabelled = Candidates::new(&image, &none, 0.0)?;
        let only = CropSettings {
            negative: 0.0,
            ..settings
        };
        for sample in 0..50 {
            let [i, j, k] = unlabelled.draw(&mut random(sample), &only);
            assert!((i * 42 + j * 7 + k) % 3 != 0);
        }
        let nothing = Candidates::new(&image, &none, 1.0);
        assert!(matches!(nothing, Err(AugmentError::NoCandidate { .. })));
        Ok(())
    }

    #[test]
    fn a_patch_at_the_border_is_moved_inside() -> TestResult {
        let starts = |voxel: usize, n: usize, patch: usize| {
            patch_around([voxel, 0, 0], [n, 1, 1], [patch, 1, 1]).map(|region| region.start[0])
        };
        for (voxel, n, patch, start) in [
            (0, 10, 4, 0),
            (9, 10, 4, 6),
            (5, 10, 4, 3),
            (7, 10, 5, 5),
            (3, 4, 4, 0),
        ] {
            assert_eq!(starts(voxel, n, patch)?, start);
        }
        assert!(starts(0, 3, 4).is_err());
        Ok(())
    }
}
