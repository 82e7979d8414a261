//! The trunk without its organs: skin, fat, muscle wall, ribs, lungs and the diaphragm's domes.

use super::blend::{blend, mix, smoothstep};
use super::contrast::{AIR, FAT, SKIN};
use super::diaphragm::Diaphragm;
use super::draw::Draw;
use super::noise::{Curve, Noise};
use super::patient::{BACK, HALF_WIDTH, MIDDLE, Patient};
use super::point::Point;
use super::ribs::Ribs;
use super::shape::smooth_min;

/// What lies at a point before any organ is drawn.
pub(super) struct Ground {
    pub(super) hu: f32,
    /// Distance to the inner surface of the muscle wall; negative inside.
    pub(super) cavity: f32,
    /// Distance to the abdominal space: inside the wall and below the diaphragm.
    pub(super) abdomen: f32,
}

pub(super) struct Torso {
    /// Position of the spine, by height: towards the front.
    pub(super) spine: Curve,
    width: Curve,
    front: Curve,
    fat: Curve,
    fat_mm: f32,
    wall_mm: f32,
    diaphragm: Diaphragm,
    ribs: Ribs,
    muscle: f32,
    fatty_muscle: f32,
    /// Exponent of the superellipse that is the cross-section.
    squareness: f32,
    strands: f32,
}

impl Torso {
    pub(super) fn draw(patient: &Patient, draw: &mut Draw) -> Self {
        let (lordosis, kyphosis) = (draw.factor(0.25), draw.factor(0.2));
        let spine = Curve::through(&[
            (-170.0, 4.0),
            (-137.0, 13.0 * lordosis),
            (-104.0, 19.0 * lordosis),
            (-69.0, 16.0 * lordosis),
            (-34.0, 9.0 * lordosis),
            (0.0, 0.0),
            (32.0, -9.0 * kyphosis),
            (63.0, -16.0 * kyphosis),
            (100.0, -22.0 * kyphosis),
            (140.0, -26.0 * kyphosis),
            (190.0, -26.0 * kyphosis),
        ]);
        let waist = draw.factor(0.03);
        let width = Curve::through(&[
            (-180.0, 1.02),
            (-110.0, 0.99 * waist),
            (-55.0, 0.965 * waist),
            (0.0, 0.985),
            (45.0, 1.0),
            (100.0, 0.97),
            (150.0, 0.93),
            (200.0, 0.86),
        ]);
        let belly = 34.0 * (patient.adiposity - 0.42) + draw.around(0.0, 4.0);
        let front = Curve::through(&[
            (-180.0, 100.0 + belly),
            (-110.0, 104.0 + belly),
            (-50.0, 108.0 + belly),
            (0.0, 111.0 + 0.6 * belly),
            (50.0, 111.0 + 0.2 * belly),
            (100.0, 105.0),
            (150.0, 96.0),
            (200.0, 84.0),
        ]);
        let fat = Curve::through(&[
            (-180.0, 1.45),
            (-90.0, 1.25),
            (0.0, 0.9),
            (60.0, 0.65),
            (120.0, 0.6),
            (200.0, 0.6),
        ]);
        Self {
            spine,
            width,
            front,
            fat,
            fat_mm: patient.fat,
            wall_mm: draw.around(12.5, 1.5) - 1.5 * patient.age,
            diaphragm: Diaphragm::draw(draw),
            ribs: Ribs::draw(patient, draw),
            muscle: patient.enhancement.muscle,
            fatty_muscle: 0.1 + 0.45 * patient.age * patient.adiposity,
            squareness: draw.around(2.25, 0.08),
            strands: 25.0 + 0.4 * patient.enhancement.portal,
        }
    }

    /// Distance to the outer surface of the muscle wall, the angle from the back (0) to the front
    /// (pi), and how much of the back it is.
    fn wall(&self, p: Point) -> (f32, f32, f32) {
        let a = HALF_WIDTH * self.width.at(p.z);
        let dy = p.y - MIDDLE;
        let b = if dy > 0.0 { self.front.at(p.z) } else { BACK };
        let (u, v) = (p.x.abs() / a, dy.abs() / b);
        let (up, vp) = (u.powf(self.squareness - 1.0), v.powf(self.squareness - 1.0));
        let sum = up * u + vp * v;
        let level = sum.powf(1.0 / self.squareness);
        let slope = (up / a).hypot(vp / b) * level / sum.max(1e-6);
        let distance = if level < 0.35 {
            (level - 1.0) * a.min(b)
        } else {
            (level - 1.0) / slope
        };
        let back = if dy < 0.0 {
            smoothstep(0.5, 0.92, v)
        } else {
            0.0
        };
        // The furrow over the spinous processes.
        let furrow = 7.0 * back * (-(p.x / 13.0).powi(2)).exp();
        (distance + furrow, u.atan2(-dy / b), back)
    }

    /// Distance to the long muscles of the back. In the loin they are two thick bodies; in the
    /// chest a wedge beside the laminae.
    fn erector(&self, p: Point, spine: f32) -> f32 {
        let x = p.x.abs();
        if p.y > spine || x > 90.0 {
            return 20.0;
        }
        let wedge = (p.y - spine + 9.0 + 0.75 * (x - 15.0).max(0.0)) * 0.8;
        let loin = smoothstep(22.0, -45.0, p.z);
        let (low, high) = (-76.0, spine - mix(24.0, 9.0, loin));
        let half = (high - low) / 2.0;
        let (u, v) = (
            ((x - mix(31.0, 38.0, loin)) / mix(29.0, 37.0, loin)).abs(),
            ((p.y - low - half) / half).abs(),
        );
        wedge.min(((u * u * u + v * v * v).cbrt() - 1.0) * half.min(30.0))
    }

    /// Tissue at a point, and where it lies. `voxel` is the width of the blur between tissues, mm.
    pub(super) fn ground(&self, p: Point, voxel: f32, noise: &Noise) -> Ground {
        let (wall, angle, back) = self.wall(p);
        let front = smoothstep(2.2, 2.9, angle);
        let fat = self.fat_mm * self.fat.at(p.z) * (1.0 - 0.35 * back + 0.25 * front);
        let skin = wall - fat - 2.0;
        let side = 1.0 - (angle - 1.9).abs().min(1.0);
        let back_mm = mix(31.0, 19.0, smoothstep(60.0, 115.0, p.x.abs()));
        let thickness = mix(
            self.wall_mm + 5.0 * side * smoothstep(10.0, -40.0, p.z),
            back_mm,
            back,
        );
        let spine = self.spine.at(p.z);
        let cavity = (wall + thickness).max(-self.erector(p, spine));
        if skin > voxel {
            return Ground {
                hu: AIR,
                cavity,
                abdomen: cavity,
            };
        }
        let mut hu = blend(AIR, SKIN, skin, voxel);
        if skin < -2.0 + voxel {
            hu = blend(hu, FAT + 8.0 * noise.at(p / 9.0), skin + 2.0, voxel);
            if wall > 1.0 {
                // Septa of the subcutaneous fat.
                hu += 55.0 * smoothstep(0.10, 0.02, noise.curves(p, 26.0, 3.0));
            }
        }
        if wall > voxel {
            return Ground {
                hu,
                cavity,
                abdomen: cavity,
            };
        }
        if cavity > -voxel {
            hu = blend(
                hu,
                self.wall_tissue(p, wall, thickness, angle, noise),
                wall,
                voxel,
            );
            hu = self.ribs.paint(hu, p, -wall, thickness, angle, voxel);
        }
        let under = self.diaphragm.below(p, cavity);
        // The lung ends higher at the front than at the back.
        let floor = 18.0 + 62.0 * smoothstep(20.0, 130.0, p.y) - p.z;
        // Between the lungs: great vessels and esophagus in front of the spine, and the heart.
        let middle = ((p.x + 6.0) / 30.0).hypot((p.y - spine - 48.0) / 46.0);
        let heart = ((p.x + 26.0) / 58.0).hypot((p.y - 84.0) / 44.0);
        let between = ((1.0 - middle) * 30.0).max((1.0 - heart) * 44.0);
        let lung = -smooth_min(-(cavity + 1.0).max(under.rim).max(between), -floor, 16.0);
        if cavity < voxel {
            let mesentery = smoothstep(0.13, 0.05, noise.curves(p, 24.0, 9.0)) * self.strands;
            let fill = FAT + 10.0 * noise.at(p / 14.0) + 1.6 * mesentery;
            hu = blend(hu, fill, cavity, voxel);
            if lung < 2.0 + voxel {
                if under.rim > lung - 6.0 {
                    hu = blend(hu, self.muscle, (lung - 2.0).max(cavity), voxel);
                }
                hu = blend(hu, self.lung_tissue(p, noise), lung, voxel);
            }
        }
        Ground {
            hu,
            cavity,
            // High up, under the heart, the dome alone is the limit.
            abdomen: (cavity + 1.5)
                .max(2.0 - lung)
                .max((2.0 - under.dome).min(p.z - 60.0)),
        }
    }

    /// Muscle of the wall with the fat planes between its layers.
    fn wall_tissue(&self, p: Point, wall: f32, thickness: f32, angle: f32, noise: &Noise) -> f32 {
        let muscle = self.muscle + 14.0 * noise.rough(p, 7.0, 21.0);
        let depth = -wall / thickness;
        let marbling = smoothstep(
            0.30,
            0.08,
            noise.curves(p.component_div(&Point::new(1.0, 1.0, 4.0)), 15.0, 5.0),
        );
        let muscle = mix(muscle, FAT, marbling * self.fatty_muscle);
        // Oblique and transverse muscles at the side; the two recti at the front, parted by the
        // white line.
        let layers = (depth * 3.0 + 0.25 * noise.at(p / 30.0)).fract();
        let side = smoothstep(1.0, 1.3, angle) * smoothstep(2.75, 2.6, angle);
        let plane = smoothstep(0.2, 0.06, (layers - 0.5).abs())
            * side
            * smoothstep(0.1, 0.25, depth)
            * smoothstep(20.0, -20.0, p.z);
        let line = if angle > 2.0 {
            smoothstep(3.0, 1.0, p.x.abs())
        } else {
            0.0
        };
        mix(muscle, FAT + 25.0, (0.22 * plane).max(0.4 * line))
    }

    fn lung_tissue(&self, p: Point, noise: &Noise) -> f32 {
        // Dependent lung at the back is denser; vessels are thin bright curves.
        let base = mix(-815.0, -885.0, smoothstep(-40.0, 120.0, p.y)) + 22.0 * noise.at(p / 8.0);
        let vessels = smoothstep(0.12, 0.05, noise.curves(p, 21.0, 31.0));
        base + 560.0 * vessels
    }
}
