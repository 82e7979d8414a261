//! Solids as signed distances in mm: negative inside, positive outside, about exact near the
//! surface.

use nalgebra::Matrix3;

use super::point::{Bounds, Point};
use super::tube::Tube;

/// A placed solid.
pub(super) enum Shape {
    /// Ellipsoid with its own axes.
    Ellipsoid { frame: Frame, radii: Point },
    /// Box with rounded edges; `half` is half the outer size, rounding included.
    Slab {
        frame: Frame,
        half: Point,
        round: f32,
    },
    /// Thick curve.
    Tube(Tube),
    /// Smooth union; `blend` is the width of the seam in mm.
    Union { parts: Vec<Shape>, blend: f32 },
    /// The first shape without the second.
    Cut {
        of: Box<Shape>,
        by: Box<Shape>,
        blend: f32,
    },
}

/// Position and orientation of a solid.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) centre: Point,
    /// Rows are the solid's own axes.
    axes: Matrix3<f32>,
}

impl Frame {
    /// Turned by degrees about x, then y, then z.
    pub(super) fn turned(centre: Point, degrees: [f32; 3]) -> Self {
        let [x, y, z] = degrees.map(f32::to_radians);
        let rotation = nalgebra::Rotation3::from_euler_angles(x, y, z);
        Self {
            centre,
            axes: rotation.matrix().transpose(),
        }
    }

    pub(super) fn local(&self, p: Point) -> Point {
        self.axes * (p - self.centre)
    }

    /// The point with the given local coordinates.
    pub(super) fn outer(&self, local: Point) -> Point {
        self.centre + self.axes.transpose() * local
    }

    /// The box around a local box of the given half size.
    fn bounds(&self, half: Point) -> Bounds {
        let reach = self.axes.transpose().abs() * half;
        Bounds {
            low: self.centre - reach,
            high: self.centre + reach,
        }
    }
}

impl Shape {
    pub(super) fn ellipsoid(centre: Point, radii: [f32; 3], degrees: [f32; 3]) -> Self {
        Self::Ellipsoid {
            frame: Frame::turned(centre, degrees),
            radii: Point::from(radii),
        }
    }

    pub(super) fn slab(centre: Point, half: [f32; 3], degrees: [f32; 3], round: f32) -> Self {
        Self::Slab {
            frame: Frame::turned(centre, degrees),
            half: Point::from(half),
            round,
        }
    }

    pub(super) fn union(parts: Vec<Shape>, blend: f32) -> Self {
        Self::Union { parts, blend }
    }

    pub(super) fn cut(self, by: Shape, blend: f32) -> Self {
        Self::Cut {
            of: Box::new(self),
            by: Box::new(by),
            blend,
        }
    }

    /// Signed distance in mm.
    pub(super) fn distance(&self, p: Point) -> f32 {
        match self {
            Self::Ellipsoid { frame, radii } => ellipsoid(frame.local(p), *radii),
            Self::Slab { frame, half, round } => {
                let q = frame.local(p).abs() - half + Point::repeat(*round);
                q.sup(&Point::zeros()).norm() + q.max().min(0.0) - round
            }
            Self::Tube(tube) => tube.distance(p),
            Self::Union { parts, blend } => parts.iter().fold(f32::INFINITY, |d, part| {
                smooth_min(d, part.distance(p), *blend)
            }),
            Self::Cut { of, by, blend } => -smooth_min(-of.distance(p), by.distance(p), *blend),
        }
    }

    /// Signed distance, or any value not below `limit` where the distance is not below it. Tubes
    /// are faster with a small limit.
    pub(super) fn distance_below(&self, p: Point, limit: f32) -> f32 {
        match self {
            Self::Tube(tube) => tube.distance_below(p, limit),
            _ => self.distance(p),
        }
    }

    pub(super) fn bounds(&self) -> Bounds {
        match self {
            Self::Ellipsoid { frame, radii } => frame.bounds(*radii),
            Self::Slab { frame, half, .. } => frame.bounds(*half),
            Self::Tube(tube) => tube.bounds(),
            Self::Union { parts, blend } => {
                let empty = Bounds::around([]);
                parts
                    .iter()
                    .fold(empty, |b, part| b.united(part.bounds()))
                    .grown(*blend * 0.3)
            }
            Self::Cut { of, .. } => of.bounds(),
        }
    }
}

/// First-order distance to an ellipsoid at the origin: exact on the surface, growing monotonically
/// away from it.
pub(super) fn ellipsoid(p: Point, radii: Point) -> f32 {
    let q = p.component_div(&radii);
    let level = q.norm();
    let slope = q.component_div(&radii).norm();
    // Inside, the formula falls back to zero at the centre, so small levels use the smallest
    // radius.
    if level < 0.5 {
        (level - 1.0) * radii.min()
    } else {
        level * (level - 1.0) / slope
    }
}

/// Minimum with a rounded seam of width `k` mm.
pub(super) fn smooth_min(a: f32, b: f32, k: f32) -> f32 {
    let h = (k - (a - b).abs()).max(0.0);
    if h > 0.0 {
        a.min(b) - h * h / (4.0 * k)
    } else {
        a.min(b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_vanish_on_the_surface_and_change_sign() {
        let ball = Shape::ellipsoid(Point::new(5.0, 0.0, 0.0), [10.0; 3], [0.0; 3]);
        assert!(ball.distance(Point::new(15.0, 0.0, 0.0)).abs() < 1e-4);
        assert!((ball.distance(Point::new(17.0, 0.0, 0.0)) - 2.0).abs() < 0.5);
        assert!(ball.distance(Point::new(5.0, 0.0, 0.0)) < -5.0);
        let slab = Shape::slab(Point::zeros(), [10.0, 2.0, 6.0], [0.0, 0.0, 90.0], 1.0);
        assert!(
            slab.distance(Point::new(0.0, 9.5, 0.0)) < 0.0,
            "turned by 90 degrees, the long axis is y"
        );
        assert!(slab.distance(Point::new(0.0, 11.0, 0.0)) > 0.9);
    }

    #[test]
    fn a_cut_removes_and_a_union_adds() {
        let ball = |x: f32| Shape::ellipsoid(Point::new(x, 0.0, 0.0), [5.0; 3], [0.0; 3]);
        let both = Shape::union(vec![ball(0.0), ball(8.0)], 1.0);
        assert!(both.distance(Point::new(8.0, 0.0, 0.0)) < 0.0);
        let one = both.cut(ball(8.0), 1.0);
        assert!(one.distance(Point::new(8.0, 0.0, 0.0)) > 0.0);
        assert!(one.distance(Point::new(-1.0, 0.0, 0.0)) < 0.0);
    }

    #[test]
    fn bounds_hold_the_solid() {
        let shape = Shape::ellipsoid(
            Point::new(1.0, 2.0, 3.0),
            [30.0, 8.0, 15.0],
            [20.0, 40.0, 60.0],
        );
        let bounds = shape.bounds();
        for n in 0..4000 {
            let t = n as f32;
            let p = Point::new(
                (t * 0.7).sin() * 40.0,
                (t * 1.3).cos() * 40.0,
                (t * 2.1).sin() * 40.0,
            );
            if shape.distance(p) < 0.0 {
                assert!(bounds.meets(&Bounds { low: p, high: p }), "{p}");
            }
        }
    }
}
