//! Synthetic abdominal CT cases in HU with the 13 organs of BTCV.
//!
//! A case is a patient drawn at random (build, age, contrast phase, organ sizes and positions, a
//! smooth deformation of the whole), placed on a couch in the field of view, drawn with partial
//! volume, and scanned (blur, correlated noise, streaks). It is made for tests, the quickstart and
//! the page; it is no substitute for patients.
//!
//! World coordinates are RAS+ mm: x grows to the patient's right, y to the front, z to the head.
//! The voxels are stored in the order that [`PhantomSpec::orientation`] names, RAS by default.

mod anatomy;
mod blend;
mod bowel;
mod contrast;
mod couch;
mod diaphragm;
mod draw;
mod error;
mod grid;
mod heart_spleen;
mod labels;
mod liver;
mod muscles;
mod noise;
mod part;
mod patient;
mod plan;
mod point;
mod render;
mod ribs;
mod scanner;
mod seeds;
mod shape;
mod spec;
mod spine;
mod tissue;
mod torso;
mod tube;
mod upper_gut;
mod urinary;
mod vessels;

#[cfg(test)]
mod tests;

pub use error::PhantomError;
pub use labels::{LAST_LABEL, ORGAN_COLOURS, ORGAN_NAMES};
pub use seeds::{RunSeeds, name_of, seed_of};
pub use spec::{Orientation, PhantomSpec, Phase};

use crate::volume::{Affine, Volume};
use anatomy::Anatomy;
use couch::Couch;
use draw::{Draw, Stream};
use grid::Grid;
use noise::Noise;
use patient::Patient;
use render::Scene;

/// A synthetic case.
#[derive(Debug, Clone, PartialEq)]
pub struct PhantomCase {
    /// Whole HU from -1024 to 3071.
    pub image: Volume,
    /// Class ids 0 to 13 (see [`ORGAN_NAMES`]) on the same grid.
    pub label: Volume,
    /// Contrast phase of the scan.
    pub phase: Phase,
}

/// Makes the case of a seed: a pure function of its arguments.
///
/// # Errors
/// [`PhantomError::Setting`] if a setting is out of range.
pub fn abdomen(seed: u64, spec: &PhantomSpec) -> Result<PhantomCase, PhantomError> {
    spec.validate()?;
    let stream = |stream| Draw::new(seed, stream, spec.variation);
    let mut patient = Patient::draw(spec, &mut stream(Stream::Patient));
    let noise = Noise::new(&mut stream(Stream::Texture));
    let mut scanner = stream(Stream::Scanner);
    let grid = Grid::draw(spec, &patient, &mut scanner);
    patient.place(grid.extent(), spec.variation, &mut scanner);
    let anatomy = Anatomy::draw(&patient, &mut stream(Stream::Anatomy));
    let couch = spec.table.then(|| Couch::under(&patient, &mut scanner));
    // Where the scanner's origin lies: the couch travels, the body is near the centre of the bore.
    let origin = [
        scanner.between(-15.0, 15.0),
        scanner.between(-40.0, 40.0),
        scanner.between(-900.0, 300.0),
    ];

    let scene = Scene {
        grid: &grid,
        patient: &patient,
        anatomy: &anatomy,
        noise: &noise,
        couch,
    };
    let mut rendered = scene.render();
    scanner::scan(
        &mut rendered.hu,
        &grid,
        &patient,
        spec,
        &mut stream(Stream::Noise),
    );

    let flips = match spec.orientation {
        Orientation::Ras => [false, false],
        Orientation::Las => [true, false],
        Orientation::Lps => [true, true],
    };
    let affine = affine(&grid, origin, flips);
    Ok(PhantomCase {
        image: Volume::new(grid.shape, flipped(rendered.hu, grid.shape, flips), affine)?,
        label: Volume::new(
            grid.shape,
            flipped(rendered.label, grid.shape, flips),
            affine,
        )?,
        phase: patient.enhancement.phase,
    })
}

/// Index to RAS+ mm for a grid whose first two axes may be stored backwards.
fn affine(grid: &Grid, origin: [f32; 3], flips: [bool; 2]) -> Affine {
    let mut affine = Affine::identity();
    for axis in 0..3 {
        let half = (grid.shape[axis] as f64 - 1.0) / 2.0 * grid.spacing[axis];
        let sign = if flips.get(axis) == Some(&true) {
            -1.0
        } else {
            1.0
        };
        affine[(axis, axis)] = sign * grid.spacing[axis];
        affine[(axis, 3)] = f64::from(origin[axis].round()) - sign * half;
    }
    affine
}

/// Voxels with the first or second axis reversed.
fn flipped(data: Vec<f32>, shape: [usize; 3], flips: [bool; 2]) -> Vec<f32> {
    let [n0, n1, n2] = shape;
    if flips == [false, false] {
        return data;
    }
    let source = |i: usize, j: usize| {
        let i = if flips[0] { n0 - 1 - i } else { i };
        let j = if flips[1] { n1 - 1 - j } else { j };
        (i * n1 + j) * n2
    };
    let lines = (0..n0).flat_map(|i| (0..n1).map(move |j| (i, j)));
    lines
        .flat_map(|(i, j)| data.iter().skip(source(i, j)).take(n2).copied())
        .collect()
}
