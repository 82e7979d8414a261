//! Which slices show the structures of a volume.

use super::slice::Plane;
use std::ops::Range;

/// A structure is seen in a slice that has at least this share of the voxels of its largest one.
const SEEN: f64 = 0.3;

/// Slices times structures that are counted; a picture of more has slices at equal distances.
const MOST_COUNTS: usize = 1 << 24;

/// Up to `count` slices in which every structure is seen, as far as they suffice: one after the other the slice that has
/// most of what is not seen yet. The rest of them lie where the gaps between those are widest, within `filled`.
pub(super) fn showing(
    labels: &[u8],
    plane: &Plane,
    filled: &Range<usize>,
    count: usize,
) -> Vec<usize> {
    let mut shown = Vec::new();
    let mut shares = shares(labels, plane);
    while shown.len() < count && !shares.is_empty() {
        let worth = |slice: usize| -> f64 {
            let seen = shares.iter().map(|share| share[slice]);
            seen.filter(|share| *share >= SEEN).sum()
        };
        // The first of equal ones.
        let best = (0..plane.depth)
            .rev()
            .max_by(|one, other| worth(*one).total_cmp(&worth(*other)));
        let Some(best) = best else { break };
        shown.push(best);
        shares.retain(|share| share[best] < SEEN);
    }
    while shown.len() < count {
        shown.sort_unstable();
        let Some(slice) = widest(&shown, filled) else {
            break;
        };
        shown.push(slice);
    }
    shown.sort_unstable();
    shown
}

/// For each structure, the number of its voxels in every slice, as a share of that in its largest one.
fn shares(labels: &[u8], plane: &Plane) -> Vec<Vec<f64>> {
    let mut place = [None; 256];
    let mut structures = 0_usize;
    for label in labels.iter().filter(|label| **label != 0) {
        place[usize::from(*label)].get_or_insert_with(|| {
            structures += 1;
            structures - 1
        });
    }
    if plane.depth == 0 || structures.saturating_mul(plane.depth) > MOST_COUNTS {
        return Vec::new();
    }
    let mut counts = vec![vec![0.0_f64; plane.depth]; structures];
    for (index, label) in labels.iter().enumerate() {
        let counts = place[usize::from(*label)].and_then(|place: usize| counts.get_mut(place));
        if let Some(counts) = counts {
            counts[plane.slice_of(index)] += 1.0;
        }
    }
    for counts in &mut counts {
        let most = counts.iter().copied().fold(1.0, f64::max);
        counts.iter_mut().for_each(|count| *count /= most);
    }
    counts
}

/// The middle of the widest gap between slices, where there is one. From an end of `filled`, which nobody needs to see,
/// a gap counts as half as wide.
fn widest(shown: &[usize], filled: &Range<usize>) -> Option<usize> {
    if shown.is_empty() && !filled.is_empty() {
        return Some(filled.start + filled.len() / 2);
    }
    let between = shown.windows(2).map(|pair| {
        let gap = pair[1].saturating_sub(pair[0] + 1);
        (gap, pair[0] + gap.div_ceil(2))
    });
    let (first, last) = (*shown.first()?, *shown.last()?);
    let before = first.saturating_sub(filled.start);
    let after = filled.end.saturating_sub(last + 1);
    let ends = [
        (before.div_ceil(2), first - before.div_ceil(2)),
        (after.div_ceil(2), last + after.div_ceil(2)),
    ];
    let gaps = between.chain(ends).filter(|(gap, _)| *gap > 0);
    gaps.max_by_key(|(gap, _)| *gap).map(|(_, slice)| slice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::montage::Display;

    /// Slices of 4 voxels along the last axis.
    fn shown(slices: &[[u8; 4]], count: usize) -> Vec<usize> {
        let depth = slices.len();
        let mut labels = vec![0; 4 * depth];
        for (at, slice) in slices.iter().enumerate() {
            for (voxel, label) in slice.iter().enumerate() {
                labels[voxel * depth + at] = *label;
            }
        }
        let plane = Plane::new([2, 2, depth], &Display::axial_ras(count)).unwrap();
        showing(&labels, &plane, &(0..depth), count)
    }

    #[test]
    fn every_structure_is_shown_where_it_is_large() {
        let mut slices = vec![[0; 4]; 40];
        // The first structure is everywhere; the second is in one slice, the third in two, mostly in the second of them.
        slices.iter_mut().for_each(|slice| slice[0] = 1);
        slices[3] = [1, 2, 2, 0];
        slices[30] = [1, 3, 0, 0];
        slices[31] = [1, 3, 3, 3];
        let found = shown(&slices, 3);
        assert!(found.contains(&3) && found.contains(&31), "{found:?}");
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn slices_that_are_left_fill_the_widest_gaps() {
        let mut slices = vec![[0; 4]; 41];
        slices[10] = [1; 4];
        assert_eq!(shown(&slices, 2), [10, 25]);
        assert_eq!(shown(&slices, 3), [10, 17, 25]);
        assert_eq!(shown(&[[0; 4]; 41], 1), [20]);
        // Fewer slices than are asked for.
        assert_eq!(shown(&[[0; 4]; 3], 6), [0, 1, 2]);
        assert_eq!(shown(&[[1; 4]; 2], 6), [0, 1]);
    }

    #[test]
    fn more_structures_than_slices_are_shown_as_far_as_these_go() {
        let slices: Vec<[u8; 4]> = (1..=9).map(|label| [label, 0, 0, 0]).collect();
        let mut found = shown(&slices, 2);
        found.dedup();
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn a_slice_where_all_structures_are_faint_does_not_hide_them() {
        // Each has four voxels in a slice of its own, and one in the last.
        let mut slices: Vec<[u8; 4]> = (1..=4).map(|label| [label; 4]).collect();
        slices.push([1, 2, 3, 4]);
        assert_eq!(shown(&slices, 4), [0, 1, 2, 3]);
    }
}
