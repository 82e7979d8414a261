//! Between which grids position embeddings are interpolated.

use super::names::POSITIONS;
use crate::weights::source::WeightsFile;

/// Grids of patches between which position embeddings are interpolated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PatchGrids {
    /// Patches on each axis in the file. `None`: those of the network where there are as many, else a cube.
    pub from: Option<[usize; 3]>,
    /// Patches on each axis of the network.
    pub to: [usize; 3],
}

impl PatchGrids {
    /// With a grid that is guessed from settings beside the file, which may be those of other weights: it counts only
    /// where it has as many patches as the file has positions.
    pub fn guessed(from: Option<[usize; 3]>, to: [usize; 3], file: &WeightsFile<'_>) -> Self {
        let patches = |grid: [usize; 3]| grid.into_iter().try_fold(1usize, usize::checked_mul);
        let named = file
            .tensors
            .iter()
            .filter(|tensor| tensor.name.ends_with(POSITIONS));
        let found: Vec<Option<usize>> = named.map(|tensor| tensor.shape.get(1).copied()).collect();
        let from = from.filter(|grid| found.contains(&patches(*grid)));
        PatchGrids { from, to }
    }
}
