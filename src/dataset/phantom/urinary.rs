//! Kidneys with their sinus and ureters, and the adrenal glands above them.

use super::labels::{LEFT_ADRENAL, LEFT_KIDNEY, RIGHT_ADRENAL, RIGHT_KIDNEY};
use super::part::Part;
use super::plan::Plan;
use super::point::Point;
use super::shape::{Frame, Shape};
use super::tissue::Tissue;
use super::tube::Tube;

pub(super) fn kidneys(plan: &mut Plan<'_>, parts: &mut Vec<Part>) {
    let e = plan.patient.enhancement.clone();
    let size = plan.draw.factor(0.05);
    for (label, side, z) in [(RIGHT_KIDNEY, 1.0, -38.0), (LEFT_KIDNEY, -1.0, -18.0)] {
        let d = &mut *plan.draw;
        let own = size * d.factor(0.04);
        let centre = Point::new(
            side * d.around(73.0, 3.0),
            d.around(17.0, 3.0),
            d.around(z, 5.0),
        );
        // Upper poles lean to the spine and to the back; the sinus opens forwards and to the spine.
        let turn = [
            d.around(14.0, 4.0),
            side * d.around(14.0, 4.0),
            side * d.around(-28.0, 6.0),
        ];
        let radii = Point::new(27.0, 31.0, 54.0) * own;
        let frame = Frame::turned(centre, turn);
        let bean = Shape::Ellipsoid { frame, radii };
        let offset = plan.offset();
        let tissue = Tissue::Kidney {
            frame,
            radii,
            cortex: e.cortex,
            medulla: e.medulla,
            offset,
        };
        parts.push(
            Part::new(label, bean, tissue)
                .gap(plan.gap(4.5))
                .rough(2.2, 22.0, offset),
        );

        let hilum = frame.outer(Point::new(-side * 15.0 * own, 3.0, 0.0));
        let sinus = Frame::turned(hilum, turn);
        let radii = Point::new(17.0, 10.0, 23.0) * own;
        let tissue = Tissue::Sinus {
            frame: sinus,
            radii,
            urine: e.urine,
            vessel: e.cava,
        };
        parts.push(
            Part::new(
                0,
                Shape::Ellipsoid {
                    frame: sinus,
                    radii,
                },
                tissue,
            )
            .rough(2.5, 14.0, offset + 3.0),
        );

        let end = plan.by_spine(side * 38.0, 42.0, -150.0);
        let ureter = Tube::curve(&[
            (hilum + Point::new(-side * 8.0, 2.0, -12.0), 3.4),
            (hilum + Point::new(-side * 20.0, 8.0, -38.0), 2.2),
            (end, 2.0),
        ]);
        parts.push(Part::new(
            0,
            Shape::Tube(ureter),
            Tissue::plain(e.urine, 0.0),
        ));
    }
}

/// Thin limbs: the right gland a bent line behind the vena cava, the left one an upturned Y before
/// the kidney's upper pole.
pub(super) fn adrenals(plan: &mut Plan<'_>, parts: &mut Vec<Part>) {
    let e = plan.patient.enhancement.clone();
    for (label, centre, limbs) in [
        (
            RIGHT_ADRENAL,
            [29.0, 36.0, 22.0],
            [
                [6.0, 6.0, 4.0, 24.0],
                [0.0, -10.0, 13.0, 8.0],
                [8.0, -8.0, 11.0, -28.0],
            ],
        ),
        (
            LEFT_ADRENAL,
            [-42.0, 46.0, 18.0],
            [
                [0.0, 6.0, 7.0, 0.0],
                [6.5, -8.0, 12.0, 28.0],
                [-6.5, -8.0, 12.0, -26.0],
            ],
        ),
    ] {
        let d = &mut *plan.draw;
        let [x, y, z] = centre;
        let centre = d.point(x, y, z, 2.0);
        let thick = d.factor(0.08);
        let sheets = limbs
            .into_iter()
            .map(|[dx, dy, length, angle]| {
                let at = centre + Point::new(dx, dy, 0.0);
                let half = [2.5 * thick, 0.8 * length, 12.0];
                Shape::slab(at, half, [d.around(8.0, 5.0), 0.0, -angle], 2.3 * thick)
            })
            .collect();
        let offset = plan.offset();
        let shape = Shape::union(sheets, 3.0);
        parts.push(
            Part::new(label, shape, Tissue::plain(e.adrenal, 4.0))
                .gap(plan.gap(2.2))
                .rough(1.0, 10.0, offset),
        );
    }
}
