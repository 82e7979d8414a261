//! The lower part of the heart, and the spleen.

use super::labels::SPLEEN;
use super::part::Part;
use super::plan::Plan;
use super::point::Point;
use super::shape::Shape;
use super::tissue::Tissue;

/// Muscle with two chambers in a sac of fat.
pub(super) fn heart(plan: &mut Plan<'_>, parts: &mut Vec<Part>) {
    let centre = plan.draw.point(-28.0, 84.0, 138.0, 3.0);
    let shape = Shape::ellipsoid(centre, [66.0, 46.0, 50.0], [0.0, -14.0, 24.0]);
    let heart = plan.patient.enhancement.heart;
    let sac = Shape::ellipsoid(centre, [74.0, 56.0, 62.0], [0.0, -14.0, 24.0]);
    parts.push(Part::new(0, sac, Tissue::plain(-92.0, 8.0)).in_trunk());
    let muscle = 0.55 * heart + 25.0;
    parts.push(Part::new(0, shape, Tissue::plain(muscle, 4.0)).in_trunk());
    for (dx, dy, r) in [
        (14.0, 6.0, [26.0, 20.0, 30.0]),
        (-26.0, 2.0, [22.0, 18.0, 28.0]),
    ] {
        let chamber = Shape::ellipsoid(centre + Point::new(dx, dy, 4.0), r, [0.0, -14.0, 24.0]);
        parts.push(Part::new(0, chamber, Tissue::plain(heart, 5.0)).in_trunk());
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
        [42.0 * size, 62.0 * size, 54.0 * size * d.factor(0.08)],
        [
            d.around(-18.0, 6.0),
            d.around(8.0, 6.0),
            d.around(-24.0, 6.0),
        ],
    );
    let hilum = Shape::ellipsoid(
        centre + Point::new(42.0, 34.0, -6.0),
        [28.0, 46.0, 58.0],
        [0.0, 0.0, -28.0],
    );
    let offset = plan.offset();
    let tissue = Tissue::Plain {
        hu: e.spleen,
        grain: 3.0 + e.spleen_mottle,
        scale: 17.0,
    };
    parts.push(
        Part::new(SPLEEN, body.cut(hilum, 9.0), tissue)
            .gap(plan.gap(2.5))
            .rough(3.0, 30.0, offset),
    );
}
