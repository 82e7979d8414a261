//! What the scanner adds to the ideal image: point spread, slice profile, noise with the grain of a
//! reconstruction kernel, streaks.

use super::draw::{Draw, bell};
use super::grid::Grid;
use super::patient::Patient;
use super::spec::PhantomSpec;

/// Turns the ideal image into a scan: blur, noise, whole HU, limits of 12-bit storage.
pub(super) fn scan(
    hu: &mut [f32],
    grid: &Grid,
    patient: &Patient,
    spec: &PhantomSpec,
    draw: &mut Draw,
) {
    let [first, second] = in_plane(grid, |voxel| spec.blur_mm / 2.355 / voxel);
    // The slice is thicker than the ramp of the partial volume; the rest of its profile is a small
    // blur.
    blur(hu, grid.shape, [first, second, 0.4]);
    if spec.noise_hu > 0.0 {
        add_grain(hu, grid, patient, spec.noise_hu, draw);
    }
    if spec.streak_hu > 0.0 {
        add_streaks(hu, grid, patient, spec.streak_hu, draw);
    }
    for value in hu.iter_mut() {
        *value = value.round().clamp(-1024.0, 3071.0);
    }
    if spec.circular_mask {
        mask(hu, grid);
    }
}

/// A width in voxels along both axes of the plane, by the size of their voxels in mm.
fn in_plane(grid: &Grid, width: impl Fn(f32) -> f32) -> [f32; 2] {
    [0, 1].map(|axis| width(grid.spacing[axis] as f32))
}

/// Noise is strongest in the middle of the body, where the rays are weakest: a factor for every (i,
/// j).
fn strength(grid: &Grid, patient: &Patient) -> Vec<f32> {
    let [n0, n1, _] = grid.shape;
    let middle = patient.scanner(super::point::Point::new(0.0, super::patient::MIDDLE, 0.0));
    let mut map = Vec::with_capacity(n0 * n1);
    for i in 0..n0 {
        for j in 0..n1 {
            let p = grid.position([i, j, 0]) - middle;
            let r2 = (p.x / 150.0).powi(2) + (p.y / 110.0).powi(2);
            map.push(0.35 + 0.65 * (-0.8 * r2).exp());
        }
    }
    map
}

/// Correlated noise: white noise with its fine end smoothed by the reconstruction kernel and its
/// slow end removed, as filtered back-projection does.
fn add_grain(hu: &mut [f32], grid: &Grid, patient: &Patient, sd: f32, draw: &mut Draw) {
    let mut grain: Vec<f32> = (0..hu.len()).map(|_| bell(draw.bits())).collect();
    let [first, second] = in_plane(grid, |voxel| (0.8 / voxel).max(0.45));
    blur(&mut grain, grid.shape, [first, second, 0.35]);
    let mut slow = grain.clone();
    blur(&mut slow, grid.shape, [2.0 * first, 2.0 * second, 0.0]);
    for (g, s) in grain.iter_mut().zip(&slow) {
        *g -= 0.75 * s;
    }
    add(hu, &grain, grid, patient, sd);
}

/// Adds a field, scaled to the given standard deviation in the middle of the body.
fn add(hu: &mut [f32], field: &[f32], grid: &Grid, patient: &Patient, sd: f32) {
    let power =
        field.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / field.len().max(1) as f64;
    let scale = sd / (power.sqrt() as f32).max(1e-6);
    let depth = grid.shape[2].max(1);
    for ((line, noise), strength) in hu
        .chunks_mut(depth)
        .zip(field.chunks(depth))
        .zip(strength(grid, patient))
    {
        for (value, n) in line.iter_mut().zip(noise) {
            *value += n * scale * strength;
        }
    }
}

/// Starved rays: noise that is constant along a few near-lateral directions and different in every
/// slice.
fn add_streaks(hu: &mut [f32], grid: &Grid, patient: &Patient, sd: f32, draw: &mut Draw) {
    const RAYS: usize = 9;
    let [n0, n1, n2] = grid.shape;
    let step = grid.spacing[0] as f32;
    let reach = (grid.extent()[0].hypot(grid.extent()[1]) / step) as usize + 4;
    let mut field = vec![0.0f32; hu.len()];
    for ray in 0..RAYS {
        let angle = (ray as f32 - (RAYS - 1) as f32 / 2.0) * 0.11 + draw.between(-0.05, 0.05);
        let profile: Vec<f32> = (0..reach * n2).map(|_| bell(draw.bits())).collect();
        let (sin, cos) = angle.sin_cos();
        for i in 0..n0 {
            for j in 0..n1 {
                let p = grid.position([i, j, 0]);
                let bin = ((p.y * cos - p.x * sin) / step + reach as f32 / 2.0).max(0.0);
                let (low, t) = (bin as usize, bin.fract());
                let row = (i * n1 + j) * n2;
                let lines = (
                    field.get_mut(row..row + n2),
                    profile.get(low * n2..(low + 2) * n2),
                );
                if let (Some(line), Some(pair)) = lines {
                    let (near, far) = pair.split_at(n2);
                    for ((value, a), b) in line.iter_mut().zip(near).zip(far) {
                        *value += a + (b - a) * t;
                    }
                }
            }
        }
    }
    add(hu, &field, grid, patient, sd);
}

/// Sets what lies outside the circle of reconstruction to -1024.
fn mask(hu: &mut [f32], grid: &Grid) {
    let [_, n1, n2] = grid.shape;
    let extent = grid.extent();
    let radius = extent[0].max(extent[1]) / 2.0;
    for (line, values) in hu.chunks_mut(n2.max(1)).enumerate() {
        let p = grid.position([line / n1.max(1), line % n1.max(1), 0]);
        if p.x.hypot(p.y) > radius {
            values.fill(-1024.0);
        }
    }
}

/// Separable Gaussian blur; `sigma` in voxels, below 0.2 an axis is left alone. Edges repeat.
fn blur(data: &mut [f32], shape: [usize; 3], sigma: [f32; 3]) {
    for axis in 0..3 {
        if sigma[axis] < 0.2 {
            continue;
        }
        let inner: usize = shape[axis + 1..].iter().product();
        let length = shape[axis];
        let kernel = kernel(sigma[axis]);
        // One block holds all lines of this axis that lie side by side; whole rows are combined at
        // a time.
        let mut source = Vec::with_capacity(inner * length);
        for block in data.chunks_mut(inner * length) {
            source.clear();
            source.extend_from_slice(block);
            for (at, row) in block.chunks_mut(inner).enumerate() {
                row.fill(0.0);
                for (tap, weight) in kernel.iter().enumerate() {
                    let from = (at + tap).saturating_sub(kernel.len() / 2).min(length - 1);
                    if let Some(values) = source.get(from * inner..(from + 1) * inner) {
                        for (out, value) in row.iter_mut().zip(values) {
                            *out += weight * value;
                        }
                    }
                }
            }
        }
    }
}

/// Weights of a Gaussian out to 2.5 standard deviations; their sum is 1.
fn kernel(sigma: f32) -> Vec<f32> {
    let radius = (2.5 * sigma).ceil().max(1.0) as i32;
    let mut weights: Vec<f32> = (-radius..=radius)
        .map(|n| (-0.5 * (n as f32 / sigma).powi(2)).exp())
        .collect();
    let sum: f32 = weights.iter().sum();
    weights.iter_mut().for_each(|w| *w /= sum);
    weights
}

#[cfg(test)]
mod tests {
    use super::super::draw::Stream;
    use super::*;

    /// What the scanner makes of an ideal image.
    fn scanned(mut hu: Vec<f32>, grid: &Grid, spec: &PhantomSpec) -> Vec<f32> {
        let mut draw = Draw::new(1, Stream::Noise, 1.0);
        let patient = Patient::draw(spec, &mut draw);
        scan(&mut hu, grid, &patient, spec, &mut draw);
        hu
    }

    #[test]
    fn the_point_spread_is_as_wide_in_mm_on_both_axes_of_the_plane() {
        let grid = Grid {
            shape: [41, 41, 3],
            spacing: [2.0, 1.0, 1.0],
        };
        let spec = PhantomSpec {
            blur_mm: 8.0,
            noise_hu: 0.0,
            streak_hu: 0.0,
            ..PhantomSpec::default()
        };
        let at = |i: usize, j: usize| (i * 41 + j) * 3;
        let mut rod = vec![0.0; 41 * 41 * 3];
        rod[at(20, 20)..at(20, 21)].fill(3000.0);
        let hu = scanned(rod, &grid, &spec);
        let deviation = |axis: usize| {
            let (mut sum, mut squares) = (0.0, 0.0);
            for (i, j) in (0..41).flat_map(|i| (0..41).map(move |j| (i, j))) {
                let off = ([i, j][axis] as f64 - 20.0) * grid.spacing[axis];
                let value = f64::from(hu[at(i, j)]);
                (sum, squares) = (sum + value, squares + value * off * off);
            }
            (squares / sum).sqrt()
        };
        for axis in [0, 1] {
            let mm = deviation(axis);
            assert!((mm - 8.0 / 2.355).abs() < 0.2, "axis {axis}: {mm:.2} mm");
        }
    }

    #[test]
    fn the_grain_reaches_over_more_voxels_where_these_are_smaller() {
        let shape = [40, 40, 6];
        let grid = Grid {
            shape,
            spacing: [1.0, 2.0, 2.0],
        };
        let spec = PhantomSpec {
            blur_mm: 0.0,
            noise_hu: 50.0,
            streak_hu: 0.0,
            ..PhantomSpec::default()
        };
        let hu = scanned(vec![0.0; 40 * 40 * 6], &grid, &spec);
        let power: f32 = hu.iter().map(|value| value * value).sum();
        // Of each voxel with the next one along an axis.
        let correlation = |axis: usize| {
            let stride: usize = shape[axis + 1..].iter().product();
            let inner =
                (0..hu.len()).filter(|index| index / stride % shape[axis] + 1 < shape[axis]);
            let products = inner.map(|index| hu[index] * hu[index + stride]);
            products.sum::<f32>() / power
        };
        let (small, large) = (correlation(0), correlation(1));
        assert!(small > large + 0.3, "{small:.2} and {large:.2}");
    }

    #[test]
    fn blur_keeps_the_mean_and_spreads_a_point() {
        let shape = [9, 9, 9];
        let mut data = vec![0.0; 729];
        data[(4 * 9 + 4) * 9 + 4] = 1.0;
        blur(&mut data, shape, [0.8, 0.8, 0.8]);
        assert!((data.iter().sum::<f32>() - 1.0).abs() < 1e-4);
        let at = |i: usize, j: usize, k: usize| data[(i * 9 + j) * 9 + k];
        assert!(at(4, 4, 4) < 0.2);
        assert!(
            (at(3, 4, 4) - at(4, 4, 5)).abs() < 1e-6,
            "the same on every axis"
        );
    }
}
