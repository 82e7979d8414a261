//! Names around the slices of a montage: what is shown and slice numbers at the top, rows at the left, structures below.

use super::ReportError;
use super::canvas::{Anchor, Font, paint};
use super::image::{Colour, RgbImage};
use super::montage::{BACKGROUND, Montage, label_colour};
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
/// Height of a line of text.
const LINE: usize = 32;
/// Edge of the square of a structure's colour, and what stands between that and the name.
const SAMPLE: f64 = 16.0;
const GAP: f64 = 8.0;
/// Slices in a row of a picture.
const SLICES: usize = 6;
/// Least length of a slice's longer side in pixels.
const CELL: usize = 192;

/// What is written around a montage.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caption {
    /// Above everything; may be empty.
    pub title: String,
    /// Names of structures and their colours.
    pub legend: Vec<(Colour, String)>,
}

impl Caption {
    /// The name of the case and the structures that occur in it. `classes` are their names by label, as far as known.
    pub fn of(picture: &Picture, classes: &[String]) -> Caption {
        let Picture::Segmentation {
            name,
            labels,
            prediction,
            ..
        } = picture
        else {
            return Caption::default();
        };
        let mut there = [false; 256];
        for label in labels.iter().chain(prediction) {
            there[usize::from(*label)] = true;
        }
        let line = |label: u8| {
            let known = classes.get(usize::from(label)).cloned();
            let name = known.unwrap_or_else(|| format!("class {label}"));
            Some((label_colour(label)?, name))
        };
        Caption {
            title: name.clone(),
            legend: (0..=u8::MAX)
                .filter(|label| there[usize::from(*label)])
                .filter_map(line)
                .collect(),
        }
    }
}

/// A case to look at as axial slices, with their names and those of its structures, which `classes` has by label.
///
/// # Errors
/// When the voxels do not fill the picture's shape, the picture would be too large or the drawing library fails.
pub fn labelled_picture(picture: &Picture, classes: &[String]) -> Result<RgbImage, ReportError> {
    let montage = picture_montage(picture, SLICES, CELL)?;
    labelled(&montage, &Caption::of(picture, classes))
}

/// Puts a montage into a frame with the names of its rows, the numbers of its slices and a caption.
///
/// # Errors
/// When the picture would be too large or the drawing library fails.
pub fn labelled(montage: &Montage, caption: &Caption) -> Result<RgbImage, ReportError> {
    let names = montage.rows.iter().map(String::as_str);
    let column = widest(NAME, names)?.ceil() as usize + 2 * MARGIN;
    let entries = widths(NUMBER, caption.legend.iter().map(|(_, name)| name.as_str()))?;
    let entries: Vec<f64> = entries.iter().map(|name| SAMPLE + GAP + name).collect();
    // However narrow the slices are, no text leaves the picture.
    let title = widest(NAME, [caption.title.as_str()].into_iter())?;
    let inner = entries
        .iter()
        .fold(title, |inner, entry| inner.max(*entry))
        .max(montage.image.width() as f64)
        .ceil() as usize;
    let places = wrapped(&entries, 2.0 * MARGIN as f64, inner as f64);
    let lines = places.last().map_or(0, |(line, _)| line + 1);

    let width = inner.saturating_add(column).saturating_add(MARGIN);
    let heading = if caption.title.is_empty() { 0 } else { LINE };
    let top = heading + LINE + MARGIN / 2;
    let bottom = montage.image.height().saturating_add(top);
    let height = bottom.saturating_add(lines * LINE + MARGIN);

    let mut image = paint(width, height, BACKGROUND, |canvas| {
        let left = column as f64;
        if !caption.title.is_empty() {
            let middle = heading as f64 / 2.0 + 6.0;
            canvas.text((left, middle), Anchor::Left, NAME, &caption.title)?;
        }
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
            let middle = left + centre(montage, place, 0);
            let at = (middle, top as f64 - 16.0);
            canvas.text(at, Anchor::Middle, NUMBER, &format!("slice {slice}"))?;
        }
        for ((colour, name), (line, offset)) in caption.legend.iter().zip(&places) {
            let (x, middle) = (left + offset, bottom as f64 + (line * LINE) as f64 + 22.0);
            let half = SAMPLE / 2.0;
            canvas.rectangle((x, middle - half), (x + SAMPLE, middle + half), *colour)?;
            canvas.text((x + SAMPLE + GAP, middle), Anchor::Left, NUMBER, name)?;
        }
        Ok(())
    })?;
    image.paste(&montage.image, column, top);
    Ok(image)
}

/// Line and distance from its start of things of these widths, one after the other in lines of `width` pixels.
fn wrapped(widths: &[f64], gap: f64, width: f64) -> Vec<(usize, f64)> {
    let (mut line, mut offset) = (0, 0.0_f64);
    let mut places = Vec::new();
    for thing in widths.iter().copied() {
        if offset > 0.0 && offset + thing > width {
            (line, offset) = (line + 1, 0.0);
        }
        places.push((line, offset));
        offset += thing + gap;
    }
    places
}

/// Distance of the middle of a row (axis 1) or a column (axis 0) from the montage's corner.
fn centre(montage: &Montage, index: usize, axis: usize) -> f64 {
    let [width, height] = montage.cell;
    let length = if axis == 0 { width } else { height };
    (index * (length + montage.gap)) as f64 + length as f64 / 2.0
}

/// Widths of some texts.
fn widths<'a>(font: Font, texts: impl Iterator<Item = &'a str>) -> Result<Vec<f64>, ReportError> {
    let mut widths = Vec::new();
    paint(1, 1, BACKGROUND, |canvas| {
        for text in texts {
            widths.push(canvas.text_width(font, text)?);
        }
        Ok(())
    })?;
    Ok(widths)
}

/// Width of the widest of some texts.
fn widest<'a>(font: Font, texts: impl Iterator<Item = &'a str>) -> Result<f64, ReportError> {
    let widths = widths(font, texts)?;
    Ok(widths.into_iter().fold(0.0, f64::max))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::montage::{Display, Row, montage};
    use crate::volume::Affine;

    #[test]
    fn names_go_into_the_margin_and_the_slices_stay_as_they_are() -> Result<(), ReportError> {
        let volume = [1.0; 8];
        let row = Row::from(("original", volume.as_slice()));
        let slices = montage(&[row, row], [2; 3], &Display::axial_ras(2))?;
        let bare = slices.image.clone();
        let image = labelled(&slices, &Caption::default())?;
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
    fn segmentation(labels: Vec<u8>) -> Picture {
        Picture::Segmentation {
            name: "scan 7".to_owned(),
            shape: [2; 3],
            affine: Affine::identity(),
            image: vec![0.0; 8],
            labels,
            prediction: vec![0, 1, 1, 0, 0, 0, 3, 0],
        }
    }

    #[test]
    fn structures_that_occur_are_named_and_others_are_not() {
        let classes = ["background", "liver", "spleen"].map(str::to_owned);
        let caption = |labels| Caption::of(&segmentation(labels), &classes);
        let names = |caption: Caption| -> Vec<String> {
            caption.legend.into_iter().map(|(_, name)| name).collect()
        };
        assert_eq!(caption(Vec::new()).title, "scan 7");
        assert_eq!(names(caption(Vec::new())), ["liver", "class 3"]);
        let missed = vec![2; 8];
        assert_eq!(names(caption(missed)), ["liver", "spleen", "class 3"]);
    }

    #[test]
    fn the_legend_shows_every_colour_below_the_slices() -> Result<(), ReportError> {
        let volume = [0.0; 8];
        let row = Row::from(("image", volume.as_slice()));
        let slices = montage(&[row], [2; 3], &Display::axial_ras(2))?;
        let colours: [Colour; 2] = [[255, 0, 0], [0, 0, 255]];
        let bare = labelled(&slices, &Caption::default())?;
        let caption = Caption {
            title: "scan 7".to_owned(),
            legend: colours
                .map(|colour| (colour, "structure".to_owned()))
                .to_vec(),
        };
        let image = labelled(&slices, &caption)?;
        assert!(image.height() > bare.height() + LINE);
        let below = image.height() - MARGIN - LINE;
        for colour in colours {
            let filled = (below..image.height())
                .flat_map(|y| (0..image.width()).map(move |x| (x, y)))
                .filter(|(x, y)| image.get(*x, *y) == Some(colour))
                .count();
            // The square of the colour, but for its edges.
            assert!(filled > 150, "{filled} pixels of {colour:?}");
        }
        Ok(())
    }

    #[test]
    fn a_legend_goes_on_in_another_line_where_one_is_full() {
        let places = wrapped(&[40.0, 30.0, 50.0, 200.0, 10.0], 10.0, 100.0);
        let expected = [(0, 0.0), (0, 50.0), (1, 0.0), (2, 0.0), (3, 0.0)];
        assert_eq!(places, expected);
    }
}
