//! Smooth random fields: value noise on a periodic lattice, and smooth curves through nodes.

use super::draw::Draw;
use super::point::Point;

const EDGE: usize = 32;
const MASK: usize = EDGE - 1;

/// Random values on a periodic 32^3 lattice, interpolated smoothly. Every texture reads the same
/// table at its own scale and offset.
pub(super) struct Noise {
    table: Box<[f32; EDGE * EDGE * EDGE]>,
}

impl Noise {
    pub(super) fn new(draw: &mut Draw) -> Self {
        let mut table = Box::new([0.0; EDGE * EDGE * EDGE]);
        for value in table.iter_mut() {
            *value = draw.between(-1.0, 1.0);
        }
        Self { table }
    }

    /// The field at a point given in lattice units; between -1 and 1, standard deviation about
    /// 0.35.
    pub(super) fn at(&self, p: Point) -> f32 {
        let (i, u) = split(p.x);
        let (j, v) = split(p.y);
        let (k, w) = split(p.z);
        let (i1, j1, k1) = ((i + 1) & MASK, (j + 1) & MASK, (k + 1) & MASK);
        let line = |i: usize, j: usize| {
            let row = (i * EDGE + j) * EDGE;
            let (a, b) = (self.table[row + k], self.table[row + k1]);
            a + (b - a) * w
        };
        let near = line(i, j) + (line(i, j1) - line(i, j)) * v;
        let far = line(i1, j) + (line(i1, j1) - line(i1, j)) * v;
        near + (far - near) * u
    }

    /// Two octaves at a length scale in mm.
    pub(super) fn rough(&self, p: Point, scale: f32, offset: f32) -> f32 {
        let q = p / scale + Point::new(offset, offset * 1.7, -offset);
        self.at(q) + 0.5 * self.at(q * 2.1 + Point::new(7.3, 1.9, 4.1))
    }

    /// Distance-like value to a random network of thin curves (small vessels): near 0 on a curve.
    /// The curves are where two fields are both zero.
    pub(super) fn curves(&self, p: Point, scale: f32, offset: f32) -> f32 {
        let q = p / scale + Point::new(offset, -offset, offset * 0.7);
        let a = self.at(q);
        let b = self.at(q + Point::new(11.3, 5.7, 17.9));
        (a * a + b * b).sqrt()
    }
}

/// Lattice cell and smooth weight of a coordinate.
fn split(x: f32) -> (usize, f32) {
    // Rounds down without a call to the maths library.
    let cell = x as i32 - i32::from(x < (x as i32) as f32);
    let t = x - cell as f32;
    // A negative cell wraps through two's complement, which the mask turns into the right one.
    (cell as usize & MASK, t * t * (3.0 - 2.0 * t))
}

/// A smooth curve through nodes, stored as a table for fast reading. Constant beyond its ends.
pub(super) struct Curve {
    start: f32,
    values: Vec<f32>,
}

impl Curve {
    const STEP: f32 = 2.0;

    /// Catmull-Rom through `(position, value)` nodes of rising position.
    pub(super) fn through(nodes: &[(f32, f32)]) -> Self {
        let (Some(first), Some(last)) = (nodes.first(), nodes.last()) else {
            return Self {
                start: 0.0,
                values: Vec::new(),
            };
        };
        let count = ((last.0 - first.0) / Self::STEP).ceil() as usize + 1;
        let values = (0..count)
            .map(|n| spline(nodes, first.0 + n as f32 * Self::STEP))
            .collect();
        Self {
            start: first.0,
            values,
        }
    }

    pub(super) fn at(&self, x: f32) -> f32 {
        let t = ((x - self.start) / Self::STEP).max(0.0);
        let n = t as usize;
        match (self.values.get(n), self.values.get(n + 1)) {
            (Some(a), Some(b)) => a + (b - a) * (t - n as f32),
            _ => self.values.last().copied().unwrap_or(0.0),
        }
    }
}

fn spline(nodes: &[(f32, f32)], x: f32) -> f32 {
    let after = nodes
        .partition_point(|n| n.0 <= x)
        .clamp(1, nodes.len().saturating_sub(1).max(1));
    let node = |n: usize| {
        nodes
            .get(n.min(nodes.len() - 1))
            .copied()
            .unwrap_or((0.0, 0.0))
    };
    let (a, b, c, d) = (
        node(after.saturating_sub(2)),
        node(after - 1),
        node(after),
        node(after + 1),
    );
    let t = if c.0 > b.0 {
        ((x - b.0) / (c.0 - b.0)).clamp(0.0, 1.0)
    } else {
        0.0
    };
    catmull_rom(a.1, b.1, c.1, d.1, t)
}

/// Value between `b` and `c` of the Catmull-Rom spline through four values.
pub(super) fn catmull_rom(a: f32, b: f32, c: f32, d: f32, t: f32) -> f32 {
    0.5 * (2.0 * b
        + (c - a) * t
        + (2.0 * a - 5.0 * b + 4.0 * c - d) * t * t
        + (3.0 * (b - c) + d - a) * t * t * t)
}

#[cfg(test)]
mod tests {
    use super::super::draw::Stream;
    use super::*;

    #[test]
    fn noise_is_periodic_continuous_and_bounded() {
        let noise = Noise::new(&mut Draw::new(1, Stream::Texture, 1.0));
        for n in 0..500 {
            let p = Point::new(n as f32 * 0.37 - 90.0, n as f32 * 0.11, -(n as f32) * 0.23);
            let here = noise.at(p);
            assert!(here.abs() <= 1.0);
            assert!((here - noise.at(p + Point::new(0.001, -0.001, 0.001))).abs() < 0.02);
            assert!((here - noise.at(p + Point::new(32.0, -32.0, 64.0))).abs() < 1e-3);
        }
    }

    #[test]
    fn a_curve_passes_through_its_nodes_and_stays_constant_outside() {
        let curve = Curve::through(&[(-10.0, 1.0), (0.0, 5.0), (20.0, -3.0)]);
        for (x, y) in [
            (-50.0, 1.0),
            (-10.0, 1.0),
            (0.0, 5.0),
            (20.0, -3.0),
            (90.0, -3.0),
        ] {
            assert!((curve.at(x) - y).abs() < 1e-4, "{x}");
        }
    }
}
