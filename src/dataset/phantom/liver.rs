//! The liver and the veins inside it.

use super::labels::LIVER;
use super::part::Part;
use super::plan::Plan;
use super::point::Point;
use super::shape::Shape;
use super::tissue::Tissue;
use super::tube::Tube;

/// Two lobes against the right wall and the diaphragm, hollow below, with the fissure of the round
/// ligament.
pub(super) fn liver(plan: &mut Plan<'_>, parts: &mut Vec<Part>) {
    let e = plan.patient.enhancement.clone();
    let d = &mut *plan.draw;
    let size = d.factor(0.06);
    let right = Shape::ellipsoid(
        d.point(80.0, 52.0, 24.0, 3.0),
        [60.0 * size, 80.0 * size, 100.0 * size * d.factor(0.05)],
        [d.around(0.0, 4.0), d.around(-12.0, 4.0), d.around(0.0, 4.0)],
    );
    let left = Shape::ellipsoid(
        Point::new(
            d.around(2.0, 7.0),
            d.around(100.0, 4.0),
            d.around(52.0, 5.0),
        ),
        [
            66.0 * d.factor(0.1),
            38.0 * d.factor(0.06),
            44.0 * d.factor(0.08),
        ],
        [0.0, d.around(-12.0, 5.0), d.around(14.0, 4.0)],
    );
    let caudate = Shape::ellipsoid(Point::new(20.0, 60.0, 40.0), [15.0, 15.0, 26.0], [0.0; 3]);
    let hollow = Shape::ellipsoid(
        d.point(10.0, 62.0, -34.0, 4.0),
        [48.0, 60.0, 52.0 * d.factor(0.06)],
        [0.0, d.around(-25.0, 4.0), 0.0],
    );
    // Room for the right kidney and the adrenal gland behind the liver.
    let fossa = Shape::ellipsoid(
        Point::new(46.0, -18.0, -24.0),
        [44.0, 58.0, 62.0],
        [12.0, 0.0, -20.0],
    );
    let crura = Shape::ellipsoid(Point::new(4.0, 20.0, 50.0), [32.0, 32.0, 92.0], [0.0; 3]);
    let porta = Shape::ellipsoid(
        Point::new(28.0, 78.0, 12.0),
        [26.0, 12.0, 12.0],
        [0.0, 0.0, 12.0],
    );
    let x = d.around(4.0, 5.0);
    let ligament = Shape::slab(
        Point::new(x, 118.0, 8.0),
        [2.2, 34.0, 34.0],
        [0.0, 0.0, -8.0],
        1.5,
    );
    let shape = Shape::union(vec![right, left, caudate], 22.0)
        .cut(hollow, 16.0)
        .cut(fossa, 14.0)
        .cut(crura, 10.0)
        .cut(porta, 6.0)
        .cut(ligament, 3.0);

    let mut portal = Tube::default();
    let mut hepatic = Tube::default();
    for (from, to, r) in [
        ([42.0, 78.0, 22.0], [95.0, 78.0, 30.0], 5.0),
        ([50.0, 76.0, 24.0], [90.0, 30.0, 55.0], 4.4),
        ([50.0, 76.0, 20.0], [95.0, 35.0, -15.0], 4.2),
        ([46.0, 78.0, 20.0], [92.0, 92.0, -12.0], 4.0),
        ([28.0, 86.0, 28.0], [0.0, 118.0, 42.0], 4.2),
        ([0.0, 112.0, 42.0], [-42.0, 112.0, 58.0], 3.2),
        ([50.0, 80.0, 26.0], [85.0, 105.0, 62.0], 3.8),
    ] {
        branch(&mut portal, plan, Point::from(from), Point::from(to), r, 2);
    }
    for (to, r) in [
        ([112.0, 48.0, 45.0], 4.8),
        ([58.0, 112.0, 38.0], 4.6),
        ([-22.0, 112.0, 58.0], 4.2),
        ([100.0, 20.0, 20.0], 3.4),
    ] {
        branch(
            &mut hepatic,
            plan,
            Point::new(26.0, 64.0, 88.0),
            Point::from(to),
            r,
            2,
        );
    }
    let offset = plan.offset();
    let tissue = Tissue::Liver {
        hu: e.liver,
        portal,
        portal_hu: e.portal,
        hepatic,
        hepatic_hu: e.hepatic,
    };
    parts.push(
        Part::new(LIVER, shape, tissue)
            .gap(plan.gap(2.0))
            .rough(4.0, 38.0, offset),
    );
}

/// A vessel that bends a little and gives off smaller ones.
fn branch(tube: &mut Tube, plan: &mut Plan<'_>, from: Point, to: Point, radius: f32, depth: usize) {
    let along = to - from;
    let sway = plan.draw.direction() * (0.10 * along.norm());
    let node = |t: f32| from + along * t + sway * (t * (1.0 - t) * 4.0);
    tube.add(&[
        (from, radius),
        (node(0.5), radius * 0.75),
        (to, radius * 0.45),
    ]);
    if depth == 0 {
        return;
    }
    for t in [0.35, 0.6, 0.8] {
        let side = plan.draw.direction();
        let end = node(t) + along * 0.22 + side * (0.42 * along.norm());
        branch(
            tube,
            plan,
            node(t),
            end,
            radius * (0.72 - 0.35 * t),
            depth - 1,
        );
    }
}
