//! Which letters the font of the pictures has.

use super::ReportError;
use super::canvas::{FONT, register};
use plotters::style::{FontDesc, IntoFont};
use std::convert::Infallible;

/// In no font: it is drawn as every letter is that a font lacks, as a box.
const LACKING: char = '\u{10FFFF}';
/// Height of a line, in pixels, in which no letter looks like that box.
const SIZE: f64 = 48.0;

/// Pixels and the bits of their darkness.
type Shape = Vec<(i32, i32, u32)>;

/// The font's letters.
pub(super) struct Glyphs {
    font: FontDesc<'static>,
    lacking: Shape,
}

impl Glyphs {
    /// Those of the embedded font.
    pub(super) fn new() -> Result<Self, ReportError> {
        register()?;
        let font = (FONT, SIZE).into_font();
        let lacking = shape(&font, LACKING);
        Ok(Glyphs { font, lacking })
    }

    /// Whether a letter is drawn as itself.
    pub(super) fn has(&self, letter: char) -> bool {
        shape(&self.font, letter) != self.lacking
    }
}

/// What is drawn of a letter.
fn shape(font: &FontDesc<'_>, letter: char) -> Shape {
    let mut shape = Vec::new();
    // Fails only without the font.
    let _ = font.draw(&letter.to_string(), (0, 0), |x, y, dark: f32| {
        shape.push((x, y, dark.to_bits()));
        Ok::<(), Infallible>(())
    });
    shape
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_europe_are_drawn_and_others_are_told() -> Result<(), ReportError> {
        let glyphs = Glyphs::new()?;
        let has = |text: &str| -> Vec<bool> { text.chars().map(|c| glyphs.has(c)).collect() };
        assert!(has("Niere, re. (2_b) éßőŁñ Ωж €²").iter().all(|has| *has));
        // Chinese, Korean, Arabic, Hebrew, Hindi, a combining accent, a line break.
        assert!(has("肝간كאक\u{301}\n").iter().all(|has| !has));
        Ok(())
    }
}
