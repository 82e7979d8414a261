//! Liver, spleen, stomach, esophagus, gallbladder, pancreas, and the lower part of the heart.

use super::anatomy::Plan;
use super::labels::{ESOPHAGUS, GALLBLADDER, LIVER, PANCREAS, SPLEEN, STOMACH};
use super::part::Part;
use super::shape::{Point, Shape};
use super::tissue::{Lumen, Tissue};
use super::tube::Tube;

pub(super) fn heart(plan: &mut Plan<'_>, parts: &mut Vec<Part>) {
    let centre = plan.draw.point(-28.0, 84.0, 138.0, 3.0);
    let shape = Shape::ellipsoid(centre, [66.0, 46.0, 50.0], [0.0, -14.0, 24.0]);
    let heart = plan.patient.enhancement.heart;
    let sac = Shape::ellipsoid(centre, [74.0, 56.0, 62.0], [0.0, -14.0, 24.0]);
    parts.push(Part::new(0, sac, Tissue::plain(-92.0, 8.0)).in_trunk());
    let muscle = 0.55 * heart + 25.0;
    parts.push(Part::new(0, shape, Tissue::plain(muscle, 4.0)).in_trunk());
    for (dx, dy, r) in [(14.0, 6.0, [26.0, 20.0, 30.0]), (-26.0, 2.0, [22.0, 18.0, 28.0])] {
        let chamber = Shape::ellipsoid(centre + Point::new(dx, dy, 4.0), r, [0.0, -14.0, 24.0]);
        parts.push(Part::new(0, chamber, Tissue::plain(heart, 5.0)).in_trunk());
    }
}

/// Two lobes against the right wall and the diaphragm, hollow below, with the fissure of the round ligament.
pub(super) fn liver(plan: &mut Plan<'_>, parts: &mut Vec<Part>) {
    let e = plan.patient.enhancement.clone();
    let d = &mut *plan.draw;
    let size = d.factor(0.06);
    let right = Shape::ellipsoid(
        d.point(80.0, 52.0, 24.0, 3.0),
        [66.0 * size, 86.0 * size, 104.0 * size * d.factor(0.05)],
        [d.around(0.0, 4.0), d.around(-12.0, 4.0), d.around(0.0, 4.0)],
    );
    let left = Shape::ellipsoid(
        Point::new(d.around(2.0, 7.0), d.around(100.0, 4.0), d.around(52.0, 5.0)),
        [72.0 * d.factor(0.1), 40.0 * d.factor(0.06), 46.0 * d.factor(0.08)],
        [0.0, d.around(-12.0, 5.0), d.around(14.0, 4.0)],
    );
    let caudate = Shape::ellipsoid(Point::new(20.0, 60.0, 40.0), [15.0, 15.0, 26.0], [0.0; 3]);
    let hollow = Shape::ellipsoid(
        d.point(10.0, 62.0, -34.0, 4.0),
        [48.0, 60.0, 52.0 * d.factor(0.06)],
        [0.0, d.around(-25.0, 4.0), 0.0],
    );
    // Room for the right kidney and the adrenal gland behind the liver.
    let fossa = Shape::ellipsoid(Point::new(52.0, -10.0, -28.0), [42.0, 54.0, 62.0], [12.0, 0.0, -20.0]);
    let porta = Shape::ellipsoid(Point::new(28.0, 78.0, 12.0), [26.0, 12.0, 12.0], [0.0, 0.0, 12.0]);
    let x = d.around(4.0, 5.0);
    let ligament = Shape::slab(Point::new(x, 118.0, 8.0), [2.2, 34.0, 34.0], [0.0, 0.0, -8.0], 1.5);
    let shape = Shape::union(vec![right, left, caudate], 22.0).cut(hollow, 16.0).cut(fossa, 14.0).cut(porta, 6.0).cut(ligament, 3.0);

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
    for (to, r) in [([112.0, 48.0, 45.0], 4.8), ([58.0, 112.0, 38.0], 4.6), ([-22.0, 112.0, 58.0], 4.2), ([100.0, 20.0, 20.0], 3.4)] {
        branch(&mut hepatic, plan, Point::new(26.0, 64.0, 88.0), Point::from(to), r, 2);
    }
    let offset = plan.offset();
    let tissue = Tissue::Liver { hu: e.liver, portal, portal_hu: e.portal, hepatic, hepatic_hu: e.hepatic };
    parts.push(Part::new(LIVER, shape, tissue).gap(plan.gap(2.0)).rough(4.0, 38.0, offset));
}

/// A vessel that bends a little and gives off smaller ones.
fn branch(tube: &mut Tube, plan: &mut Plan<'_>, from: Point, to: Point, radius: f32, depth: usize) {
    let along = to - from;
    let sway = plan.draw.direction() * (0.10 * along.norm());
    let node = |t: f32| from + along * t + sway * (t * (1.0 - t) * 4.0);
    tube.add(&[(from, radius), (node(0.5), radius * 0.75), (to, radius * 0.45)]);
    if depth == 0 {
        return;
    }
    for t in [0.35, 0.6, 0.8] {
        let side = plan.draw.direction();
        let end = node(t) + along * 0.22 + side * (0.42 * along.norm());
        branch(tube, plan, node(t), end, radius * (0.72 - 0.35 * t), depth - 1);
    }
}

/// A crescent between the wall, the stomach and the left kidney.
pub(super) fn spleen(plan: &mut Plan<'_>, parts: &mut Vec<Part>) {
    let e = plan.patient.enhancement.clone();
    let d = &mut *plan.draw;
    let size = d.factor(0.09);
    let centre = d.point(-98.0, 4.0, 30.0, 4.0);
    let body = Shape::ellipsoid(
        centre,
        [40.0 * size, 62.0 * size, 54.0 * size * d.factor(0.08)],
        [d.around(-18.0, 6.0), d.around(8.0, 6.0), d.around(-24.0, 6.0)],
    );
    let hilum = Shape::ellipsoid(centre + Point::new(42.0, 34.0, -6.0), [30.0, 46.0, 60.0], [0.0, 0.0, -28.0]);
    let offset = plan.offset();
    let tissue = Tissue::Plain { hu: e.spleen, grain: 3.0 + e.spleen_mottle, scale: 17.0 };
    parts.push(Part::new(SPLEEN, body.cut(hilum, 9.0), tissue).gap(plan.gap(2.5)).rough(3.0, 30.0, offset));
}

/// From the fundus under the left dome, forwards and down, to the pylorus; and the esophagus that ends in it.
pub(super) fn stomach(plan: &mut Plan<'_>, parts: &mut Vec<Part>) {
    let e = plan.patient.enhancement.clone();
    let adult = plan.patient;
    let d = &mut *plan.draw;
    let fill = (1.0 + 0.16 * d.normal()).clamp(0.72, 1.3);
    let sag = d.around(0.0, 9.0);
    let nodes = [
        (d.point(-58.0, 26.0, 70.0, 3.0), 33.0 * fill),
        (d.point(-66.0, 56.0, 64.0, 3.0), 37.0 * fill),
        (d.point(-68.0, 90.0, 34.0, 4.0), 32.0 * fill),
        (d.point(-54.0, 108.0, -2.0 + sag, 4.0), 25.0 * fill.sqrt()),
        (d.point(-22.0, 112.0, -22.0 + sag, 4.0), 21.0 * fill.sqrt()),
        (d.point(12.0, 108.0, -20.0, 3.0), 15.0),
        (d.point(30.0, 100.0, -10.0, 2.0), 9.0),
    ];
    let shape = Shape::Tube(Tube::curve(&nodes));
    // Water, food or, at times, oral contrast medium; gas rises to the front.
    let oral = d.chance(0.12);
    let content = if oral { d.between(130.0, 260.0) } else { d.between(8.0, 42.0) };
    let low = adult.scanner(Point::new(0.0, 45.0, 0.0)).y;
    let high = adult.scanner(Point::new(0.0, 138.0, 0.0)).y;
    let share = d.between(0.35, 1.0);
    let lumen = Lumen {
        wall_mm: d.between(3.4, 5.0),
        wall: e.bowel_wall,
        content,
        grain: d.between(3.0, 22.0),
        bubbles: if d.chance(0.2) { d.between(0.15, 0.4) } else { 0.0 },
        gas_above: low + (high - low) * share,
        folds: 3.0,
    };
    let offset = plan.offset();
    parts.push(Part::new(STOMACH, shape, Tissue::Hollow(lumen)).gap(plan.gap(3.0)).rough(3.5, 30.0, offset));
}

pub(super) fn esophagus(plan: &mut Plan<'_>, parts: &mut Vec<Part>) {
    let e = plan.patient.enhancement.clone();
    let shift = plan.draw.around(0.0, 2.5);
    let nodes = [
        (plan.by_spine(-2.0 + shift, 60.0, 240.0), 9.0),
        (plan.by_spine(-4.0 + shift, 62.0, 150.0), 9.5),
        (plan.by_spine(-10.0 + shift, 67.0, 105.0), 9.5),
        (plan.by_spine(-22.0 + shift, 70.0, 80.0), 9.0),
        (Point::new(-38.0, 54.0, 68.0), 9.0),
        (Point::new(-48.0, 54.0, 64.0), 8.0),
    ];
    let d = &mut *plan.draw;
    let gas = d.chance(0.4);
    let lumen = Lumen {
        wall_mm: if gas { 4.2 } else { 7.0 },
        wall: e.bowel_wall - 8.0,
        content: if gas { -850.0 } else { 25.0 },
        grain: 6.0,
        bubbles: 0.0,
        gas_above: f32::INFINITY,
        folds: 4.0,
    };
    let shape = Shape::Tube(Tube::curve(&nodes));
    let offset = plan.offset();
    parts.push(Part::new(ESOPHAGUS, shape, Tissue::Hollow(lumen)).gap(1.5).rough(1.5, 14.0, offset).in_trunk());
}

/// A pear below the right lobe, its neck at the porta.
pub(super) fn gallbladder(plan: &mut Plan<'_>, parts: &mut Vec<Part>) {
    let e = plan.patient.enhancement.clone();
    let d = &mut *plan.draw;
    let fill = d.factor(0.14);
    let nodes = [
        (d.point(42.0, 84.0, 0.0, 2.0), 4.5),
        (d.point(50.0, 92.0, -10.0, 2.0), 9.5 * fill),
        (d.point(60.0, 104.0, -24.0, 3.0), 15.0 * fill),
        (d.point(66.0, 114.0, -38.0, 3.0), 14.0 * fill),
    ];
    let lumen = Lumen {
        wall_mm: 1.6,
        wall: e.liver.min(e.bowel_wall),
        content: e.bile,
        grain: 2.0,
        bubbles: 0.0,
        gas_above: f32::INFINITY,
        folds: 0.0,
    };
    let shape = Shape::Tube(Tube::curve(&nodes));
    let offset = plan.offset();
    parts.push(Part::new(GALLBLADDER, shape, Tissue::Hollow(lumen)).gap(1.0).rough(1.5, 22.0, offset));
}

/// Head in the loop of the duodenum, neck before the portal confluence, body over the aorta, tail towards the spleen.
pub(super) fn pancreas(plan: &mut Plan<'_>, parts: &mut Vec<Part>) {
    let e = plan.patient.enhancement.clone();
    let age = plan.patient.age;
    let fat = (0.25 + 0.6 * age * (0.4 + plan.patient.adiposity)).min(0.85);
    let d = &mut *plan.draw;
    let size = d.factor(0.08) * (1.06 - 0.12 * age);
    let rise = d.around(0.0, 6.0);
    let tail = Tube::curve(&[
        (d.point(30.0, 76.0, -30.0, 2.0), 15.0 * size),
        (d.point(22.0, 84.0, -16.0, 2.0), 13.0 * size),
        (d.point(4.0, 90.0, -6.0, 2.0), 9.5 * size),
        (d.point(-22.0, 86.0, 4.0 + 0.4 * rise, 2.0), 10.5 * size),
        (d.point(-50.0, 66.0, 10.0 + 0.8 * rise, 2.0), 10.5 * size),
        (d.point(-76.0, 48.0, 16.0 + rise, 2.0), 10.0 * size),
    ]);
    let hook = Shape::ellipsoid(Point::new(20.0, 70.0, -38.0), [16.0, 10.0, 14.0], [0.0, 20.0, 0.0]);
    let shape = Shape::union(vec![Shape::Tube(tail), hook], 8.0);
    let offset = plan.offset();
    parts.push(Part::new(PANCREAS, shape, Tissue::Lobules { hu: e.pancreas, fat }).gap(plan.gap(2.0)).rough(3.2, 13.0, offset));
}
