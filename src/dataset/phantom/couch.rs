//! The patient couch: a curved shell over a flat base.

use super::blend::blend;
use super::contrast::AIR;
use super::draw::Draw;
use super::patient::{BACK, MIDDLE, Patient};
use super::point::Point;

/// Half the width of the upper shell, mm.
const HALF: f32 = 205.0;
/// Radius of its curve, mm.
const RADIUS: f32 = 620.0;

pub(super) struct Couch {
    /// Height of the middle of the upper shell in the scanner, mm.
    top: f32,
    /// Side position of its middle, mm.
    middle: f32,
    /// Distance of the base below the shell, mm.
    base: f32,
}

impl Couch {
    /// A couch just below the patient's back.
    pub(super) fn under(patient: &Patient, draw: &mut Draw) -> Self {
        let back = MIDDLE - BACK - 2.0 - 0.6 * patient.fat;
        let lowest = [-60.0, 60.0].map(|x| patient.scanner(Point::new(x, back, 0.0)).y);
        let middle = patient.centre.x * 0.3;
        // The body is rounder than the couch, so the gap opens to the sides.
        let top = lowest[0].min(lowest[1]) - draw.between(5.0, 11.0);
        Self {
            top,
            middle,
            base: draw.between(28.0, 40.0),
        }
    }

    /// Draws the couch over air.
    pub(super) fn paint(&self, hu: f32, world: Point, voxel: f32) -> f32 {
        let x = (world.x - self.middle).abs();
        if x > HALF + voxel {
            return hu;
        }
        let shell = self.top + x * x / (2.0 * RADIUS);
        let upper = (world.y - shell).abs() - 1.4;
        let foot = self.top - self.base + (x - 125.0).max(0.0) * 0.75;
        let lower = ((world.y - foot).abs() - 1.2).max(x - 180.0);
        let foam = blend(
            hu,
            AIR + 40.0,
            (shell - world.y).min(world.y - foot).min(0.0) + 3.0,
            voxel,
        );
        blend(foam, 40.0, upper.min(lower).max(x - HALF), voxel)
    }
}
