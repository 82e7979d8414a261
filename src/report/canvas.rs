//! A drawing surface: rectangles, lines, discs and text at fractional pixels. Everything is drawn
//! three times as large and averaged down, which smooths the edges.

use super::ReportError;
use super::image::{Colour, MAX_PIXELS, RgbImage};
use plotters::backend::{BitMapBackend, DrawingBackend, RGBPixel};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontStyle, IntoFont, RGBColor, ShapeStyle, TextStyle, register_font};
use std::cell::RefCell;

/// How much larger the surface is than the picture.
const SCALE: usize = 3;
/// No line ends farther from the picture than this, in its pixels: what lies there is not seen, and the drawing library
/// adds to places.
const FAR: f64 = 1e5;
/// The name under which the embedded font is registered.
pub(super) const FONT: &str = "hounsfield";

type Backend<'a> = BitMapBackend<'a, RGBPixel>;
type Point = (f64, f64);

/// Where text lies relative to its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Left,
    Middle,
    Right,
}

/// Size and colour of text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Font {
    /// Height of a line in pixels; capitals are about 0.6 of it.
    pub(super) size: f64,
    pub(super) colour: Colour,
}

/// The surface. Positions and sizes are in pixels of the final picture, from its top left corner; what lies outside is
/// not seen. The library's own drawing areas would move it to the edge.
pub(super) struct Canvas<'a> {
    backend: RefCell<Backend<'a>>,
}

/// Makes a picture of what `draw` draws.
///
/// # Errors
/// When the picture is too large or the drawing library fails.
pub(super) fn paint(
    width: usize,
    height: usize,
    background: Colour,
    draw: impl FnOnce(&Canvas<'_>) -> Result<(), ReportError>,
) -> Result<RgbImage, ReportError> {
    register()?;
    if !fits(width, height) {
        return Err(ReportError::PictureSize { width, height });
    }
    let mut image = RgbImage::new(width, height, background)?;
    let (wide, high) = (width * SCALE, height * SCALE);
    let mut large = RgbImage::new(wide, high, background)?;
    let size = (wide as u32, high as u32);
    let backend = Backend::with_buffer_and_format(large.pixels_mut(), size).map_err(failed)?;
    let canvas = Canvas {
        backend: RefCell::new(backend),
    };
    draw(&canvas)?;
    drop(canvas);
    reduce(&large, &mut image);
    Ok(image)
}

/// Whether a picture is small enough for [`paint`].
pub(super) fn fits(width: usize, height: usize) -> bool {
    let pixels = width.saturating_mul(height);
    pixels.saturating_mul(SCALE * SCALE) <= MAX_PIXELS
}

/// Gives the embedded font its name.
pub(super) fn register() -> Result<(), ReportError> {
    register_font(FONT, FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT)
        .map_err(|_| failed("the embedded font cannot be read"))
}

impl Canvas<'_> {
    /// A filled rectangle.
    pub(super) fn rectangle(
        &self,
        from: Point,
        to: Point,
        colour: Colour,
    ) -> Result<(), ReportError> {
        let mut backend = self.backend.borrow_mut();
        let drawn = backend.draw_rect(enlarged(from), enlarged(to), &rgb(colour), true);
        drawn.map_err(failed)
    }

    /// A filled disc.
    pub(super) fn disc(&self, at: Point, radius: f64, colour: Colour) -> Result<(), ReportError> {
        let radius = (radius * SCALE as f64).round() as u32;
        let mut backend = self.backend.borrow_mut();
        let drawn = backend.draw_circle(enlarged(at), radius, &rgb(colour), true);
        drawn.map_err(failed)
    }

    /// A line through points, with round joints where it is wide enough to show them.
    pub(super) fn line(
        &self,
        points: &[Point],
        width: f64,
        colour: Colour,
    ) -> Result<(), ReportError> {
        let style = ShapeStyle {
            color: rgb(colour).to_rgba(),
            filled: false,
            stroke_width: (width * SCALE as f64).round().max(1.0) as u32,
        };
        // Piece by piece: the library's joints grow spikes at sharp turns.
        for pair in points.windows(2) {
            let ends = pair.iter().copied().map(enlarged);
            let drawn = self.backend.borrow_mut().draw_path(ends, &style);
            drawn.map_err(failed)?;
        }
        if width > 1.5 {
            for &point in points {
                self.disc(point, width / 2.0, colour)?;
            }
        }
        Ok(())
    }

    /// One line of text, with the middle of its capitals at the height of `at`.
    pub(super) fn text(
        &self,
        at: Point,
        anchor: Anchor,
        font: Font,
        text: &str,
    ) -> Result<(), ReportError> {
        let colour = rgb(font.colour);
        let anchor = match anchor {
            Anchor::Left => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::Right => HPos::Right,
        };
        let style = style(font, &colour).pos(Pos::new(anchor, VPos::Top));
        // The baseline is half a line below the top; capitals end 0.6 lines above the baseline.
        let top = (at.0, at.1 - 0.2 * font.size);
        let mut backend = self.backend.borrow_mut();
        let drawn = backend.draw_text(text, &style, enlarged(top));
        drawn.map_err(failed)
    }

    /// How wide a text is.
    pub(super) fn text_width(&self, font: Font, text: &str) -> Result<f64, ReportError> {
        let colour = rgb(font.colour);
        let backend = self.backend.borrow();
        let size = backend.estimate_text_size(text, &style(font, &colour));
        Ok(f64::from(size.map_err(failed)?.0) / SCALE as f64)
    }
}

/// `colour` thinned with `share` of `other`.
pub(super) fn mix(colour: Colour, other: Colour, share: f64) -> Colour {
    let blend = |a: u8, b: u8| (f64::from(a) * (1.0 - share) + f64::from(b) * share).round() as u8;
    let ([r, g, b], [s, h, c]) = (colour, other);
    [blend(r, s), blend(g, h), blend(b, c)]
}

fn style<'a>(font: Font, colour: &'a RGBColor) -> TextStyle<'a> {
    let size = font.size * SCALE as f64;
    TextStyle::from((FONT, size).into_font()).color(colour)
}

fn rgb([red, green, blue]: Colour) -> RGBColor {
    RGBColor(red, green, blue)
}

fn enlarged((x, y): Point) -> (i32, i32) {
    let enlarge = |value: f64| (value.clamp(-FAR, FAR) * SCALE as f64).round() as i32;
    (enlarge(x), enlarge(y))
}

fn failed(error: impl std::fmt::Display) -> ReportError {
    ReportError::Draw(error.to_string())
}

/// Averages squares of pixels.
fn reduce(large: &RgbImage, small: &mut RgbImage) {
    let width = small.width();
    let mut sums = vec![0_u32; width * 3];
    let strips = large.pixels().chunks(large.width() * SCALE * 3);
    for (row, strip) in small.pixels_mut().chunks_mut(width * 3).zip(strips) {
        sums.fill(0);
        for line in strip.chunks(width * SCALE * 3) {
            for (sum, square) in sums.chunks_mut(3).zip(line.chunks(SCALE * 3)) {
                for pixel in square.chunks(3) {
                    for (sum, channel) in sum.iter_mut().zip(pixel) {
                        *sum += u32::from(*channel);
                    }
                }
            }
        }
        let area = (SCALE * SCALE) as u32;
        for (channel, sum) in row.iter_mut().zip(&sums) {
            *channel = ((sum + area / 2) / area) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHITE: Colour = [255; 3];
    const BLACK: Colour = [0; 3];

    #[test]
    fn shapes_are_where_they_were_drawn() -> Result<(), ReportError> {
        let image = paint(40, 30, WHITE, |canvas| {
            canvas.rectangle((2.0, 2.0), (6.0, 6.0), BLACK)?;
            canvas.disc((30.0, 10.0), 4.0, [200, 0, 0])?;
            canvas.line(&[(5.0, 25.0), (35.0, 25.0)], 2.0, [0, 0, 200])
        })?;
        assert_eq!((image.width(), image.height()), (40, 30));
        assert_eq!(image.get(3, 3), Some(BLACK));
        assert_eq!(image.get(30, 10), Some([200, 0, 0]));
        assert_eq!(image.get(20, 24), Some([0, 0, 200]));
        assert_eq!(image.get(20, 15), Some(WHITE));
        Ok(())
    }

    #[test]
    fn places_far_outside_leave_the_picture_as_it_is() -> Result<(), ReportError> {
        let bare = paint(40, 30, WHITE, |_| Ok(()))?;
        let far = [f64::MAX, f64::MIN, f64::INFINITY, f64::NEG_INFINITY];
        let image = paint(40, 30, WHITE, |canvas| {
            for value in far {
                canvas.disc((value, value), 6.0, BLACK)?;
                canvas.rectangle((value, 1.0), (value, 2.0), BLACK)?;
                canvas.line(&[(value, 40.0), (20.0, 40.0)], 2.0, BLACK)?;
                let font = Font {
                    size: 20.0,
                    colour: BLACK,
                };
                canvas.text((20.0, value), Anchor::Middle, font, "far")?;
            }
            Ok(())
        })?;
        assert_eq!(image, bare);
        Ok(())
    }

    #[test]
    fn a_line_that_leaves_the_picture_keeps_its_direction() -> Result<(), ReportError> {
        let points = [(0.0, 5.0), (80.0, 25.0)];
        let image = paint(40, 30, WHITE, |canvas| canvas.line(&points, 2.0, BLACK))?;
        assert_eq!(image.get(36, 14), Some(BLACK));
        assert_eq!(image.get(36, 23), Some(WHITE));
        Ok(())
    }

    #[test]
    fn text_is_drawn_and_its_middle_is_where_it_was_asked_for() -> Result<(), ReportError> {
        let font = Font {
            size: 20.0,
            colour: BLACK,
        };
        let image = paint(80, 60, WHITE, |canvas| {
            let width = canvas.text_width(font, "HHH")?;
            assert!((20.0..60.0).contains(&width), "{width}");
            canvas.text((40.0, 30.0), Anchor::Middle, font, "HHH")
        })?;
        let dark = |y: usize| (0..80).any(|x| image.get(x, y).is_some_and(|c| c[0] < 128));
        let rows: Vec<_> = (0..60).filter(|&y| dark(y)).collect();
        let (first, last) = (rows.first(), rows.last());
        let middle = first.zip(last).map(|(a, b)| (a + b) as f64 / 2.0);
        assert!(middle.is_some_and(|m| (m - 29.5).abs() <= 1.5), "{rows:?}");
        Ok(())
    }
}
