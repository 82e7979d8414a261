//! Names around the slices of a montage: what is shown and slice numbers at the top, rows at the left, structures below.

use super::ReportError;
use super::canvas::{Anchor, Font, paint};
use super::glyphs::Glyphs;
use super::image::{Colour, RgbImage};
use super::montage::{BACKGROUND, Montage, label_colour};
use super::picture::picture_montage;
use super::thinned::thinned;
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
/// Of how many voxels of a row or column one is drawn, where all make too large a picture: the first that does not.
const STEPS: [usize; 5] = [2, 4, 8, 16, 32];

/// What is said where no structure is.
const NOTHING: &str = "nothing but background";

/// What is written around a montage.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caption {
    /// Above everything; may be empty.
    pub title: String,
    /// Names of structures and their colours.
    pub legend: Vec<(Colour, String)>,
}

impl Caption {
    /// The name of the case and the structures that occur in it. `classes` are their names by label, as far as known;
    /// a name with letters that the font lacks says less than the label's number.
    ///
    /// # Errors
    /// When the font cannot be read.
    pub fn of(picture: &Picture, classes: &[String]) -> Result<Caption, ReportError> {
        let Picture::Segmentation {
            name,
            labels,
            prediction,
            ..
        } = picture
        else {
            return Ok(Caption::default());
        };
        let glyphs = Glyphs::new()?;
        let drawn = |letter: &char| glyphs.has(*letter);
        let mut there = [false; 256];
        for label in labels.iter().chain(prediction) {
            there[usize::from(*label)] = true;
        }
        let line = |label: u8| {
            let known = classes.get(usize::from(label));
            let known = known.filter(|name| name.chars().all(|letter| drawn(&letter)));
            let name = known.map_or_else(|| format!("class {label}"), Clone::clone);
            Some((label_colour(label)?, name))
        };
        let name: String = name.chars().filter(drawn).collect();
        let nothing = there.iter().skip(1).all(|there| !there);
        Ok(Caption {
            title: match (nothing, name.is_empty()) {
                (true, true) => NOTHING.to_owned(),
                (true, false) => format!("{name}: {NOTHING}"),
                (false, _) => name,
            },
            legend: (0..=u8::MAX)
                .filter(|label| there[usize::from(*label)])
                .filter_map(line)
                .collect(),
        })
    }
}

/// A case to look at as axial slices, with their names and those of its structures, which `classes` has by label. Of
/// slices of very many voxels not all are drawn.
///
/// # Errors
/// When the voxels do not fill the picture's shape, the picture would be too large all the same or the drawing library
/// fails.
pub fn labelled_picture(picture: &Picture, classes: &[String]) -> Result<RgbImage, ReportError> {
    let caption = Caption::of(picture, classes)?;
    small_enough(picture, |picture| {
        labelled(&picture_montage(picture, SLICES, CELL)?, &caption)
    })
}

/// What `draw` makes of a picture, or of as many of its voxels as do not make too large a one.
fn small_enough(
    picture: &Picture,
    draw: impl Fn(&Picture) -> Result<RgbImage, ReportError>,
) -> Result<RgbImage, ReportError> {
    let mut drawn = draw(picture);
    for step in STEPS {
        if !matches!(drawn, Err(ReportError::PictureSize { .. })) {
            break;
        }
        drawn = draw(&thinned(picture, step));
    }
    drawn
}

/// Puts a montage into a frame with the names of its rows, the numbers of its slices and a caption. Text grows with the
/// slices, and slices that are smaller than their names lie further apart.
///
/// # Errors
/// When the picture would be too large or the drawing library fails.
pub fn labelled(montage: &Montage, caption: &Caption) -> Result<RgbImage, ReportError> {
    let scale = scale(montage);
    let pixels = |length: usize| (scale * length as f64).round() as usize;
    let (margin, line) = (pixels(MARGIN), pixels(LINE));
    let (sample, gap) = (scale * SAMPLE, scale * GAP);
    let [name, number] = [NAME, NUMBER].map(|font| Font {
        size: scale * font.size,
        ..font
    });
    let numbers: Vec<String> = (montage.columns.iter())
        .map(|slice| format!("slice {slice}"))
        .collect();
    let column = widest(name, montage.rows.iter())?.ceil() as usize + 2 * margin;
    let slots = [
        montage.cell[0].max((widest(number, numbers.iter())? + gap).ceil() as usize),
        montage.cell[1].max(line),
    ];
    let pitch = slots.map(|slot| slot + montage.gap);
    let entries = widths(number, caption.legend.iter().map(|(_, name)| name))?;
    let entries: Vec<f64> = entries.iter().map(|name| sample + gap + name).collect();
    // However narrow the slices are, no text leaves the picture.
    let title = widest(name, [&caption.title].into_iter())?;
    let text = entries.iter().fold(title, |text, entry| text.max(*entry));
    let inner = (montage.columns.len() * pitch[0] - montage.gap).max(text.ceil() as usize);
    let places = wrapped(&entries, 2.0 * margin as f64, inner as f64);
    let lines = places.last().map_or(0, |(line, _)| line + 1);

    let heading = if caption.title.is_empty() { 0 } else { line };
    let top = heading + line + margin / 2;
    let bottom = top + montage.rows.len() * pitch[1] - montage.gap;
    let (width, height) = (column + inner + margin, bottom + lines * line + margin);

    let mut image = paint(width, height, BACKGROUND, |canvas| {
        let middle = |start: usize, axis: usize, index: usize| {
            start as f64 + (index * pitch[axis]) as f64 + slots[axis] as f64 / 2.0
        };
        let left = column as f64;
        if !caption.title.is_empty() {
            let at = (left, (heading + line / 5) as f64 / 2.0);
            canvas.text(at, Anchor::Left, name, &caption.title)?;
        }
        for (row, text) in montage.rows.iter().enumerate() {
            let at = ((column - margin) as f64, middle(top, 1, row));
            canvas.text(at, Anchor::Right, name, text)?;
        }
        for (place, text) in numbers.iter().enumerate() {
            let at = (middle(column, 0, place), (top - line / 2) as f64);
            canvas.text(at, Anchor::Middle, number, text)?;
        }
        for ((colour, text), (row, offset)) in caption.legend.iter().zip(&places) {
            let at = (left + offset, (bottom + row * line + line * 2 / 3) as f64);
            let half = sample / 2.0;
            canvas.rectangle((at.0, at.1 - half), (at.0 + sample, at.1 + half), *colour)?;
            canvas.text((at.0 + sample + gap, at.1), Anchor::Left, number, text)?;
        }
        Ok(())
    })?;
    let cells = montage.cell.map(|length| length + montage.gap);
    for row in 0..montage.rows.len() {
        for place in 0..montage.columns.len() {
            let to = [column + place * pitch[0], top + row * pitch[1]];
            let inside = [0, 1].map(|axis| to[axis] + (slots[axis] - montage.cell[axis]) / 2);
            copy(
                montage,
                [place * cells[0], row * cells[1]],
                &mut image,
                inside,
            );
        }
    }
    Ok(image)
}

/// How much larger text is than beside slices of [`CELL`] pixels; bounded, for slices of any size are measured before a
/// picture that is too large is refused.
fn scale(montage: &Montage) -> f64 {
    let longest = montage.cell[0].max(montage.cell[1]);
    (longest as f64 / CELL as f64).clamp(1.0, 8.0)
}

/// Copies the slice of a montage whose corner is `from` to the place `to` of a picture.
fn copy(montage: &Montage, from: [usize; 2], image: &mut RgbImage, to: [usize; 2]) {
    let [width, height] = montage.cell;
    for y in 0..height {
        for x in 0..width {
            if let Some(colour) = montage.image.get(from[0] + x, from[1] + y) {
                image.set(to[0] + x, to[1] + y, colour);
            }
        }
    }
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

/// Widths of some texts.
fn widths<'a>(
    font: Font,
    texts: impl Iterator<Item = &'a String>,
) -> Result<Vec<f64>, ReportError> {
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
fn widest<'a>(font: Font, texts: impl Iterator<Item = &'a String>) -> Result<f64, ReportError> {
    let widths = widths(font, texts)?;
    Ok(widths.into_iter().fold(0.0, f64::max))
}

#[cfg(test)]
mod tests;
