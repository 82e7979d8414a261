//! Spacing, intensity and foreground crop in one pass, shared by both stages.

use super::foreground::{Bounds, bounds};
use super::grid::{Grid, IndexMap, shifted, spacing_grid, zeros};
use super::sampling::{self, Interpolation};
use super::{Intensity, TransformError, separable};
use crate::volume::{Affine, Region, Volume};

/// The part of a resampled volume that holds its foreground.
#[derive(Debug, Clone)]
pub(super) struct Focus {
    /// The foreground, resampled and mapped.
    pub(super) volume: Volume,
    /// The shape of the whole resampled volume.
    pub(super) shape: [usize; 3],
    /// The affine of the whole resampled volume.
    pub(super) affine: Affine,
    /// Where `volume` lies in it.
    pub(super) region: Region,
    /// From its indices to those of the input; `None` where they are the same.
    map: Option<IndexMap>,
}

impl Focus {
    /// Resamples `v` to `spacing`, maps its values and crops it to the foreground's bounding box.
    ///
    /// Equal to the single transforms one after the other, but only the part around the foreground
    /// is ever computed.
    pub(super) fn on(
        v: &Volume,
        spacing: [f64; 3],
        intensity: &Intensity,
    ) -> Result<Self, TransformError> {
        let grid = spacing_grid(v.shape(), v.affine(), spacing)?;
        let mapping = intensity.mapping(v)?;
        // A value between voxels is foreground only if one of them is.
        let source = bounds(v.data(), v.shape(), mapping.background());
        let source = source.region().ok_or_else(|| mapping.nothing())?;

        let mut found = Bounds::new(mapping.mapped_background());
        let finish = |i: usize, j: usize, row: &mut [f32]| {
            mapping.scale(row);
            found.add_row(i, j, row);
        };
        let (part, mut data) = match &grid {
            None => (source, copied(v, source, finish)?),
            Some(grid) => resampled(v, grid, source, finish)?,
        };
        let inner = found.region().ok_or_else(|| mapping.nothing())?;
        compact(&mut data, part.size, inner);
        let region = Region {
            start: std::array::from_fn(|a| part.start[a] + inner.start[a]),
            size: inner.size,
        };
        let (shape, affine, map) = match grid {
            None => (v.shape(), *v.affine(), None),
            Some(Grid { shape, affine, map }) => (shape, affine, Some(map)),
        };
        let moved = shifted(&affine, region.start.map(|s| s as f64));
        Ok(Self {
            volume: Volume::new(region.size, data, moved)?,
            shape,
            affine,
            region,
            map,
        })
    }

    /// The labels of the focus, for `labels` of `shape` on the grid of the input: the nearest ones.
    pub(super) fn labels(
        &self,
        labels: &[u8],
        shape: [usize; 3],
    ) -> Result<Vec<u8>, TransformError> {
        let Some(map) = &self.map else {
            return super::foreground::cut(labels, shape, self.region);
        };
        let mut out = zeros(self.region.size)?;
        if map.is_separable(self.shape) {
            separable::nearest(labels, shape, map, self.region, &mut out);
        } else {
            sampling::nearest(labels, shape, map, self.region, &mut out);
        }
        Ok(out)
    }
}

/// The voxels of `region`, every row finished.
fn copied(
    v: &Volume,
    region: Region,
    mut finish: impl FnMut(usize, usize, &mut [f32]),
) -> Result<Vec<f32>, TransformError> {
    let mut out = zeros(region.size)?;
    let rows = out.chunks_exact_mut(region.size[2]);
    for (n, (row, stored)) in rows.zip(region.rows(v.data(), v.shape())).enumerate() {
        row.copy_from_slice(stored);
        finish(n / region.size[1], n % region.size[1], row);
    }
    Ok(out)
}

/// The part of `grid` that reads inside `source`, resampled, every row finished, and where it lies.
fn resampled(
    v: &Volume,
    grid: &Grid,
    source: Region,
    finish: impl FnMut(usize, usize, &mut [f32]),
) -> Result<(Region, Vec<f32>), TransformError> {
    if !grid.map.is_separable(grid.shape) {
        let mut out = zeros(grid.shape)?;
        let (map, mode) = (&grid.map, Interpolation::Linear);
        sampling::sample(v.data(), v.shape(), map, mode, grid.shape, &mut out, finish);
        let whole = Region {
            start: [0; 3],
            size: grid.shape,
        };
        return Ok((whole, out));
    }
    let taps = separable::taps(&grid.map, v.shape(), grid.shape);
    let ranges: [_; 3] = std::array::from_fn(|a| {
        let axis = source.start[a]..source.start[a] + source.size[a];
        separable::reading(&taps[a], &axis)
    });
    let part = Region {
        start: ranges.each_ref().map(|range| range.start),
        size: ranges.each_ref().map(|range| range.len()),
    };
    let mut out = zeros(part.size)?;
    let used = std::array::from_fn(|a| &taps[a][ranges[a].clone()]);
    separable::linear(v.data(), v.shape(), used, &mut out, finish)?;
    Ok((part, out))
}

/// Keeps only `region` of `data`, in place.
fn compact(data: &mut Vec<f32>, shape: [usize; 3], region: Region) {
    if region.size == shape {
        return;
    }
    for (n, start) in region.row_starts(shape).enumerate() {
        data.copy_within(start..start + region.size[2], n * region.size[2]);
    }
    data.truncate(region.size.iter().product());
    data.shrink_to_fit();
}
