//! The colours of labels in pictures.

use super::image::Colour;

/// Colours of labels 1 to 14; label 0 is background and stays clear. Later labels have shades of them.
/// Neighbouring labels of the abdomen differ in hue or in lightness.
pub const LABEL_COLOURS: [Colour; 14] = [
    [230, 60, 60],
    [60, 180, 75],
    [70, 130, 255],
    [255, 225, 25],
    [245, 130, 48],
    [150, 60, 200],
    [70, 220, 230],
    [240, 50, 230],
    [190, 245, 60],
    [250, 190, 212],
    [0, 140, 140],
    [170, 110, 40],
    [255, 250, 200],
    [128, 128, 255],
];

/// The colour of a label, none for the background. Every label has its own: each further round through the table is
/// darker or lighter than the ones before, in turn.
pub fn label_colour(label: u8) -> Option<Colour> {
    let index = usize::from(label.checked_sub(1)?);
    let colour = LABEL_COLOURS.get(index % LABEL_COLOURS.len())?;
    let round = index / LABEL_COLOURS.len();
    // Parts of black or white to three of the colour.
    let parts = 2 * round.div_ceil(2);
    let end = if round % 2 == 1 { 0 } else { 255 };
    Some(colour.map(|channel| ((3 * usize::from(channel) + parts * end) / (3 + parts)) as u8))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_background_is_clear_and_every_label_has_a_colour_of_its_own() {
        assert_eq!(label_colour(0), None);
        let colours: Vec<Colour> = (1..=u8::MAX).filter_map(label_colour).collect();
        assert_eq!(colours[..14], LABEL_COLOURS);
        let distinct: BTreeSet<Colour> = colours.iter().copied().collect();
        assert_eq!(distinct.len(), 255);
    }
}
