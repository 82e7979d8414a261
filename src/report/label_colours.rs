//! The colours of labels in pictures.

use super::image::Colour;

/// Colours of labels 1 to 14; label 0 is background and stays clear. Later labels start over.
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

/// The colour of a label, none for the background.
pub fn label_colour(label: u8) -> Option<Colour> {
    let index = usize::from(label.checked_sub(1)?) % LABEL_COLOURS.len();
    LABEL_COLOURS.get(index).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_background_is_clear_and_late_labels_start_over() {
        assert_eq!(label_colour(0), None);
        assert_eq!(label_colour(1), Some(LABEL_COLOURS[0]));
        assert_eq!(label_colour(15), label_colour(1));
    }
}
