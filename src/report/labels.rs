//! Names beside the slices of a montage: rows at the left, slice numbers at the top.

use super::ReportError;
use super::canvas::{Anchor, Font, paint};
use super::image::RgbImage;
use super::montage::{BACKGROUND, Montage};
use super::picture::picture_montage;
use crate::train::Picture;

const NAME: Font = Font {
    size: 23.0,
    colour: [226, 230, 238],
};
const NUMBER: Font = Font {
    size: 19.0,
    colour: [158, 166, 180],
};
/// Space around everything.
const MARGIN: usize = 20;
/// Height of the line of slice numbers.
const LINE: usize = 32;
/// Slices in a row of a picture.
const SLICES: usize = 6;
/// Least length of a slice's longer side in pixels.
const CELL: usize = 192;

/// A case to look at as axial slices, with their names.
///
/// # Errors
/// When the voxels do not fill the picture's shape, the picture would be too large or the drawing library fails.
pub fn labelled_picture(picture: &Picture) -> Result<RgbImage, ReportError> {
    labelled(&picture_montage(picture, SLICES, CELL)?)
}

/// Puts a montage into a frame with the names of its rows and the numbers of its slices.
///
/// # Errors
/// When the picture would be too large or the drawing library fails.
pub fn labelled(montage: &Montage) -> Result<RgbImage, ReportError> {
    let names = montage.rows.iter().map(String::as_str);
    let column = widest(NAME, names)?.ceil() as usize + 2 * MARGIN;
    let width = montage
        .image
        .width()
        .saturating_add(column)
        .saturating_add(MARGIN);
    let top = LINE + MARGIN / 2;
    let height = montage.image.height().saturating_add(top + MARGIN);

    let mut image = paint(width, height, BACKGROUND, |canvas| {
        for (row, name) in montage.rows.iter().enumerate() {
            let middle = top as f64 + centre(montage, row, 1);
            canvas.text(
                ((column - MARGIN) as f64, middle),
                Anchor::Right,
                NAME,
                name,
            )?;
        }
        for (place, slice) in montage.columns.iter().enumerate() {
            let middle = column as f64 + centre(montage, place, 0);
            let at = (middle, top as f64 - 16.0);
            canvas.text(at, Anchor::Middle, NUMBER, &format!("slice {slice}"))?;
        }
        Ok(())
    })?;
    image.paste(&montage.image, column, top);
    Ok(image)
}

/// Distance of the middle of a row (axis 1) or a column (axis 0) from the montage's corner.
fn centre(montage: &Montage, index: usize, axis: usize) -> f64 {
    let [width, height] = montage.cell;
    let length = if axis == 0 { width } else { height };
    (index * (length + montage.gap)) as f64 + length as f64 / 2.0
}

/// Width of the widest of some texts.
fn widest<'a>(font: Font, names: impl Iterator<Item = &'a str>) -> Result<f64, ReportError> {
    let mut width = 0.0_f64;
    paint(1, 1, BACKGROUND, |canvas| {
        for name in names {
            width = width.max(canvas.text_width(font, name)?);
        }
        Ok(())
    })?;
    Ok(width)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::montage::{Display, Row, montage};

    #[test]
    fn names_go_into_the_margin_and_the_slices_stay_as_they_are() -> Result<(), ReportError> {
        let volume = [1.0; 8];
        let row = Row::from(("original", volume.as_slice()));
        let slices = montage(&[row, row], [2; 3], &Display::axial_ras(2))?;
        let bare = slices.image.clone();
        let image = labelled(&slices)?;
        let white = |image: &RgbImage| {
            image
                .pixels()
                .chunks(3)
                .filter(|pixel| *pixel == [255; 3])
                .count()
        };
        assert_eq!(white(&image), white(&bare));
        let (left, top) = (image.width() - bare.width(), image.height() - bare.height());
        assert!(left > 80 && top > 40, "{left} {top}");
        let margin = |x: usize| (0..image.height()).any(|y| image.get(x, y) != Some(BACKGROUND));
        assert!((0..80).any(margin), "no text at the left");
        Ok(())
    }
}
