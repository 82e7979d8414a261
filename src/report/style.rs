//! Sizes, colours and fonts that the pictures of a run share.

use super::canvas::Font;
use super::image::Colour;

/// Width and height of a panel in pixels.
pub(super) const PANEL: (f64, f64) = (800.0, 560.0);
/// Colour of the paper.
pub(super) const WHITE: Colour = [255, 255, 255];
/// Text of the picture's title.
pub(super) const HEADING: Font = Font {
    size: 34.0,
    colour: INK,
};

pub(super) const INK: Colour = [32, 36, 44];
const GREY: Colour = [84, 92, 106];
pub(super) const FRAME: Colour = [170, 176, 188];
pub(super) const GRID: Colour = [229, 232, 238];

pub(super) const TITLE: Font = Font {
    size: 25.0,
    colour: INK,
};
pub(super) const NOTE: Font = Font {
    size: 20.0,
    colour: GREY,
};
/// Space at the left and right of a panel.
pub(super) const MARGIN: f64 = 36.0;
