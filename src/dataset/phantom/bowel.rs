//! Colon, small bowel and duodenum: unlabelled, but what a network must learn to leave alone.

use super::part::Part;
use super::plan::Plan;
use super::point::Point;
use super::shape::Shape;
use super::tissue::{Lumen, Tissue};
use super::tube::{Node, Tube};

/// A colon with haustra: along the right flank, across the front, down the left flank.
pub(super) fn colon(plan: &mut Plan<'_>, parts: &mut Vec<Part>) {
    let wall = plan.patient.enhancement.bowel_wall;
    let sag = plan.draw.between(-25.0, 12.0);
    let lift = plan.draw.around(0.0, 8.0);
    let right: [Node; 4] = [
        ([98.0, 46.0, -175.0], 27.0),
        ([106.0, 44.0, -125.0], 26.0),
        ([104.0, 52.0, -88.0], 23.0),
        ([92.0, 84.0, -70.0], 21.0),
    ];
    let across: [Node; 6] = [
        ([84.0, 104.0, -72.0], 20.0),
        ([48.0, 122.0, -66.0 + sag], 20.0),
        ([0.0, 126.0, -62.0 + sag], 19.0),
        ([-48.0, 122.0, -44.0 + 0.6 * sag], 19.0),
        ([-88.0, 104.0, -14.0 + lift], 19.0),
        ([-108.0, 76.0, 14.0 + lift], 19.0),
    ];
    let left: [Node; 5] = [
        ([-114.0, 54.0, 20.0 + lift], 18.0),
        ([-118.0, 40.0, -14.0 + lift], 19.0),
        ([-112.0, 28.0, -60.0], 19.0),
        ([-110.0, 30.0, -110.0], 18.0),
        ([-102.0, 38.0, -175.0], 18.0),
    ];
    for nodes in [right.as_slice(), &across, &left] {
        let nodes = haustra(plan, nodes);
        let d = &mut *plan.draw;
        let stool = d.unit();
        let top = nodes
            .iter()
            .map(|(p, r)| p.y + r)
            .fold(f32::NEG_INFINITY, f32::max);
        let gas = top - d.between(6.0, 26.0);
        let gas_above = plan.patient.scanner(Point::new(0.0, gas, 0.0)).y;
        let d = &mut *plan.draw;
        let lumen = Lumen {
            wall_mm: 2.6,
            wall,
            content: d.between(5.0, 45.0),
            grain: 22.0,
            bubbles: 0.25 + 0.6 * stool,
            gas_above: if d.chance(0.6) {
                gas_above
            } else {
                f32::INFINITY
            },
            folds: 2.5,
        };
        let offset = plan.offset();
        let tube = Shape::Tube(Tube::curve(&nodes));
        parts.push(
            Part::new(0, tube, Tissue::Hollow(lumen))
                .gap(plan.gap(3.0))
                .rough(4.0, 22.0, offset),
        );
    }
}

/// Nodes with pouches about every 30 mm.
fn haustra(plan: &mut Plan<'_>, nodes: &[Node]) -> Vec<(Point, f32)> {
    let mut out = Vec::new();
    let size = plan.draw.factor(0.12);
    for pair in nodes.windows(2) {
        let [(a, ra), (b, rb)] = pair else { continue };
        let (a, b) = (Point::from(*a), Point::from(*b));
        let steps = ((b - a).norm() / 15.0).round().max(1.0) as usize;
        for s in 0..steps {
            let t = s as f32 / steps as f32;
            let pouch = if s % 2 == 0 { 1.08 } else { 0.84 };
            let p = a + (b - a) * t + plan.draw.direction() * 2.0;
            out.push((p, (ra + (rb - ra) * t) * pouch * size));
        }
    }
    if let Some((p, r)) = nodes.last() {
        out.push((Point::from(*p), r * size));
    }
    out
}

/// Loops that wander through the middle of the abdomen.
pub(super) fn small_bowel(plan: &mut Plan<'_>, parts: &mut Vec<Part>) {
    let wall = plan.patient.enhancement.bowel_wall;
    for loop_number in 0..40 {
        let d = &mut *plan.draw;
        // Jejunum to the upper left, ileum below.
        let upper = loop_number < 8;
        let (low, high) = if upper {
            (
                Point::new(-96.0, 50.0, -70.0),
                Point::new(-20.0, 112.0, -20.0),
            )
        } else {
            (
                Point::new(-96.0, 62.0, -160.0),
                Point::new(82.0, 132.0, -58.0),
            )
        };
        let mut p = Point::new(
            d.between(low.x, high.x),
            d.between(low.y, high.y),
            d.between(low.z, high.z),
        );
        let mut heading = d.direction();
        let radius = d.between(11.0, 16.5);
        let mut nodes = Vec::new();
        for _ in 0..6 {
            nodes.push((p, radius * d.between(0.85, 1.12)));
            heading = (heading + d.direction() * 0.8).normalize();
            p = (p + heading * 22.0).sup(&low).inf(&high);
        }
        let gas = d.chance(0.18);
        let oral = d.chance(0.08);
        let lumen = Lumen {
            wall_mm: d.between(2.0, 4.5),
            wall,
            content: if oral {
                d.between(120.0, 250.0)
            } else {
                d.between(8.0, 40.0)
            },
            grain: 8.0,
            bubbles: 0.0,
            gas_above: if gas {
                plan.patient.scanner(p).y + 3.0
            } else {
                f32::INFINITY
            },
            folds: if upper { 4.0 } else { 1.5 },
        };
        let offset = plan.offset();
        let tube = Shape::Tube(Tube::curve(&nodes));
        parts.push(
            Part::new(0, tube, Tissue::Hollow(lumen))
                .gap(plan.gap(1.5))
                .rough(2.0, 16.0, offset),
        );
    }
}

/// The loop around the head of the pancreas.
pub(super) fn duodenum(plan: &mut Plan<'_>, parts: &mut Vec<Part>) {
    let wall = plan.patient.enhancement.bowel_wall;
    let d = &mut *plan.draw;
    let nodes = [
        (d.point(34.0, 98.0, -8.0, 2.0), 9.5),
        (d.point(48.0, 90.0, -12.0, 2.0), 12.5),
        (d.point(54.0, 72.0, -34.0, 2.0), 12.5),
        (d.point(48.0, 66.0, -60.0, 2.0), 12.0),
        (d.point(22.0, 76.0, -72.0, 2.0), 11.5),
        (d.point(-14.0, 78.0, -66.0, 2.0), 11.0),
        (d.point(-34.0, 72.0, -44.0, 2.0), 11.0),
    ];
    let gas_above = plan.patient.scanner(Point::new(0.0, 100.0, 0.0)).y;
    let d = &mut *plan.draw;
    let lumen = Lumen {
        wall_mm: 3.2,
        wall,
        content: d.between(8.0, 40.0),
        grain: 10.0,
        bubbles: if d.chance(0.3) { 0.15 } else { 0.0 },
        gas_above: if d.chance(0.5) {
            gas_above
        } else {
            f32::INFINITY
        },
        folds: 3.0,
    };
    let offset = plan.offset();
    let tube = Shape::Tube(Tube::curve(&nodes));
    parts.push(
        Part::new(0, tube, Tissue::Hollow(lumen))
            .gap(plan.gap(2.0))
            .rough(2.0, 16.0, offset),
    );
}
