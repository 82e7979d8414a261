//! Distances between the surfaces of two segmentations: HD95 and normalised surface Dice.
//!
//! As in MONAI 1.5.2 (`compute_hausdorff_distance`, `compute_surface_dice` without subvoxels): the surface of a class
//! is its voxels with one of six neighbours outside the class or outside the volume; each surface voxel measures to
//! the nearest surface voxel of the other map.

use super::distance::squared_distances;
use super::{LabelPair, MetricError};
use crate::volume::Region;

/// How far the surface voxels of each map lie from the surface of the other one, mm. Infinite where the other map
/// does not have the class, empty where a map itself does not have it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SurfaceDistances {
    /// From each surface voxel of the prediction, in C order.
    pub prediction: Vec<f32>,
    /// From each surface voxel of the reference, in C order.
    pub reference: Vec<f32>,
}

impl SurfaceDistances {
    /// The 95th percentile of the Hausdorff distance, mm: the larger of both directions' percentiles. `None` unless
    /// both maps have the class.
    pub fn hd95(&self) -> Option<f64> {
        let both = percentile_95(&self.prediction)?.max(percentile_95(&self.reference)?);
        both.is_finite().then_some(f64::from(both))
    }

    /// Normalised surface Dice: the share of all surface voxels, of both maps together, that lie no farther than
    /// `tolerance` mm from the other surface. 0 when one map lacks the class, `None` when both do.
    ///
    /// Compared in single precision, as the original does: a distance of three steps of 0.7 mm is within 2.1 mm.
    ///
    /// # Errors
    /// [`MetricError::Tolerance`] unless `tolerance` is finite and at least 0.
    pub fn nsd(&self, tolerance: f64) -> Result<Option<f64>, MetricError> {
        if !(tolerance.is_finite() && tolerance >= 0.0) {
            return Err(MetricError::Tolerance { tolerance });
        }
        let all = self.prediction.len() + self.reference.len();
        // The distance to a class that is not there is infinite, and so may be a tolerance in single precision.
        let near = |distance: &&f32| distance.is_finite() && **distance <= tolerance as f32;
        let correct = self.prediction.iter().chain(&self.reference).filter(near);
        Ok((all > 0).then(|| correct.count() as f64 / all as f64))
    }
}

/// The surface distances of the class `label`.
pub fn surface_distances(pair: &LabelPair<'_>, label: u8) -> SurfaceDistances {
    match pair.boxes().get(usize::from(label)) {
        Some(Some(region)) => distances_in(pair, label, *region),
        _ => SurfaceDistances::default(),
    }
}

/// The same where the box that holds the class in both maps is known.
pub(super) fn distances_in(pair: &LabelPair<'_>, label: u8, region: Region) -> SurfaceDistances {
    let prediction = surface(pair.prediction(), pair.shape(), label, region);
    let reference = surface(pair.reference(), pair.shape(), label, region);
    let from_to = |from: &[bool], to: &[bool]| {
        let wanted = |n: usize| from.get(n).copied().unwrap_or(false);
        let squares = squared_distances(to, region.size, pair.spacing(), wanted);
        let measured = squares.iter().zip(from).filter(|(_, from)| **from);
        measured.map(|(square, _)| square.sqrt() as f32).collect()
    };
    SurfaceDistances {
        prediction: from_to(&prediction, &reference),
        reference: from_to(&reference, &prediction),
    }
}

/// Which voxels of `region` are of the class `label` and have a neighbour that is not. The region holds all of the
/// class, so what lies beyond it is not of the class.
fn surface(labels: &[u8], shape: [usize; 3], label: u8, region: Region) -> Vec<bool> {
    let [n0, n1, n2] = region.size;
    let [i0, j0, k0] = region.start;
    let row = |i: usize, j: usize| {
        let start = ((i0 + i) * shape[1] + j0 + j) * shape[2] + k0;
        labels.get(start..start + n2).unwrap_or_default()
    };
    let outside = vec![label.wrapping_add(1); n2];
    let mut surface = vec![false; n0 * n1 * n2];
    for (n, out) in surface.chunks_exact_mut(n2).enumerate() {
        let (i, j) = (n / n1, n % n1);
        let own = row(i, j);
        let neighbours = [
            if i > 0 { row(i - 1, j) } else { &outside },
            if i + 1 < n0 { row(i + 1, j) } else { &outside },
            if j > 0 { row(i, j - 1) } else { &outside },
            if j + 1 < n1 { row(i, j + 1) } else { &outside },
        ];
        for (out, own) in out.iter_mut().zip(own) {
            *out = *own == label;
        }
        // First those inside within the planes, then along the row.
        let mut inside = out.to_vec();
        for neighbour in neighbours {
            for (inside, neighbour) in inside.iter_mut().zip(neighbour) {
                *inside &= *neighbour == label;
            }
        }
        for k in 1..n2.saturating_sub(1) {
            let within = inside[k] & (own[k - 1] == label) & (own[k + 1] == label);
            out[k] &= !within;
        }
    }
    surface
}

/// The 95th percentile with linear interpolation between the two nearest distances; `None` of no distances.
///
/// The position between them is computed in single precision, as `torch.quantile` does for these numbers, because
/// on surfaces of some 100 000 voxels its rounding shows in the third decimal.
fn percentile_95(distances: &[f32]) -> Option<f32> {
    let last = distances.len().checked_sub(1)?;
    let position = 0.95_f32 * last as f32;
    let below = (position as usize).min(last);
    let weight = position - below as f32;
    let mut sorted = distances.to_vec();
    let (_, low, above) = sorted.select_nth_unstable_by(below, f32::total_cmp);
    let low = *low;
    let high = above.iter().copied().min_by(f32::total_cmp);
    match high {
        Some(high) if weight > 0.0 && high.is_finite() => Some(low + weight * (high - low)),
        _ => Some(low),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_lies_between_its_neighbours() {
        assert_eq!(percentile_95(&[]), None);
        assert_eq!(percentile_95(&[3.0]), Some(3.0));
        assert_eq!(percentile_95(&[1.0, 0.0]), Some(0.95));
        let mut hundred: Vec<_> = (0..=100u8).map(f32::from).collect();
        hundred.reverse();
        assert_eq!(percentile_95(&hundred), Some(95.0));
        assert_eq!(percentile_95(&[f32::INFINITY; 3]), Some(f32::INFINITY));
    }

    #[test]
    fn a_surface_is_what_erosion_removes() {
        // A 3 x 4 x 5 block of the label fills its volume: only the two middle voxels' six neighbours are all of it.
        let labels = [1; 60];
        let region = Region {
            start: [0; 3],
            size: [3, 4, 5],
        };
        let found = surface(&labels, [3, 4, 5], 1, region);
        let inside: Vec<_> = (0..60).filter(|n| !found[*n]).collect();
        // (1, 1..3, 1..4).
        assert_eq!(inside, [26, 27, 28, 31, 32, 33]);
    }
}
