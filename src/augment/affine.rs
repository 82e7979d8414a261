//! Patches of a volume that is turned and scaled by a random amount, in one interpolation.
//!
//! Not part of the original recipe, which varies a crop by flips, quarter turns and intensity shifts alone.

use super::AugmentSettings;
use crate::random::RandomSource;
use crate::volume::{Region, Volume};
use nalgebra::{Matrix3, Rotation3, Vector3};

impl AugmentSettings {
    /// Draws the turn and the size of a patch with voxels of `spacing` mm: the matrix that leads from a place in the
    /// patch, in voxels from its middle, to one in the volume. `None` where the patch is to stay as it is.
    pub(super) fn draw_affine(
        &self,
        random: &mut impl RandomSource,
        spacing: [f64; 3],
    ) -> Option<Matrix3<f64>> {
        if random.uniform() >= self.affine_probability {
            return None;
        }
        let mut symmetric = || 2.0 * random.uniform() - 1.0;
        let [a, b, c] = [(); 3].map(|()| symmetric() * self.affine_angle.to_radians());
        let size = (symmetric() * self.affine_scale.ln_1p()).exp();
        // A turn of the body, so it happens in mm.
        let mm = Matrix3::from_diagonal(&Vector3::from(spacing));
        let voxels = Matrix3::from_diagonal(&Vector3::from(spacing.map(f64::recip)));
        Some(voxels * Rotation3::from_euler_angles(a, b, c).matrix() * mm / size)
    }
}

/// Copies `region` of `volume` and its `labels`, turned and scaled about its middle by `matrix` (see
/// [`AugmentSettings::draw_affine`]): intensities interpolated linearly, labels those of the nearest voxel. Beyond the volume
/// its outermost voxels go on.
///
/// `region` lies inside the volume, and both have a voxel at least; `labels` has one value a voxel of it, `image` and
/// `label` one a voxel of the region.
pub(super) fn copy_turned(
    volume: &Volume,
    labels: &[u8],
    region: Region,
    matrix: &Matrix3<f64>,
    image: &mut [f32],
    label: &mut [u8],
) {
    let shape = volume.shape();
    let [_, rows, columns] = region.size;
    let middle = Vector3::from(region.size.map(|n| (n as f64 - 1.0) / 2.0));
    let centre = Vector3::from(region.start.map(|n| n as f64)) + middle;
    let step: Vector3<f64> = matrix.column(2).into();
    let out = image
        .chunks_exact_mut(columns)
        .zip(label.chunks_exact_mut(columns));
    for (n, (image, label)) in out.enumerate() {
        let row = Vector3::new((n / rows) as f64, (n % rows) as f64, 0.0);
        let first = centre + matrix * (row - middle);
        for (k, (image, label)) in image.iter_mut().zip(label).enumerate() {
            let place = first + step * k as f64;
            let axes: [Axis; 3] = std::array::from_fn(|a| Axis::new(place[a], shape[a]));
            *image = interpolate(volume.data(), shape, &axes);
            let [i, j, k] = axes.map(|axis| axis.nearest());
            *label = labels[(i * shape[1] + j) * shape[2] + k];
        }
    }
}

/// A place between two voxels of an axis.
struct Axis {
    low: usize,
    high: usize,
    /// How near to `high`, from 0 to 1.
    share: f32,
}

impl Axis {
    fn new(place: f64, length: usize) -> Self {
        let last = length - 1;
        let place = place.clamp(0.0, last as f64);
        let low = (place as usize).min(last);
        Axis {
            low,
            high: (low + 1).min(last),
            share: (place - low as f64) as f32,
        }
    }

    fn nearest(&self) -> usize {
        if self.share < 0.5 {
            self.low
        } else {
            self.high
        }
    }
}

fn interpolate(data: &[f32], shape: [usize; 3], [x, y, z]: &[Axis; 3]) -> f32 {
    let between = |a: f32, b: f32, share: f32| a + (b - a) * share;
    let along = |i: usize, j: usize| {
        let row = (i * shape[1] + j) * shape[2];
        between(data[row + z.low], data[row + z.high], z.share)
    };
    let across = |i: usize| between(along(i, y.low), along(i, y.high), y.share);
    between(across(x.low), across(x.high), x.share)
}

#[cfg(test)]
mod tests;
