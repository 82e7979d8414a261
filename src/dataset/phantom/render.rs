//! Draws the anatomy on the grid, tile by tile: each tile knows which solids reach it.

use super::anatomy::Anatomy;
use super::couch::Couch;
use super::grid::Grid;
use super::noise::Noise;
use super::part::{Part, Voxel};
use super::patient::Patient;
use super::point::{Bounds, Point};

/// Ideal image and labels, before the scanner's blur and noise.
pub(super) struct Rendered {
    pub(super) hu: Vec<f32>,
    pub(super) label: Vec<f32>,
}

/// All that is needed to draw.
pub(super) struct Scene<'a> {
    pub(super) grid: &'a Grid,
    pub(super) patient: &'a Patient,
    pub(super) anatomy: &'a Anatomy,
    pub(super) noise: &'a Noise,
    pub(super) couch: Option<Couch>,
}

/// A block of voxels with the reference coordinates of its eight corners; between them the
/// deformation is taken as linear.
struct Tile<'a> {
    start: [usize; 3],
    edge: [usize; 3],
    corners: [Point; 8],
    /// The parts that can change a voxel of the tile, in drawing order.
    parts: Vec<&'a Part>,
}

impl Tile<'_> {
    /// Start and extent, along the third axis, of the line with the given fractions along the first
    /// two.
    fn line(&self, u: f32, v: f32) -> (Point, Point) {
        let [a, b, c, d, e, f, g, h] = self.corners;
        let low = a.lerp(&b, u).lerp(&c.lerp(&d, u), v);
        let high = e.lerp(&f, u).lerp(&g.lerp(&h, u), v);
        (low, high - low)
    }
}

impl Scene<'_> {
    pub(super) fn render(&self) -> Rendered {
        let count = self.grid.voxels();
        let mut out = Rendered {
            hu: vec![0.0; count],
            label: vec![0.0; count],
        };
        // Width of the partial-volume ramp in reference mm: the edge of a cube as large as a voxel.
        let volume =
            self.grid.spacing.iter().product::<f64>() as f32 / self.patient.scale.product();
        let voxel = volume.cbrt();
        let edge = self
            .grid
            .spacing
            .map(|s| (14.0 / s).round().clamp(2.0, 16.0) as usize);
        let bounds: Vec<Bounds> = self
            .anatomy
            .parts
            .iter()
            .map(|part| part.bounds(voxel))
            .collect();
        let [n0, n1, n2] = self.grid.shape;
        for i in (0..n0).step_by(edge[0]) {
            for j in (0..n1).step_by(edge[1]) {
                for k in (0..n2).step_by(edge[2]) {
                    self.fill(&mut out, &self.tile([i, j, k], edge, &bounds, voxel), voxel);
                }
            }
        }
        out
    }

    fn tile(&self, start: [usize; 3], edge: [usize; 3], bounds: &[Bounds], voxel: f32) -> Tile<'_> {
        let corners = std::array::from_fn(|c| {
            let index =
                std::array::from_fn(|a| start[a] + if c >> a & 1 == 1 { edge[a] } else { 0 });
            self.patient.reference(self.grid.position(index))
        });
        let own = Bounds::around(corners);
        let centre = (own.low + own.high) / 2.0;
        let radius = (own.high - own.low).norm() / 2.0;
        let near = self
            .anatomy
            .parts
            .iter()
            .zip(bounds)
            .filter(|(part, bounds)| {
                // Distances are approximate away from the surface, hence the factor.
                bounds.meets(&own) && part.shape.distance(centre) < 1.6 * radius + part.reach(voxel)
            });
        Tile {
            start,
            edge,
            corners,
            parts: near.map(|(part, _)| part).collect(),
        }
    }

    fn fill(&self, out: &mut Rendered, tile: &Tile<'_>, voxel: f32) {
        let [n0, n1, n2] = self.grid.shape;
        let [e0, e1, e2] = tile.edge;
        let [i0, j0, k0] = tile.start;
        for i in i0..(i0 + e0).min(n0) {
            for j in j0..(j0 + e1).min(n1) {
                let (low, along) =
                    tile.line((i - i0) as f32 / e0 as f32, (j - j0) as f32 / e1 as f32);
                let row = (i * n1 + j) * n2;
                let here = self.grid.position([i, j, k0]);
                for k in k0..(k0 + e2).min(n2) {
                    let p = low + along * ((k - k0) as f32 / e2 as f32);
                    let state = self.voxel(p, here, &tile.parts, voxel);
                    if let (Some(hu), Some(label)) =
                        (out.hu.get_mut(row + k), out.label.get_mut(row + k))
                    {
                        *hu = state.hu;
                        *label = f32::from(state.label);
                    }
                }
            }
        }
    }

    /// Value and label at reference point `p`; `world` is the same place in the scanner (its height
    /// along the body does not matter).
    fn voxel(&self, p: Point, world: Point, parts: &[&Part], voxel: f32) -> Voxel {
        let ground = self.anatomy.torso.ground(p, voxel, self.noise);
        let mut state = Voxel {
            hu: ground.hu,
            label: 0,
        };
        if ground.cavity < 20.0 {
            for part in parts {
                part.paint(&mut state, p, world.y, voxel, &ground, self.noise);
            }
        }
        if ground.hu > -990.0 {
            let (hu, bone) =
                self.anatomy
                    .spine
                    .paint(state.hu, p, &self.anatomy.torso.spine, voxel, self.noise);
            state.hu = hu;
            if bone {
                state.label = 0;
            }
        } else if let Some(couch) = &self.couch {
            state.hu = couch.paint(state.hu, world, self.grid.spacing[0] as f32);
        }
        state
    }
}
