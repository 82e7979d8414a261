//! The two domes of the diaphragm, between the lungs and the abdomen.

use super::blend::smoothstep;
use super::draw::Draw;
use super::point::Point;
use super::shape::smooth_min;

/// A dome of the diaphragm: top position and how fast it falls.
struct Dome {
    x: f32,
    y: f32,
    top: f32,
    half_width: f32,
    half_depth: f32,
    half_back: f32,
    fall: f32,
}

impl Dome {
    /// Height and its slope towards x and y.
    fn height(&self, x: f32, y: f32) -> [f32; 3] {
        let depth = if y > self.y {
            self.half_depth
        } else {
            self.half_back
        };
        let (u, v) = ((x - self.x) / self.half_width, (y - self.y) / depth);
        let q = u * u + v * v;
        // Flatter than a paraboloid at the top, steeper at the rim.
        let slope = -self.fall * (0.45 + 1.1 * q);
        [
            self.top - self.fall * q * (0.45 + 0.55 * q),
            slope * 2.0 * u / self.half_width,
            slope * 2.0 * v / depth,
        ]
    }
}

pub(super) struct Diaphragm {
    domes: [Dome; 2],
}

/// Distances to the diaphragm: positive below it.
pub(super) struct Under {
    /// To the domes continued to all sides.
    pub(super) dome: f32,
    /// To the domes with their steep fall along the wall.
    pub(super) rim: f32,
}

impl Diaphragm {
    pub(super) fn draw(draw: &mut Draw) -> Self {
        let breath = draw.around(0.0, 6.0);
        let domes = [
            Dome {
                x: draw.around(70.0, 4.0),
                y: draw.around(66.0, 5.0),
                top: draw.around(108.0, 4.0) + breath,
                half_width: 84.0,
                half_depth: 104.0,
                half_back: 92.0,
                fall: draw.around(72.0, 6.0),
            },
            Dome {
                x: draw.around(-72.0, 4.0),
                y: draw.around(58.0, 5.0),
                top: draw.around(96.0, 5.0) + breath,
                half_width: 82.0,
                half_depth: 104.0,
                half_back: 92.0,
                fall: draw.around(72.0, 6.0),
            },
        ];
        Self { domes }
    }

    /// Height of the diaphragm above a point of the plane, with its slopes.
    fn height(&self, x: f32, y: f32) -> [f32; 3] {
        let [right, left] = &self.domes;
        let (a, b) = (right.height(x, y), left.height(x, y));
        let higher = if a[0] > b[0] { a } else { b };
        [-smooth_min(-a[0], -b[0], 48.0), higher[1], higher[2]]
    }

    /// Distances at a point; `cavity` is its distance to the inner surface of the wall.
    pub(super) fn below(&self, p: Point, cavity: f32) -> Under {
        let [height, sx, sy] = self.height(p.x, p.y);
        // Along the wall the diaphragm falls steeply and leaves the narrow recess of the lung.
        let rim = smoothstep(-18.0, 0.0, cavity);
        let slope = sx * sx + sy * sy;
        let steep = slope + 9.0 * (4.0 * rim * (1.0 - rim)).powi(2);
        Under {
            dome: (height - p.z) / (1.0 + slope).sqrt(),
            rim: (height - 50.0 * rim - p.z) / (1.0 + steep).sqrt(),
        }
    }
}
