//! Text made to fit where there is little room.

use super::ReportError;
use super::canvas::{Canvas, Font};

/// The smallest letters that are read, as a share of those that were asked for.
const SMALLEST: f64 = 0.55;

impl Canvas<'_> {
    /// The font in which a text is no wider than `width`, smaller where it has to be; none where it could not be read.
    pub(super) fn shrunk(
        &self,
        font: Font,
        text: &str,
        width: f64,
    ) -> Result<Option<Font>, ReportError> {
        let natural = self.text_width(font, text)?;
        if natural <= width {
            return Ok(Some(font));
        }
        let share = width / natural;
        let size = share * font.size;
        Ok((share >= SMALLEST).then_some(Font { size, ..font }))
    }

    /// A name in no more than `width`: in smaller letters, and cut short where it could not be read in those. Numbers
    /// are not to be cut.
    pub(super) fn fitted(
        &self,
        font: Font,
        name: &str,
        width: f64,
    ) -> Result<(Font, String), ReportError> {
        if let Some(font) = self.shrunk(font, name, width)? {
            return Ok((font, name.to_owned()));
        }
        let size = SMALLEST * font.size;
        let font = Font { size, ..font };
        let cut = |letters: usize| {
            let kept: String = name.chars().take(letters).collect();
            format!("{}...", kept.trim_end())
        };
        let (mut fits, mut over) = (0, name.chars().count());
        while over - fits > 1 {
            let middle = fits + (over - fits) / 2;
            if self.text_width(font, &cut(middle))? <= width {
                fits = middle;
            } else {
                over = middle;
            }
        }
        Ok((font, cut(fits)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::canvas::paint;

    #[test]
    fn names_of_any_length_are_made_to_fit() -> Result<(), ReportError> {
        let font = Font {
            size: 20.0,
            colour: [0; 3],
        };
        paint(40, 30, [255; 3], |canvas| {
            let name = "pre-trained, äöü";
            let natural = canvas.text_width(font, name)?;
            let (same, whole) = canvas.fitted(font, name, natural)?;
            assert_eq!((same.size, whole.as_str()), (20.0, name));
            let (smaller, whole) = canvas.fitted(font, name, 0.7 * natural)?;
            assert!(smaller.size < 15.0 && whole == name, "{whole}");
            let (smallest, cut) = canvas.fitted(font, name, 0.3 * natural)?;
            assert!(cut.ends_with("...") && cut.starts_with("pre"), "{cut}");
            assert!(canvas.text_width(smallest, &cut)? <= 0.3 * natural);
            assert!(canvas.shrunk(font, "81.88", 5.0)?.is_none());
            for width in [0.0, -10.0] {
                canvas.fitted(font, "", width)?;
                assert_eq!(canvas.fitted(font, name, width)?.1, "...");
            }
            let (_, cut) = canvas.fitted(font, &name.repeat(1000), 200.0)?;
            assert!(cut.len() < 80, "{cut}");
            Ok(())
        })?;
        Ok(())
    }
}
