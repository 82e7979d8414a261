//! Esophagus, stomach, gallbladder and pancreas.

use super::labels::{ESOPHAGUS, GALLBLADDER, PANCREAS, STOMACH};
use super::part::Part;
use super::plan::Plan;
use super::point::Point;
use super::shape::Shape;
use super::tissue::{Lumen, Tissue};
use super::tube::Tube;

/// From the fundus under the left dome, forwards and down, to the pylorus.
pub(super) fn stomach(plan: &mut Plan<'_>, parts: &mut Vec<Part>) {
    let e = plan.patient.enhancement.clone();
    let adult = plan.patient;
    let d = &mut *plan.draw;
    let fill = (1.0 + 0.13 * d.normal()).clamp(0.75, 1.25);
    let sag = d.around(0.0, 9.0);
    let nodes = [
        (d.point(-55.0, 24.0, 68.0, 3.0), 31.0 * fill),
        (d.point(-64.0, 52.0, 58.0, 3.0), 33.5 * fill),
        (d.point(-68.0, 90.0, 34.0, 4.0), 29.0 * fill),
        (d.point(-54.0, 108.0, -2.0 + sag, 4.0), 25.0 * fill.sqrt()),
        (d.point(-22.0, 112.0, -22.0 + sag, 4.0), 21.0 * fill.sqrt()),
        (d.point(12.0, 108.0, -20.0, 3.0), 15.0),
        (d.point(30.0, 100.0, -10.0, 2.0), 9.0),
    ];
    let shape = Shape::Tube(Tube::curve(&nodes));
    // Water, food or, at times, oral contrast medium; gas rises to the front.
    let oral = d.chance(0.12);
    let content = if oral {
        d.between(130.0, 260.0)
    } else {
        d.between(8.0, 42.0)
    };
    let low = adult.scanner(Point::new(0.0, 45.0, 0.0)).y;
    let high = adult.scanner(Point::new(0.0, 138.0, 0.0)).y;
    let share = d.between(0.35, 1.0);
    let lumen = Lumen {
        wall_mm: d.between(3.4, 5.0),
        wall: e.bowel_wall,
        content,
        grain: d.between(3.0, 22.0),
        bubbles: if d.chance(0.2) {
            d.between(0.15, 0.4)
        } else {
            0.0
        },
        gas_above: low + (high - low) * share,
        folds: 3.0,
    };
    let offset = plan.offset();
    parts.push(
        Part::new(STOMACH, shape, Tissue::Hollow(lumen))
            .gap(plan.gap(1.6))
            .rough(3.5, 30.0, offset),
    );
}

/// From the chest in front of the spine, through the diaphragm, to the stomach.
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
    parts.push(
        Part::new(ESOPHAGUS, shape, Tissue::Hollow(lumen))
            .gap(1.5)
            .rough(1.5, 14.0, offset)
            .in_trunk(),
    );
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
    parts.push(
        Part::new(GALLBLADDER, shape, Tissue::Hollow(lumen))
            .gap(1.0)
            .rough(1.5, 22.0, offset),
    );
}

/// Head in the loop of the duodenum, neck before the portal confluence, body over the aorta, tail
/// towards the spleen.
pub(super) fn pancreas(plan: &mut Plan<'_>, parts: &mut Vec<Part>) {
    let e = plan.patient.enhancement.clone();
    let age = plan.patient.age;
    let fat = (0.25 + 0.6 * age * (0.4 + plan.patient.adiposity)).min(0.85);
    let d = &mut *plan.draw;
    let size = d.factor(0.06) * (1.1 - 0.12 * age);
    let rise = d.around(0.0, 6.0);
    let tail = Tube::curve(&[
        (d.point(30.0, 76.0, -30.0, 2.0), 15.0 * size),
        (d.point(22.0, 84.0, -16.0, 2.0), 13.0 * size),
        (d.point(4.0, 90.0, -6.0, 2.0), 9.5 * size),
        (d.point(-22.0, 86.0, 4.0 + 0.4 * rise, 2.0), 10.5 * size),
        (d.point(-50.0, 66.0, 10.0 + 0.8 * rise, 2.0), 10.5 * size),
        (d.point(-76.0, 48.0, 16.0 + rise, 2.0), 10.0 * size),
    ]);
    let hook = Shape::ellipsoid(
        Point::new(20.0, 70.0, -38.0),
        [16.0, 10.0, 14.0],
        [0.0, 20.0, 0.0],
    );
    let shape = Shape::union(vec![Shape::Tube(tail), hook], 8.0);
    let offset = plan.offset();
    parts.push(
        Part::new(
            PANCREAS,
            shape,
            Tissue::Lobules {
                hu: e.pancreas,
                fat,
            },
        )
        .gap(plan.gap(2.0))
        .rough(3.2, 13.0, offset),
    );
}
