//! What a solid looks like inside: its CT number from point to point.

use super::blend::{blend, mix, smoothstep};
use super::contrast::{AIR, FAT};
use super::noise::Noise;
use super::point::Point;
use super::shape::{Frame, ellipsoid};
use super::tube::Tube;

/// A point at which a solid is drawn.
pub(super) struct Site<'a> {
    /// Reference coordinates.
    pub(super) p: Point,
    /// Height in the scanner, towards the front: liquids lie level in it.
    pub(super) height: f32,
    /// Signed distance to the solid's surface.
    pub(super) distance: f32,
    /// Width of the partial-volume ramp, mm.
    pub(super) voxel: f32,
    pub(super) noise: &'a Noise,
}

/// The inside of a hollow organ.
pub(super) struct Lumen {
    /// Thickness of the wall, mm.
    pub(super) wall_mm: f32,
    pub(super) wall: f32,
    /// HU of the liquid or food.
    pub(super) content: f32,
    /// Unevenness of the content, HU.
    pub(super) grain: f32,
    /// Share of gas bubbles in the content, 0 to 1: stool.
    pub(super) bubbles: f32,
    /// Gas lies above this height of the scanner.
    pub(super) gas_above: f32,
    /// Depth of the mucosa's folds, mm.
    pub(super) folds: f32,
}

pub(super) enum Tissue {
    /// Even, with a soft grain of the given strength and length.
    Plain {
        hu: f32,
        grain: f32,
        scale: f32,
    },
    /// Liver with its portal and hepatic veins.
    Liver {
        hu: f32,
        portal: Tube,
        portal_hu: f32,
        hepatic: Tube,
        hepatic_hu: f32,
    },
    /// Kidney: bright cortex, darker pyramids.
    Kidney {
        frame: Frame,
        radii: Point,
        cortex: f32,
        medulla: f32,
        offset: f32,
    },
    /// Fat with the renal pelvis and its calyces.
    Sinus {
        frame: Frame,
        radii: Point,
        urine: f32,
        vessel: f32,
    },
    /// Lobules with fat between them.
    Lobules {
        hu: f32,
        fat: f32,
    },
    /// Blood, changing between two heights of the body; `plaque` is the share of calcified wall.
    Blood {
        low: f32,
        high: f32,
        from: f32,
        to: f32,
        plaque: f32,
    },
    Hollow(Lumen),
}

impl Tissue {
    pub(super) fn plain(hu: f32, grain: f32) -> Self {
        Self::Plain {
            hu,
            grain,
            scale: 12.0,
        }
    }

    pub(super) fn blood(hu: f32) -> Self {
        Self::Blood {
            low: hu,
            high: hu,
            from: 0.0,
            to: 1.0,
            plaque: 0.0,
        }
    }

    pub(super) fn hu(&self, s: &Site<'_>) -> f32 {
        let (p, noise) = (s.p, s.noise);
        match self {
            Self::Plain { hu, grain, scale } => hu + grain * noise.rough(p, *scale, 13.0),
            Self::Liver {
                hu,
                portal,
                portal_hu,
                hepatic,
                hepatic_hu,
            } => {
                let fine = smoothstep(0.13, 0.05, noise.curves(p, 19.0, 41.0));
                let mut out =
                    hu + 5.0 * noise.rough(p, 11.0, 17.0) + 0.45 * (portal_hu - hu) * fine;
                if s.distance < -3.0 {
                    out = blend(out, *portal_hu, portal.distance_below(p, s.voxel), s.voxel);
                    out = blend(
                        out,
                        *hepatic_hu,
                        hepatic.distance_below(p, s.voxel),
                        s.voxel,
                    );
                }
                out
            }
            Self::Kidney {
                frame,
                radii,
                cortex,
                medulla,
                offset,
            } => {
                let q = frame.local(p);
                let depth = -ellipsoid(q, *radii);
                let angle = (q.y / radii.y).atan2(q.x / radii.x);
                // Pyramids stand on the sinus like teeth, parted by columns of cortex.
                let teeth = (angle * 3.0 + offset).cos() * (q.z / 10.0 + offset * 2.0).cos();
                let pyramid = smoothstep(5.0, 8.0, depth + 1.5 * noise.at(p / 10.0))
                    * smoothstep(-0.5, 0.25, teeth);
                mix(*cortex, *medulla, pyramid) + 5.0 * noise.at(p / 7.0)
            }
            Self::Sinus {
                frame,
                radii,
                urine,
                vessel,
            } => {
                let q = frame.local(p).component_div(radii);
                let calyx = smoothstep(0.30, 0.14, noise.curves(p, 15.0, 6.0));
                let pelvis = smoothstep(0.5, 0.25, q.norm()).max(0.8 * calyx);
                let vessels = smoothstep(0.2, 0.08, noise.curves(p, 12.0, 26.0));
                let fat = FAT + 25.0 + 0.6 * (vessel - FAT) * vessels;
                mix(fat, *urine, pelvis)
            }
            Self::Lobules { hu, fat } => {
                let cleft = smoothstep(0.26, 0.10, noise.curves(p, 9.0, 23.0));
                let rim = smoothstep(-2.5, 0.0, s.distance);
                mix(
                    hu + 6.0 * noise.at(p / 6.0),
                    FAT,
                    fat * (0.75 * cleft + 0.25 * rim),
                )
            }
            Self::Blood {
                low,
                high,
                from,
                to,
                plaque,
            } => {
                let hu = mix(*low, *high, smoothstep(*from, *to, p.z)) + 4.0 * noise.at(p / 8.0);
                if *plaque <= 0.0 || s.distance < -2.5 {
                    return hu;
                }
                let spot = smoothstep(0.75 - plaque, 0.95 - plaque, noise.rough(p, 12.0, 8.0));
                mix(hu, 620.0, spot)
            }
            Self::Hollow(lumen) => lumen.hu(s),
        }
    }
}

impl Lumen {
    fn hu(&self, s: &Site<'_>) -> f32 {
        let folds = self.folds * s.noise.rough(s.p, 9.0, 19.0).max(-0.3);
        let inner = s.distance + self.wall_mm + folds;
        let mut content = self.content + self.grain * s.noise.rough(s.p, 5.0, 37.0);
        if self.bubbles > 0.0 {
            let limit = 0.8 - 0.75 * self.bubbles;
            content = mix(
                content,
                -700.0,
                smoothstep(limit - 0.25, limit + 0.55, s.noise.rough(s.p, 4.6, 51.0)),
            );
        }
        let content = blend(content, AIR + 15.0, self.gas_above - s.height, s.voxel);
        blend(self.wall, content, inner, s.voxel)
    }
}
