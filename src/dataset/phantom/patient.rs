//! One patient: size, build, pose on the couch, and the smooth deformation that makes every anatomy
//! differ.
//!
//! The anatomy is written in the millimetres of a reference adult: origin in the middle of the
//! first lumbar vertebral body's level, x to the patient's right, y to the front, z to the head.
//! [`Patient`] maps scanner positions to these coordinates.

use nalgebra::{Matrix3, Rotation3};

use super::contrast::Enhancement;
use super::draw::Draw;
use super::point::Point;
use super::spec::PhantomSpec;

/// Half the width of the reference adult's muscle wall, mm.
pub(super) const HALF_WIDTH: f32 = 150.0;
/// Middle of the trunk between back and front, mm.
pub(super) const MIDDLE: f32 = 40.0;
/// Depth of the back of the muscle wall below [`MIDDLE`], mm.
pub(super) const BACK: f32 = 112.0;

/// A wave of the deformation: displacement times the sine of a phase that runs across the body.
struct Wave {
    push: Point,
    vector: Point,
    phase: f32,
}

pub(super) struct Patient {
    /// Body size relative to the reference adult, by axis.
    pub(super) scale: Point,
    /// Thickness of the subcutaneous fat at the flank, mm.
    pub(super) fat: f32,
    /// 0 lean to 1 obese: decides fat between the organs and the belly's depth.
    pub(super) adiposity: f32,
    /// 0 young to 1 old: bone density, vessel calcification.
    pub(super) age: f32,
    pub(super) enhancement: Enhancement,
    waves: Vec<Wave>,
    /// Scanner to body axes.
    turn: Matrix3<f32>,
    /// Where the reference origin lies in scanner coordinates.
    pub(super) centre: Point,
}

impl Patient {
    /// Draws a patient. Pose and position come from [`Patient::place`], when the grid is known.
    pub(super) fn draw(spec: &PhantomSpec, draw: &mut Draw) -> Self {
        let size = draw.factor(0.045);
        let scale = Point::new(
            size * draw.factor(0.03),
            size * draw.factor(0.03),
            size * draw.factor(0.035),
        );
        let adiposity = (0.42 + 0.27 * draw.normal() * spec.variation).clamp(0.05, 1.0);
        let fat = (5.0 + 26.0 * adiposity * draw.factor(0.2)).clamp(5.0, 40.0);
        let age = (0.5 + 0.3 * draw.normal() * spec.variation).clamp(0.0, 1.0);
        let enhancement = Enhancement::draw(spec.phase, draw);
        let waves = (0..7)
            .map(|_| {
                let length = draw.between(110.0, 260.0);
                let strength = 2.6 * spec.variation * length / 180.0;
                Wave {
                    push: draw.direction() * strength,
                    vector: draw.direction() * (std::f32::consts::TAU / length),
                    phase: draw.between(0.0, std::f32::consts::TAU),
                }
            })
            .collect();
        Self {
            scale,
            fat,
            adiposity,
            age,
            enhancement,
            waves,
            turn: Matrix3::identity(),
            centre: Point::zeros(),
        }
    }

    /// Width and depth of the body at the skin, and the height that holds the organs, mm.
    pub(super) fn extent(&self) -> [f32; 3] {
        let width = 2.0 * (HALF_WIDTH * self.scale.x + 1.1 * self.fat);
        let depth = (BACK + 112.0 + 14.0 * self.adiposity) * self.scale.y + 1.8 * self.fat;
        [width, depth, 205.0 * self.scale.z]
    }

    /// Shrinks the body where the field of view is too small for it, then lays it on the couch,
    /// partly off-centre and slightly turned. `extent` is the field of view in mm; its middle is
    /// the origin.
    pub(super) fn place(&mut self, extent: [f32; 3], variation: f32, draw: &mut Draw) {
        let own = self.extent();
        for axis in 0..3 {
            self.scale[axis] *= (extent[axis] / own[axis]).min(1.0);
        }
        let own = self.extent();
        let [yaw, pitch, roll] = [2.5, 1.2, 2.0].map(|sd| draw.around(0.0, sd).to_radians());
        self.turn = *Rotation3::from_euler_angles(pitch, yaw, roll).matrix();
        let slack = |axis: usize| ((extent[axis] - own[axis]) / 2.0).max(0.0);
        let mut offset = |axis: usize, reach: f32| {
            let limit = slack(axis).min(reach) + 3.0;
            variation.min(1.0) * draw.between(-limit, limit)
        };
        let (dx, dy, dz) = (offset(0, 25.0), offset(1, 20.0), offset(2, 25.0));
        // The couch needs room below the back, so the body sits a little above the middle.
        let up = (slack(1) * 0.35).min(18.0);
        self.centre = Point::new(
            dx,
            up + dy - MIDDLE * self.scale.y,
            dz - 12.0 * self.scale.z,
        );
    }

    /// Reference coordinates of a scanner position.
    pub(super) fn reference(&self, world: Point) -> Point {
        let p = (self.turn.transpose() * (world - self.centre)).component_div(&self.scale);
        self.waves
            .iter()
            .fold(p, |q, w| q + w.push * (w.vector.dot(&p) + w.phase).sin())
    }

    /// Scanner position of reference coordinates, without the deformation: right to about 10 mm.
    pub(super) fn scanner(&self, p: Point) -> Point {
        self.turn * p.component_mul(&self.scale) + self.centre
    }
}
