//! Slices of a volume as pictures.

use super::ReportError;
use super::display::{BACKGROUND, Display, Zoom};
use super::image::RgbImage;
use super::label_colours::label_colour;
use super::row::Row;
use std::ops::Range;

/// A family of parallel slices: sizes and strides of its three directions, in voxels.
pub(super) struct Plane {
    /// Voxels from left to right.
    pub(super) width: usize,
    /// Voxels from top to bottom.
    pub(super) height: usize,
    /// Number of slices.
    pub(super) depth: usize,
    strides: [usize; 3],
}

impl Plane {
    /// The slices across `display.axis`.
    pub(super) fn new(shape: [usize; 3], display: &Display) -> Result<Plane, ReportError> {
        let [n0, n1, n2] = shape;
        let (s0, s1) = (n1.saturating_mul(n2), n2);
        let (sizes, strides) = match display.axis {
            0 => ([n1, n2, n0], [s1, 1, s0]),
            1 => ([n0, n2, n1], [s0, 1, s1]),
            2 => ([n0, n1, n2], [s0, s1, 1]),
            axis => {
                let index = 0;
                return Err(ReportError::Slice { index, axis, shape });
            }
        };
        let ([mut width, mut height, depth], mut strides) = (sizes, strides);
        if display.transpose {
            std::mem::swap(&mut width, &mut height);
            strides.swap(0, 1);
        }
        Ok(Plane {
            width,
            height,
            depth,
            strides,
        })
    }

    /// The slices between the first and the last that hold any other value than the first voxel's: those without
    /// padding. All where there are none.
    pub(super) fn filled(&self, values: &[f32]) -> Range<usize> {
        let (depth, stride) = (self.depth.max(1), self.strides[2].max(1));
        let padding = values.first().copied();
        let other = (values.iter().enumerate())
            .filter(|(_, value)| Some(**value) != padding)
            .map(|(index, _)| index / stride % depth);
        let filled = other.fold(None, |found, slice| match found {
            None => Some((slice, slice)),
            Some((first, last)) => Some((slice.min(first), slice.max(last))),
        });
        filled.map_or(0..self.depth, |(first, last)| first..last + 1)
    }

    /// One slice of one row, enlarged.
    pub(super) fn draw(
        &self,
        row: &Row<'_>,
        slice: usize,
        factor: usize,
        display: &Display,
    ) -> Result<RgbImage, ReportError> {
        let (width, height) = (self.width * factor, self.height * factor);
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
                    Zoom::Nearest => self.at(row.values, u / factor, v / factor, slice),
                    Zoom::Bilinear => self.between(row.values, [u, v], factor, slice),
                };
                let grey = grey.unwrap_or(0.0) * 255.0;
                let label = row
                    .labels
                    .and_then(|l| self.at(l, u / factor, v / factor, slice));
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
    fn between(&self, voxels: &[f32], at: [usize; 2], factor: usize, slice: usize) -> Option<f32> {
        let corner = |pixel: usize, length: usize| {
            let position =
                ((pixel as f32 + 0.5) / factor as f32 - 0.5).clamp(0.0, length as f32 - 1.0);
            let low = position.floor();
            (
                low as usize,
                (low as usize + 1).min(length - 1),
                position - low,
            )
        };
        let (u0, u1, fu) = corner(at[0], self.width);
        let (v0, v1, fv) = corner(at[1], self.height);
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
        let shown = plane.draw(&row, 0, 4, &display)?;
        let greys: Vec<_> = (0..8)
            .filter_map(|x| shown.get(x, 0))
            .map(|c| c[0])
            .collect();
        assert_eq!(greys, [0, 0, 32, 96, 159, 223, 255, 255]);
        Ok(())
    }
}
