//! One solid of the anatomy: shape, label, inside, and how it meets its neighbours.

use super::blend::blend;
use super::contrast::FAT;
use super::noise::Noise;
use super::point::{Bounds, Point};
use super::shape::Shape;
use super::tissue::{Site, Tissue};
use super::torso::Ground;

/// Where a solid may be drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Within {
    /// Below the diaphragm and inside the muscle wall.
    Abdomen,
    /// Anywhere inside the muscle wall.
    Trunk,
}

/// Unevenness of a surface.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rough {
    /// Largest change of the surface, mm.
    pub(super) height: f32,
    /// Length scale, mm.
    pub(super) scale: f32,
    /// Place in the noise field, so that organs differ.
    pub(super) offset: f32,
}

pub(super) struct Part {
    pub(super) shape: Shape,
    /// Class id; 0 for what has no label.
    pub(super) label: u8,
    pub(super) tissue: Tissue,
    /// Thickness of the layer of fat around it, which presses what was drawn before it, mm.
    pub(super) gap: f32,
    pub(super) rough: Rough,
    pub(super) within: Within,
}

/// State of one voxel while the parts are drawn over each other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Voxel {
    pub(super) hu: f32,
    pub(super) label: u8,
}

impl Part {
    pub(super) fn new(label: u8, shape: Shape, tissue: Tissue) -> Self {
        Self {
            shape,
            label,
            tissue,
            gap: 0.0,
            rough: Rough {
                height: 0.0,
                scale: 30.0,
                offset: 0.0,
            },
            within: Within::Abdomen,
        }
    }

    pub(super) fn gap(self, gap: f32) -> Self {
        Self { gap, ..self }
    }

    pub(super) fn rough(self, height: f32, scale: f32, offset: f32) -> Self {
        Self {
            rough: Rough {
                height,
                scale,
                offset,
            },
            ..self
        }
    }

    pub(super) fn in_trunk(self) -> Self {
        Self {
            within: Within::Trunk,
            ..self
        }
    }

    /// How far from the bare shape the part can still change a voxel.
    pub(super) fn reach(&self, voxel: f32) -> f32 {
        2.2 * self.gap + 1.5 * self.rough.height + voxel
    }

    pub(super) fn bounds(&self, voxel: f32) -> Bounds {
        self.shape.bounds().grown(self.reach(voxel))
    }

    /// Draws the part over what is there.
    pub(super) fn paint(
        &self,
        state: &mut Voxel,
        p: Point,
        height: f32,
        voxel: f32,
        ground: &Ground,
        noise: &Noise,
    ) {
        let limit = match self.within {
            Within::Abdomen => ground.abdomen,
            Within::Trunk => ground.cavity + 2.0,
        };
        if limit > voxel {
            return;
        }
        let reach = self.reach(voxel);
        let bare = self.shape.distance_below(p, reach);
        let Rough {
            height: bumps,
            scale,
            offset,
        } = self.rough;
        if bare >= reach {
            return;
        }
        let relief = if bumps > 0.0 {
            noise.rough(p, scale, offset)
        } else {
            0.0
        };
        let rough = bumps * relief;
        if self.gap > 0.0 {
            // Where the organ bulges, the fat is thin.
            let around = (bare + rough - self.gap * (0.8 + 0.9 * relief).max(0.0)).max(limit);
            state.hu = blend(state.hu, FAT + 6.0, around, voxel);
            if around < 0.0 {
                state.label = 0;
            }
        }
        let distance = (bare + rough).max(limit);
        if distance < 0.5 * voxel {
            let site = Site {
                p,
                height,
                distance,
                voxel,
                noise,
            };
            state.hu = blend(state.hu, self.tissue.hu(&site), distance, voxel);
            if distance < 0.0 {
                state.label = self.label;
            }
        }
    }
}
