//! Between which grids position embeddings are interpolated.

/// Grids of patches between which position embeddings are interpolated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PatchGrids {
    /// Patches on each axis in the file. `None`: those of the network where there are as many, else a cube.
    pub from: Option<[usize; 3]>,
    /// Patches on each axis of the network.
    pub to: [usize; 3],
}
