//! Points of the patient, and boxes around them.

/// A point or vector in mm; x to the patient's right, y to the front, z to the head.
pub(super) type Point = nalgebra::Vector3<f32>;

/// An axis-parallel box.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) low: Point,
    pub(super) high: Point,
}

impl Bounds {
    /// The box around points; empty boxes contain nothing.
    pub(super) fn around(points: impl IntoIterator<Item = Point>) -> Self {
        let empty = Self {
            low: Point::repeat(f32::INFINITY),
            high: Point::repeat(f32::NEG_INFINITY),
        };
        points.into_iter().fold(empty, |b, p| Self {
            low: b.low.inf(&p),
            high: b.high.sup(&p),
        })
    }

    pub(super) fn grown(self, margin: f32) -> Self {
        Self {
            low: self.low - Point::repeat(margin),
            high: self.high + Point::repeat(margin),
        }
    }

    pub(super) fn united(self, other: Self) -> Self {
        Self {
            low: self.low.inf(&other.low),
            high: self.high.sup(&other.high),
        }
    }

    pub(super) fn meets(&self, other: &Self) -> bool {
        (0..3).all(|a| self.low[a] <= other.high[a] && other.low[a] <= self.high[a])
    }
}
