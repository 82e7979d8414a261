//! How slices of a volume are shown.

/// Which slices of a volume are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Slices {
    /// The middles of so many equal parts of the axis; all slices when there are fewer.
    Even(usize),
    /// These indices, from left to right.
    At(Vec<usize>),
}

/// How a slice is enlarged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zoom {
    /// Every voxel is a square.
    Nearest,
    /// Grey values are interpolated; labels never are.
    Bilinear,
}

/// How slices are cut, turned and enlarged. Of the two axes that are not sliced, the first runs
/// from left to right and the second from top to bottom, before they are exchanged and flipped.
#[derive(Debug, Clone, PartialEq)]
pub struct Display {
    /// The sliced axis: 2 is axial for volumes stored along the body axes.
    pub axis: usize,
    /// Exchanges the two axes.
    pub transpose: bool,
    /// Then shows what would run from left to right from right to left.
    pub flip_horizontal: bool,
    /// And what would run from top to bottom from bottom to top.
    pub flip_vertical: bool,
    /// Which slices.
    pub slices: Slices,
    /// Slices are enlarged by the smallest whole number that makes their longer side at least this
    /// many pixels.
    pub cell: usize,
    /// How they are enlarged.
    pub zoom: Zoom,
    /// Opacity of labels, 0 to 1.
    pub opacity: f32,
    /// Pixels between slices.
    pub gap: usize,
}

impl Display {
    /// Axial slices of volumes stored RAS+, as radiologists look at them: anterior at the top, the
    /// patient's right on the left.
    pub fn axial_ras(count: usize) -> Display {
        Display {
            axis: 2,
            transpose: false,
            flip_horizontal: true,
            flip_vertical: true,
            slices: Slices::Even(count),
            cell: 192,
            zoom: Zoom::Bilinear,
            opacity: 0.45,
            gap: 4,
        }
    }

    /// The same view of volumes stored LPS+, which needs no flips.
    pub fn axial_lps(count: usize) -> Display {
        Display {
            flip_horizontal: false,
            flip_vertical: false,
            ..Display::axial_ras(count)
        }
    }
}
