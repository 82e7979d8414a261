//! What counts as air, and the windows that it fills.

use crate::infer::WindowPlan;
use crate::volume::Region;

/// The values of a volume that count as air: of an intensity window all at its lower end or below, so in CT lung and gas in
/// the bowel too.
#[derive(Debug, Clone, Copy)]
pub(super) struct Air([f32; 2]);

impl Air {
    /// Ranges of intensities cut air off at 0. Z-scores leave 0 as it is, and air of another value lies lowest.
    pub(super) fn of(image: &[f32]) -> Self {
        Air([0.0, image.iter().copied().fold(0.0, f32::min)])
    }

    /// Whether the own part of a window has one of these values throughout. Bright parts may have one value too. Around
    /// the volume there are zeros.
    pub(super) fn fills(&self, image: &[f32], plan: &WindowPlan, window: &Region) -> bool {
        let own = plan.own_part(window);
        // Where the part meets the volume.
        let bounds: [(usize, usize); 3] = std::array::from_fn(|axis| {
            let (before, first) = (plan.before[axis], window.start[axis] + own.start[axis]);
            let inside = |at: usize| at.saturating_sub(before).min(plan.shape[axis]);
            (inside(first), inside(first + own.size[axis]))
        });
        let part = Region {
            start: bounds.map(|(from, _)| from),
            size: bounds.map(|(from, to)| to - from),
        };
        let mut rows = part.rows(image, plan.shape);
        let value = match rows.next() {
            Some([value, ..]) if part.size == own.size => *value,
            // All of it lies around the volume, or some.
            _ => 0.0,
        };
        self.0.contains(&value)
            && part
                .rows(image, plan.shape)
                .all(|row| row.iter().all(|voxel| *voxel == value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: [usize; 3] = [10, 4, 12];

    /// The windows of 8 that air fills, by their first voxels in the padded volume, of a volume with these bright voxels.
    fn filled(bright: &[[usize; 3]], low: f32) -> Vec<[usize; 3]> {
        let plan = WindowPlan::new(SHAPE, [8; 3], 0.5).unwrap();
        let mut image = vec![low; SHAPE.iter().product()];
        for [i, j, k] in bright {
            image[(i * SHAPE[1] + j) * SHAPE[2] + k] = 1.0;
        }
        let air = Air::of(&image);
        let fills = |window: &Region| air.fills(&image, &plan, window);
        plan.windows()
            .filter(fills)
            .map(|window| window.start)
            .collect()
    }

    #[test]
    fn air_fills_a_window_where_its_own_part_holds_nothing_else() {
        // Windows begin at 0 and 2, and at 0 and 4; their own parts end at 5 and 6.
        let all = [[0, 0, 0], [0, 0, 4], [2, 0, 0], [2, 0, 4]];
        assert_eq!(filled(&[], 0.0), all);
        assert_eq!(filled(&[[4, 0, 5]], 0.0), all[1..]);
        assert_eq!(filled(&[[5, 3, 6]], 0.0), all[..3]);
        assert_eq!(filled(&[[0, 1, 0], [9, 1, 11]], 0.0), all[1..3]);
    }

    #[test]
    fn padding_is_another_value_than_air_below_0() {
        // The second axis is padded on both sides.
        assert!(filled(&[], -2.0).is_empty());
    }
}
