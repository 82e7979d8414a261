//! A picture in memory, and its PNG encoding.

use super::ReportError;

/// Largest number of pixels a picture may have: 256 million, as much as viewers cope with.
pub(super) const MAX_PIXELS: usize = 1 << 28;

/// Red, green and blue of one pixel.
pub type Colour = [u8; 3];

/// An RGB picture, 8 bits a channel, rows from top to bottom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RgbImage {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl RgbImage {
    /// A picture of one colour.
    ///
    /// # Errors
    /// [`ReportError::PictureSize`] for no pixels or more than 2^28.
    pub fn new(width: usize, height: usize, colour: Colour) -> Result<RgbImage, ReportError> {
        match width.checked_mul(height) {
            Some(count @ 1..=MAX_PIXELS) => Ok(RgbImage {
                width,
                height,
                pixels: colour.repeat(count),
            }),
            _ => Err(ReportError::PictureSize { width, height }),
        }
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The bytes: red, green, blue of each pixel, row by row.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The bytes, to change them.
    pub fn pixels_mut(&mut self) -> &mut [u8] {
        &mut self.pixels
    }

    /// The pixel in column `x` of row `y`, if there is one.
    pub fn get(&self, x: usize, y: usize) -> Option<Colour> {
        let at = self.offset(x, y)?;
        self.pixels.get(at..at + 3)?.try_into().ok()
    }

    /// Sets the pixel in column `x` of row `y`; does nothing outside the picture.
    pub fn set(&mut self, x: usize, y: usize, colour: Colour) {
        if let Some(at) = self.offset(x, y)
            && let Some(pixel) = self.pixels.get_mut(at..at + 3)
        {
            pixel.copy_from_slice(&colour);
        }
    }

    /// Copies `other` into this picture with its top left corner at `x`, `y`; what lies outside is
    /// left out.
    pub fn paste(&mut self, other: &RgbImage, x: usize, y: usize) {
        for row in 0..other.height {
            for column in 0..other.width {
                if let Some(colour) = other.get(column, row) {
                    self.set(x.saturating_add(column), y.saturating_add(row), colour);
                }
            }
        }
    }

    /// The bytes of a PNG file.
    ///
    /// # Errors
    /// [`ReportError::Png`] when the encoder fails.
    pub fn encode_png(&self) -> Result<Vec<u8>, ReportError> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width as u32, self.height as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.pixels)?;
        writer.finish()?;
        Ok(bytes)
    }

    fn offset(&self, x: usize, y: usize) -> Option<usize> {
        (x < self.width && y < self.height).then(|| (y * self.width + x) * 3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_png_decodes_to_the_same_pixels() -> Result<(), Box<dyn std::error::Error>> {
        let mut image = RgbImage::new(5, 3, [10, 20, 30])?;
        image.set(4, 2, [255, 0, 1]);
        image.set(5, 2, [1, 1, 1]);
        let png = image.encode_png()?;
        let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info()?;
        let mut pixels = vec![0; reader.output_buffer_size().ok_or("too large")?];
        let info = reader.next_frame(&mut pixels)?;
        assert_eq!((info.width, info.height), (5, 3));
        assert_eq!(pixels, image.pixels());
        assert_eq!(image.get(4, 2), Some([255, 0, 1]));
        assert_eq!(image.get(5, 2), None);
        Ok(())
    }

    #[test]
    fn sizes_no_viewer_opens_are_refused() {
        for (width, height) in [(0, 4), (1 << 20, 1 << 20), (usize::MAX, 2)] {
            assert!(RgbImage::new(width, height, [0; 3]).is_err());
        }
    }
}
