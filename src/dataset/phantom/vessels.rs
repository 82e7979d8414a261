//! Aorta and its branches, inferior vena cava, portal and splenic veins.

use super::labels::{AORTA, PORTAL_VEIN, VENA_CAVA};
use super::part::Part;
use super::plan::Plan;
use super::point::Point;
use super::shape::Shape;
use super::tissue::Tissue;
use super::tube::Tube;

pub(super) fn vessels(plan: &mut Plan<'_>, parts: &mut Vec<Part>) {
    let e = plan.patient.enhancement.clone();
    let age = plan.patient.age;

    // Renal arteries pass behind the vena cava, so they come first.
    let artery = |parts: &mut Vec<Part>, nodes: &[(Point, f32)], hu: f32| {
        parts.push(Part::new(0, Shape::Tube(Tube::curve(nodes)), Tissue::blood(hu)).gap(0.8));
    };
    let front = 49.0;
    for (side, z) in [(1.0, -26.0), (-1.0, -16.0)] {
        let nodes = [
            (plan.by_spine(-9.0, front - 2.0, z + 4.0), 3.0),
            (plan.by_spine(side * 30.0, 30.0, z), 2.8),
            (Point::new(side * 54.0, 24.0, z - 4.0), 2.4),
        ];
        artery(parts, &nodes, e.aorta);
    }

    let wide = plan.draw.factor(0.06) * (0.94 + 0.14 * age);
    let winding = plan.draw.around(0.0, 3.0) * (0.5 + age);
    let aorta = [
        (plan.by_spine(-19.0, 37.0, 240.0), 12.5 * wide),
        (plan.by_spine(-19.0, 39.0, 140.0), 12.0 * wide),
        (plan.by_spine(-15.0, 45.0, 80.0), 11.8 * wide),
        (plan.by_spine(-9.0, front, 35.0), 11.2 * wide),
        (plan.by_spine(-8.0 + winding, front, -10.0), 10.2 * wide),
        (
            plan.by_spine(-9.0 - winding, front - 1.0, -60.0),
            9.2 * wide,
        ),
        (plan.by_spine(-6.0, front - 1.0, -104.0), 8.8 * wide),
    ];
    let plaque = if plan.draw.chance(0.25 + 0.6 * age) {
        0.55 * age * plan.draw.unit()
    } else {
        0.0
    };
    let blood = Tissue::Blood {
        low: e.aorta,
        high: e.aorta,
        from: 0.0,
        to: 1.0,
        plaque,
    };
    for side in [-1.0, 1.0] {
        let iliac = [
            (plan.by_spine(-6.0, front - 1.0, -102.0), 6.2),
            (plan.by_spine(side * 16.0 - 4.0, front + 2.0, -130.0), 6.0),
            (plan.by_spine(side * 36.0, front + 2.0, -175.0), 5.6),
        ];
        artery(parts, &iliac, e.aorta);
    }
    let offset = plan.offset();
    parts.push(
        Part::new(AORTA, Shape::Tube(Tube::curve(&aorta)), blood)
            .gap(1.6)
            .rough(0.8, 24.0, offset)
            .in_trunk(),
    );

    let size = plan.draw.factor(0.08);
    let cava = [
        (plan.by_spine(16.0, 48.0, -118.0), 10.0 * size),
        (plan.by_spine(19.0, 49.0, -70.0), 10.2 * size),
        (plan.by_spine(21.0, 52.0, -20.0), 11.2 * size),
        (Point::new(24.0, 56.0, 25.0), 11.5 * size),
        (Point::new(26.0, 60.0, 62.0), 12.0 * size),
        (Point::new(24.0, 64.0, 96.0), 12.5 * size),
        (Point::new(20.0, 68.0, 110.0), 12.5 * size),
    ];
    for side in [-1.0, 1.0] {
        let iliac = [
            (plan.by_spine(14.0, 47.0, -116.0), 8.0),
            (plan.by_spine(side * 22.0 + 6.0, 44.0, -140.0), 7.0),
            (plan.by_spine(side * 42.0, 42.0, -180.0), 7.0),
        ];
        parts.push(
            Part::new(
                0,
                Shape::Tube(Tube::curve(&iliac)),
                Tissue::blood(e.cava_low),
            )
            .gap(1.0),
        );
        let renal = [
            (
                plan.by_spine(
                    if side > 0.0 { 24.0 } else { 14.0 },
                    if side > 0.0 { 52.0 } else { 64.0 },
                    -22.0,
                ),
                4.6,
            ),
            (
                plan.by_spine(side * 30.0, if side > 0.0 { 46.0 } else { 58.0 }, -22.0),
                4.4,
            ),
            (
                Point::new(side * 56.0, 27.0, if side > 0.0 { -34.0 } else { -20.0 }),
                4.0,
            ),
        ];
        parts.push(Part::new(0, Shape::Tube(Tube::curve(&renal)), Tissue::blood(e.cava)).gap(0.8));
    }
    let blood = Tissue::Blood {
        low: e.cava_low,
        high: e.cava,
        from: -45.0,
        to: -5.0,
        plaque: 0.0,
    };
    let offset = plan.offset();
    parts.push(
        Part::new(VENA_CAVA, Shape::Tube(Tube::curve(&cava)), blood)
            .rough(2.4, 26.0, offset)
            .in_trunk(),
    );

    // Celiac trunk with its branches, and the superior mesenteric artery.
    let celiac = plan.by_spine(-8.0, front + 9.0, 22.0);
    artery(
        parts,
        &[
            (celiac, 3.6),
            (celiac + Point::new(0.0, 12.0, 2.0), 3.2),
            (celiac + Point::new(24.0, 20.0, 2.0), 2.6),
        ],
        e.aorta,
    );
    artery(
        parts,
        &[
            (celiac + Point::new(0.0, 12.0, 2.0), 3.0),
            (Point::new(-40.0, 66.0, 26.0), 2.6),
            (Point::new(-80.0, 34.0, 28.0), 2.2),
        ],
        e.aorta,
    );
    let mesenteric = [
        (plan.by_spine(-8.0, front + 8.0, 6.0), 3.8),
        (Point::new(-8.0, 74.0, -8.0), 3.6),
        (Point::new(-6.0, 84.0, -34.0), 3.4),
        (Point::new(0.0, 92.0, -80.0), 2.6),
        (Point::new(10.0, 90.0, -130.0), 2.0),
    ];
    artery(parts, &mesenteric, e.aorta);
    portal_vein(plan, parts);
}

/// Superior mesenteric vein, confluence behind the pancreas' neck, portal vein to the liver,
/// splenic vein along the pancreas.
fn portal_vein(plan: &mut Plan<'_>, parts: &mut Vec<Part>) {
    let hu = plan.patient.enhancement.portal;
    let d = &mut *plan.draw;
    let size = 1.08 * d.factor(0.07);
    let rise = d.around(0.0, 4.0);
    let below = [
        (Point::new(10.0, 82.0, -34.0), 5.4 * size),
        (Point::new(12.0, 92.0, -80.0), 4.4 * size),
        (Point::new(22.0, 88.0, -130.0), 3.0),
    ];
    parts.push(Part::new(0, Shape::Tube(Tube::curve(&below)), Tissue::blood(hu)).gap(0.8));
    let mut tube = Tube::curve(&[
        (Point::new(10.0, 82.0, -30.0), 5.6 * size),
        (Point::new(9.0, 80.0, -8.0), 6.2 * size),
        (Point::new(18.0, 78.0, 8.0), 6.8 * size),
        (Point::new(32.0, 79.0, 18.0), 6.6 * size),
        (Point::new(46.0, 77.0, 23.0), 5.6 * size),
    ]);
    tube.add(&[
        (Point::new(30.0, 79.0, 19.0), 5.4 * size),
        (Point::new(26.0, 88.0, 27.0), 4.8 * size),
        (Point::new(14.0, 98.0, 34.0), 4.0 * size),
    ]);
    tube.add(&[
        (Point::new(9.0, 79.0, -6.0), 5.0 * size),
        (Point::new(-16.0, 74.0, 3.0 + 0.4 * rise), 4.8 * size),
        (Point::new(-48.0, 54.0, 12.0 + 0.8 * rise), 4.6 * size),
        (Point::new(-72.0, 38.0, 18.0 + rise), 4.3 * size),
        (Point::new(-86.0, 28.0, 22.0 + rise), 3.6 * size),
    ]);
    parts.push(Part::new(PORTAL_VEIN, Shape::Tube(tube), Tissue::blood(hu)));
}
