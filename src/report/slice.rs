//! Slices of a volume as pictures.

use super::ReportError;
use super::display::{BACKGROUND, Display, Zoom};
use super::image::RgbImage;
use super::label_colours::label_colour;
use super::row::Row;
use std::ops::Range;

/// Stretched to its spacing, a slice has no side of more than this many times the pixels of its longer side before: none
/// of a body needs more, and voxels of a broken affine may be of any length.
const STRETCH: usize = 4;

/// A family of parallel slices: sizes and strides of its three directions, in voxels.
pub(super) struct Plane {
    /// Voxels from left to right.
    pub(super) width: usize,
    /// Voxels from top to bottom.
    pub(super) height: usize,
    /// Number of slices.
    pub(super) depth: usize,
    strides: [usize; 3],
    /// Millimetres between voxels from left to right and from top to bottom.
    spacing: [f64; 2],
}

impl Plane {
    /// The slices across `display.axis`.
    pub(super) fn new(shape: [usize; 3], display: &Display) -> Result<Plane, ReportError> {
        let [n0, n1, n2] = shape;
        let (s0, s1) = (n1.saturating_mul(n2), n2);
        let [mm0, mm1, mm2] = display.spacing;
        let (sizes, mut strides, mut spacing) = match display.axis {
            0 => ([n1, n2, n0], [s1, 1, s0], [mm1, mm2]),
            1 => ([n0, n2, n1], [s0, 1, s1], [mm0, mm2]),
            2 => ([n0, n1, n2], [s0, s1, 1], [mm0, mm1]),
            axis => {
                let index = 0;
                return Err(ReportError::Slice { index, axis, shape });
            }
        };
        let [mut width, mut height, depth] = sizes;
        if display.transpose {
            std::mem::swap(&mut width, &mut height);
            strides.swap(0, 1);
            spacing.swap(0, 1);
        }
        Ok(Plane {
            width,
            height,
            depth,
            strides,
            spacing,
        })
    }

    /// Pixels that a voxel takes from left to right and from top to bottom: the smallest whole number that makes a slice
    /// of cubes at least `cell` pixels long, and along a voxel's longer edge what comes closest to its proportions.
    pub(super) fn factors(&self, cell: usize) -> [usize; 2] {
        let sizes = [self.width, self.height];
        let longest = self.width.max(self.height).max(1);
        let factor = cell.div_ceil(longest).max(1);
        let most = longest.saturating_mul(factor).saturating_mul(STRETCH);
        let shortest = self.spacing[0].min(self.spacing[1]);
        [0, 1].map(|axis| {
            // Conversion to usize saturates and makes NaN 0.
            let pixels = (factor as f64 * (self.spacing[axis] / shortest)).round() as usize;
            pixels.min(most / sizes[axis].max(1)).max(factor)
        })
    }

    /// The slices between the first and the last that hold any other value than the first voxel's: those without
    /// padding. All where there are none.
    pub(super) fn filled(&self, values: &[f32]) -> Range<usize> {
        let padding = values.first().copied();
        let other = (values.iter().enumerate())
            .filter(|(_, value)| Some(**value) != padding)
            .map(|(index, _)| self.slice_of(index));
        let filled = other.fold(None, |found, slice| match found {
            None => Some((slice, slice)),
            Some((first, last)) => Some((slice.min(first), slice.max(last))),
        });
        filled.map_or(0..self.depth, |(first, last)| first..last + 1)
    }

    /// The slice that the voxel at this place of a row lies in.
    pub(super) fn slice_of(&self, index: usize) -> usize {
        index / self.strides[2].max(1) % self.depth.max(1)
    }

    /// One slice of one row, its voxels enlarged to `factors` pixels.
    pub(super) fn draw(
        &self,
        row: &Row<'_>,
        slice: usize,
        factors: [usize; 2],
        display: &Display,
    ) -> Result<RgbImage, ReportError> {
        let [across, down] = factors;
        let (width, height) = (self.width * across, self.height * down);
        let (black, white) = (display.window.min, display.window.max);
        let mut image = RgbImage::new(width, height, BACKGROUND)?;
        let opacity = display.opacity.clamp(0.0, 1.0);
        for y in 0..height {
            let v = if display.flip_vertical {
                height - 1 - y
            } else {
                y
            };
            for x in 0..width {
                let u = if display.flip_horizontal {
                    width - 1 - x
                } else {
                    x
                };
                let grey = match display.zoom {
                    Zoom::Nearest => self.at(row.values, u / across, v / down, slice),
                    Zoom::Bilinear => self.between(row.values, [u, v], factors, slice),
                };
                // Exactly the value where the window is from 0 to 1.
                let grey = grey.map_or(0.0, |value| (value - black) / (white - black)) * 255.0;
                let label = row
                    .labels
                    .and_then(|l| self.at(l, u / across, v / down, slice));
                let colour = match label.and_then(label_colour) {
                    // Conversion to u8 saturates and makes NaN 0.
                    None => [grey.round() as u8; 3],
                    Some(colour) => colour.map(|channel| {
                        let under = grey.clamp(0.0, 255.0) * (1.0 - opacity);
                        (under + f32::from(channel) * opacity).round() as u8
                    }),
                };
                image.set(x, y, colour);
            }
        }
        Ok(image)
    }

    fn at<T: Copy>(&self, voxels: &[T], u: usize, v: usize, slice: usize) -> Option<T> {
        let [su, sv, sd] = self.strides;
        voxels.get(u * su + v * sv + slice * sd).copied()
    }

    /// The grey value at pixel `at` of the enlarged slice; beyond the outer voxel centres it stays
    /// as it is there.
    fn between(
        &self,
        voxels: &[f32],
        at: [usize; 2],
        factors: [usize; 2],
        slice: usize,
    ) -> Option<f32> {
        let corner = |pixel: usize, length: usize, factor: usize| {
            let position =
                ((pixel as f32 + 0.5) / factor as f32 - 0.5).clamp(0.0, length as f32 - 1.0);
            let low = position.floor();
            (
                low as usize,
                (low as usize + 1).min(length - 1),
                position - low,
            )
        };
        let (u0, u1, fu) = corner(at[0], self.width, factors[0]);
        let (v0, v1, fv) = corner(at[1], self.height, factors[1]);
        let along = |v| {
            let (a, b) = (
                self.at(voxels, u0, v, slice)?,
                self.at(voxels, u1, v, slice)?,
            );
            Some(a + (b - a) * fu)
        };
        let (a, b) = (along(v0)?, along(v1)?);
        Some(a + (b - a) * fv)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpolation_keeps_the_ends_and_passes_through_the_middle() -> Result<(), ReportError> {
        let display = Display {
            zoom: Zoom::Bilinear,
            flip_horizontal: false,
            flip_vertical: false,
            ..Display::axial_ras(1)
        };
        let plane = Plane::new([2, 1, 1], &display)?;
        let row = ("v", [0.0, 1.0].as_slice()).into();
        let shown = plane.draw(&row, 0, [4; 2], &display)?;
        let greys: Vec<_> = (0..8)
            .filter_map(|x| shown.get(x, 0))
            .map(|c| c[0])
            .collect();
        assert_eq!(greys, [0, 0, 32, 96, 159, 223, 255, 255]);
        Ok(())
    }

    fn factors(shape: [usize; 3], spacing: [f64; 3], cell: usize) -> [usize; 2] {
        let display = Display {
            spacing,
            ..Display::axial_ras(1)
        };
        Plane::new(shape, &display).unwrap().factors(cell)
    }

    #[test]
    fn voxels_are_drawn_in_whole_pixels_close_to_their_proportions() {
        let cubes = [[1.0; 3], [0.7; 3], [2.0, 2.0 + 1e-12, 9.0]];
        for spacing in cubes {
            assert_eq!(factors([96, 80, 5], spacing, 192), [2, 2], "{spacing:?}");
            assert_eq!(factors([500, 15, 5], spacing, 192), [1, 1], "{spacing:?}");
        }
        assert_eq!(factors([15, 500, 5], [4.0, 0.5, 0.5], 192), [8, 1]);
        assert_eq!(factors([96, 80, 5], [1.5, 2.0, 1.0], 192), [2, 3]);
    }

    #[test]
    fn voxels_of_no_or_any_length_make_no_endless_picture() {
        for mm in [f64::NAN, -1.0] {
            assert_eq!(factors([40, 50, 6], [mm, 1.0, 1.0], 100), [2, 2], "{mm}");
        }
        for mm in [0.0, f64::INFINITY, 1e9, 1e300, 1e-300] {
            for spacing in [[mm, 1.0, 1.0], [1.0, mm, 1.0], [mm; 3]] {
                let [across, down] = factors([40, 50, 6], spacing, 100);
                let sides = [40 * across, 50 * down];
                let bounded = sides.iter().all(|side| (80..=400).contains(side));
                assert!(bounded, "{spacing:?}: {sides:?}");
            }
        }
    }
}
