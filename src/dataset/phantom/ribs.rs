//! Ribs and costal cartilage inside the chest wall, written in the wall's own coordinates: angle
//! around the trunk, depth and height.

use super::blend::{blend, smoothstep};
use super::draw::Draw;
use super::patient::Patient;
use super::point::Point;
use super::shape::ellipsoid;

/// Heights of the vertebral bodies L5 to T4, mm.
pub(super) const LEVELS: [f32; 14] = [
    -137.0, -104.0, -69.0, -34.0, 0.0, 32.0, 63.0, 93.0, 121.0, 148.0, 174.0, 199.0, 223.0, 247.0,
];
/// Index of T12, the vertebra of the last rib, in [`LEVELS`].
pub(super) const T12: usize = 5;

pub(super) struct Ribs {
    /// How far a rib descends from the spine to its lowest point, mm.
    drop: f32,
    cortex: f32,
    marrow: f32,
    cartilage: f32,
}

impl Ribs {
    pub(super) fn draw(patient: &Patient, draw: &mut Draw) -> Self {
        Self {
            drop: draw.around(96.0, 6.0),
            cortex: draw.around(640.0, 60.0) - 130.0 * patient.age,
            marrow: draw.around(190.0, 25.0) - 80.0 * patient.age,
            cartilage: draw.around(95.0, 10.0) + 60.0 * patient.age,
        }
    }

    /// Draws the ribs over the wall. `depth` is measured inwards from the wall's outer surface,
    /// `thickness` is the wall's.
    pub(super) fn paint(
        &self,
        hu: f32,
        p: Point,
        depth: f32,
        thickness: f32,
        angle: f32,
        voxel: f32,
    ) -> f32 {
        // Turning point of the rib: bone before it, cartilage that climbs to the breastbone after
        // it.
        const TURN: f32 = 2.05;
        let fallen = self.drop * (angle.min(TURN) / TURN) - 62.0 * (angle - TURN).max(0.0);
        let root = p.z + fallen;
        let mut best = (f32::INFINITY, 0);
        for (n, level) in LEVELS.iter().enumerate().skip(T12) {
            let away = (root - level).abs();
            if away < best.0 {
                best = (away, n - T12);
            }
        }
        // The last two ribs end free in the wall; the next ones end in cartilage.
        let end = match best.1 {
            0 => 0.85,
            1 => 1.5,
            2 => 2.5,
            _ => 3.0,
        };
        if angle < 0.22 || angle > end || best.0 > 20.0 {
            return hu;
        }
        let steep = 0.82;
        let across = depth - (thickness - 5.5);
        let distance = ellipsoid(
            Point::new(across, best.0 * steep, 0.0),
            Point::new(3.4, 6.2, 10.0),
        );
        let distance = distance.max((angle - end) * 110.0);
        if distance > voxel {
            return hu;
        }
        let soft = smoothstep(TURN - 0.05, TURN + 0.1, angle);
        let cortex = self.cortex + (self.cartilage - self.cortex) * soft;
        let marrow = self.marrow + (self.cartilage - self.marrow) * soft;
        blend(
            blend(hu, cortex, distance, voxel),
            marrow,
            distance + 1.4,
            voxel,
        )
    }
}
