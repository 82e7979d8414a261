//! What the builders of the organs share: the patient, the trunk around them, and the draws.

use super::draw::Draw;
use super::patient::Patient;
use super::point::Point;
use super::torso::Torso;

/// What an organ is built from.
pub(super) struct Plan<'a> {
    pub(super) patient: &'a Patient,
    pub(super) torso: &'a Torso,
    pub(super) draw: &'a mut Draw,
}

impl Plan<'_> {
    /// Thickness of the fat between organs, more in obese patients.
    pub(super) fn gap(&self, lean: f32) -> f32 {
        lean * (0.5 + 1.2 * self.patient.adiposity)
    }

    /// A place of its own in the noise field.
    pub(super) fn offset(&mut self) -> f32 {
        self.draw.between(0.0, 31.0)
    }

    /// A point given relative to the spine's position at its height.
    pub(super) fn by_spine(&self, x: f32, y: f32, z: f32) -> Point {
        Point::new(x, y + self.torso.spine.at(z), z)
    }
}
