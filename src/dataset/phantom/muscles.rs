//! Muscles beside the spine, and the legs of the diaphragm.

use super::part::Part;
use super::plan::Plan;
use super::point::Point;
use super::shape::Shape;
use super::tissue::Tissue;
use super::tube::Tube;

pub(super) fn muscles(plan: &mut Plan<'_>, parts: &mut Vec<Part>) {
    let hu = plan.patient.enhancement.muscle;
    let bulk = plan.draw.factor(0.08) * (1.08 - 0.2 * plan.patient.age);
    let marbled = (0.15 + 0.5 * plan.patient.age * plan.patient.adiposity).min(0.6);
    for side in [-1.0, 1.0] {
        let psoas = Tube::curve(&[
            (plan.by_spine(side * 26.0, 10.0, 16.0), 4.0),
            (plan.by_spine(side * 32.0, 8.0, -20.0), 10.0 * bulk),
            (plan.by_spine(side * 40.0, 9.0, -60.0), 16.5 * bulk),
            (plan.by_spine(side * 47.0, 12.0, -104.0), 22.0 * bulk),
            (plan.by_spine(side * 54.0, 22.0, -170.0), 25.0 * bulk),
        ]);
        // The inner part lies against the vertebral bodies and the transverse processes.
        let inner = Tube::curve(&[
            (plan.by_spine(side * 24.0, 2.0, -5.0), 4.0),
            (plan.by_spine(side * 28.0, 1.0, -34.0), 9.0 * bulk),
            (plan.by_spine(side * 33.0, 2.0, -80.0), 13.0 * bulk),
            (plan.by_spine(side * 40.0, 6.0, -170.0), 17.0 * bulk),
        ]);
        let psoas = Shape::union(vec![Shape::Tube(psoas), Shape::Tube(inner)], 8.0);
        let offset = plan.offset();
        let lobules = || Tissue::Lobules { hu, fat: marbled };
        parts.push(
            Part::new(0, psoas, lobules())
                .gap(1.6)
                .rough(3.0, 26.0, offset),
        );
        let square = Shape::slab(
            Point::new(side * 72.0, -16.0, -64.0),
            [19.0 * bulk, 8.5 * bulk, 78.0],
            [0.0, side * -6.0, side * -24.0],
            7.0,
        );
        parts.push(
            Part::new(0, square, lobules())
                .gap(1.6)
                .rough(2.0, 20.0, offset),
        );
        let crus = Tube::curve(&[
            (plan.by_spine(side * 10.0, 38.0, -30.0), 3.5),
            (plan.by_spine(side * 13.0, 42.0, 10.0), 5.0),
            (plan.by_spine(side * 19.0, 50.0, 46.0), 4.0),
            (plan.by_spine(side * 24.0, 58.0, 74.0), 3.0),
        ]);
        parts.push(
            Part::new(0, Shape::Tube(crus), Tissue::plain(hu, 5.0))
                .gap(1.0)
                .rough(1.2, 12.0, offset),
        );
    }
}
