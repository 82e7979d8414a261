//! Thick curves with a changing radius: vessels, bowel, esophagus.

use super::noise::catmull_rom;
use super::point::{Bounds, Point};

/// A node of a curve: position and radius in mm.
pub(super) type Node = ([f32; 3], f32);

struct Segment {
    start: Point,
    along: Point,
    inverse_length2: f32,
    radius: f32,
    growth: f32,
}

impl Segment {
    fn distance(&self, p: Point) -> f32 {
        let to = p - self.start;
        let t = (to.dot(&self.along) * self.inverse_length2).clamp(0.0, 1.0);
        (to - self.along * t).norm() - self.radius - self.growth * t
    }
}

/// Some neighbouring segments and the ball around them, to skip them quickly.
struct Group {
    centre: Point,
    radius: f32,
    segments: Vec<Segment>,
}

/// A chain, or several chains, of cones with round ends.
#[derive(Default)]
pub(super) struct Tube {
    groups: Vec<Group>,
}

/// Segments in one group.
const GROUP: usize = 6;

impl Tube {
    /// A smooth curve through the nodes.
    pub(super) fn curve(nodes: &[(Point, f32)]) -> Self {
        let mut tube = Self::default();
        tube.add(nodes);
        tube
    }

    /// A smooth curve through nodes written as numbers.
    #[cfg(test)]
    pub(super) fn through(nodes: &[Node]) -> Self {
        let nodes: Vec<_> = nodes.iter().map(|(p, r)| (Point::from(*p), *r)).collect();
        Self::curve(&nodes)
    }

    /// Adds another curve to the same solid.
    pub(super) fn add(&mut self, nodes: &[(Point, f32)]) {
        let points = sample(nodes);
        for chunk in points.windows(2).collect::<Vec<_>>().chunks(GROUP) {
            let segments: Vec<Segment> = chunk
                .iter()
                .filter_map(|pair| match pair {
                    [a, b] => Some(segment(*a, *b)),
                    _ => None,
                })
                .collect();
            let ends = segments.iter().flat_map(|s| [s.start, s.start + s.along]);
            let bounds = Bounds::around(ends);
            let centre = (bounds.low + bounds.high) / 2.0;
            let reach = |p: Point, r: f32| (p - centre).norm() + r;
            let radius = segments
                .iter()
                .map(|s| {
                    reach(s.start, s.radius).max(reach(s.start + s.along, s.radius + s.growth))
                })
                .fold(0.0, f32::max);
            self.groups.push(Group {
                centre,
                radius,
                segments,
            });
        }
    }

    /// Signed distance in mm.
    pub(super) fn distance(&self, p: Point) -> f32 {
        self.distance_below(p, f32::INFINITY)
    }

    /// Signed distance where it is below `limit`, else `limit`. A small limit is fast.
    pub(super) fn distance_below(&self, p: Point, limit: f32) -> f32 {
        let mut best = limit;
        for group in &self.groups {
            let near = best + group.radius;
            if near > 0.0 && (p - group.centre).norm_squared() < near * near {
                for segment in &group.segments {
                    best = best.min(segment.distance(p));
                }
            }
        }
        best
    }

    pub(super) fn bounds(&self) -> Bounds {
        let corners = self.groups.iter().flat_map(|g| {
            g.segments.iter().flat_map(|s| {
                let r = Point::repeat(s.radius.max(s.radius + s.growth));
                let end = s.start + s.along;
                [s.start - r, s.start + r, end - r, end + r]
            })
        });
        Bounds::around(corners)
    }
}

fn segment(a: (Point, f32), b: (Point, f32)) -> Segment {
    let along = b.0 - a.0;
    Segment {
        start: a.0,
        along,
        inverse_length2: 1.0 / along.norm_squared().max(1e-6),
        radius: a.1,
        growth: b.1 - a.1,
    }
}

/// Points of the Catmull-Rom curve through the nodes, a few mm apart.
fn sample(nodes: &[(Point, f32)]) -> Vec<(Point, f32)> {
    let last = nodes.len().saturating_sub(1);
    let node = |n: usize| {
        nodes
            .get(n.min(last))
            .copied()
            .unwrap_or((Point::zeros(), 1.0))
    };
    let mut points: Vec<_> = nodes.first().copied().into_iter().collect();
    for n in 0..last {
        let (a, b, c, d) = (node(n.saturating_sub(1)), node(n), node(n + 1), node(n + 2));
        let steps =
            (((c.0 - b.0).norm() / (0.8 * b.1.max(c.1)).max(3.0)).ceil() as usize).clamp(1, 12);
        for s in 1..=steps {
            let t = s as f32 / steps as f32;
            let at = |pick: fn(&(Point, f32)) -> f32| {
                catmull_rom(pick(&a), pick(&b), pick(&c), pick(&d), t)
            };
            points.push((
                Point::new(at(|n| n.0.x), at(|n| n.0.y), at(|n| n.0.z)),
                at(|n| n.1).max(0.3),
            ));
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tube_is_as_thick_as_its_nodes_say() {
        let tube = Tube::through(&[
            ([0.0, 0.0, 0.0], 4.0),
            ([0.0, 0.0, 40.0], 8.0),
            ([0.0, 0.0, 80.0], 4.0),
        ]);
        assert!((tube.distance(Point::new(8.0, 0.0, 40.0))).abs() < 0.2);
        assert!((tube.distance(Point::new(10.0, 0.0, 0.0)) - 6.0).abs() < 0.6);
        assert!((tube.distance(Point::new(0.0, 0.0, 90.0)) - 6.0).abs() < 0.6);
    }

    #[test]
    fn the_limited_distance_agrees_where_it_is_below_the_limit() {
        let tube = Tube::through(&[
            ([0.0, 0.0, 0.0], 3.0),
            ([20.0, 30.0, 10.0], 5.0),
            ([60.0, 10.0, 40.0], 2.0),
        ]);
        for n in 0..500 {
            let t = n as f32;
            let p = Point::new(
                (t * 0.9).sin() * 70.0,
                (t * 1.1).cos() * 40.0,
                (t * 0.3).sin() * 50.0,
            );
            let exact = tube.distance(p);
            assert_eq!(tube.distance_below(p, 6.0), exact.min(6.0));
            assert!(exact > 0.0 || tube.bounds().meets(&Bounds { low: p, high: p }));
        }
    }
}
