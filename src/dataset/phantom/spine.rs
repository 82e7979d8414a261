//! Vertebrae, discs and the spinal canal.

use super::blend::{blend, mix, smoothstep};
use super::contrast::FAT;
use super::draw::Draw;
use super::noise::{Curve, Noise};
use super::patient::Patient;
use super::point::Point;
use super::ribs::{LEVELS, T12};
use super::shape::smooth_min;

/// Height of an intervertebral disc, mm.
const DISC: f32 = 8.0;

pub(super) struct Spine {
    cortex: f32,
    trabecula: f32,
    size: f32,
    /// Bony outgrowths at the rims of the bodies, mm.
    spurs: f32,
}

/// A height along the spine, in the coordinates of the nearest vertebra.
struct Level {
    /// Height above the middle of the body, mm.
    height: f32,
    /// Half the height of the body without discs, mm.
    half: f32,
    thoracic: f32,
}

fn level(z: f32) -> Level {
    let after = LEVELS
        .partition_point(|l| *l <= z)
        .clamp(1, LEVELS.len() - 1);
    let (low, high) = (LEVELS[after - 1], LEVELS[after]);
    let pitch = high - low;
    let (centre, index) = if z - low < pitch / 2.0 {
        (low, after - 1)
    } else {
        (high, after)
    };
    Level {
        height: z - centre,
        half: (pitch - DISC) / 2.0,
        thoracic: if index >= T12 { 1.0 } else { 0.0 },
    }
}

impl Spine {
    pub(super) fn draw(patient: &Patient, draw: &mut Draw) -> Self {
        Self {
            cortex: draw.around(610.0, 60.0) - 130.0 * patient.age,
            trabecula: draw.around(225.0, 30.0) - 115.0 * patient.age,
            size: draw.factor(0.05),
            spurs: 3.5 * (patient.age - 0.5).max(0.0) * draw.unit(),
        }
    }

    /// Draws the spine over what is there. Returns the new value and whether the point belongs to
    /// the spine.
    pub(super) fn paint(
        &self,
        hu: f32,
        p: Point,
        curve: &Curve,
        voxel: f32,
        noise: &Noise,
    ) -> (f32, bool) {
        let q = Point::new(p.x, p.y - curve.at(p.z), p.z) / self.size;
        if q.x.abs() > 48.0 || !(-58.0..40.0).contains(&q.y) {
            return (hu, false);
        }
        let at = level(q.z);
        let h = at.height;
        let taper = mix(1.0, 0.86, smoothstep(-20.0, 130.0, q.z));

        // Body: wider than deep, with a waist, flat towards the canal.
        let waist = 1.0 - 0.09 * (1.0 - (h / at.half).powi(2)).max(0.0);
        let rim = self.spurs * smoothstep(0.7, 1.0, (h / at.half).abs());
        let (a, b) = (24.0 * taper * waist + rim, 16.5 * taper * waist + rim);
        let (u, v) = ((q.x / a).abs(), ((q.y - 16.0) / b).abs());
        let round = ((u.powf(2.5) + v.powf(2.5)).powf(0.4) - 1.0) * b;
        let body = round.max(h.abs() - at.half);
        let disc = (round + 0.5).max(at.half - h.abs());

        // Arch: pedicles from the upper half of the body, laminae, joints, and the processes.
        let x = q.x.abs();
        let pedicle = (Point::new(x - 13.5, (q.y + 6.0) * 0.45, (h - 5.0) * 0.72)).norm() - 5.0;
        let joint = (Point::new(x - 14.0, q.y + 19.0, (h + 13.0) * 0.6)).norm() - 6.0;
        let lamina_y = -15.5 - 0.15 * (14.0 - x);
        let lamina = ((q.y - lamina_y - 0.35 * x + 4.0).abs() - 3.2)
            .max(x - 15.0)
            .max((h + 5.0).abs() - 9.0);
        // The spinous process points down more steeply in the chest.
        let drop = mix(0.15, 0.9, at.thoracic) * (q.y + 18.0);
        let spinous = (x - 2.6 - 1.2 * smoothstep(-30.0, -44.0, q.y))
            .max((h + 5.0 - drop).abs() - 9.0)
            .max((q.y + 33.0).abs() - 16.0);
        let reach = mix(40.0, 27.0, at.thoracic);
        let transverse =
            (((q.y + 11.0 + 0.12 * (x - 12.0)) / 0.9).hypot(h - 4.0) - 3.4).max(x - reach);
        let arch = smooth_min(pedicle, joint, 4.0)
            .min(smooth_min(lamina, spinous, 3.0))
            .min(transverse);
        // Canal with the dural sac; the root canals open below the pedicles.
        let canal = ((q.x / 11.5).hypot((q.y + 7.5) / 8.5) - 1.0) * 8.5;
        let arch = arch.max(-canal);
        let bone = body.min(arch);

        let mut out = hu;
        if canal < voxel {
            let sac = ((q.x / 8.5).hypot((q.y + 7.0) / 6.8) - 1.0) * 6.8;
            let cord = (q.x / 5.0).hypot((q.y + 7.0) / 4.0) - 1.0;
            let inner = mix(
                16.0,
                34.0,
                smoothstep(0.2, -0.2, cord) * smoothstep(-30.0, 0.0, q.z),
            );
            out = blend(out, blend(FAT + 20.0, inner, sac, voxel), canal, voxel);
        }
        out = blend(out, 82.0 + 8.0 * noise.at(p / 6.0), disc, voxel);
        if bone < voxel {
            let sponge = self.trabecula + 45.0 * noise.rough(p, 5.0, 2.0);
            let inner = if body < arch {
                blend(self.cortex, sponge, bone + 1.5, voxel)
            } else {
                mix(self.cortex, sponge, 0.35)
            };
            out = blend(out, inner, bone, voxel);
        }
        (out, bone.min(disc).min(canal) < 0.0)
    }
}
