//! How slices of a volume are shown.

use super::image::Colour;
use crate::transform::{IntensityWindow, ras_axes};
use crate::volume::Affine;

/// The grey values of every intensity but z-score, which alone has others.
pub(super) const UNIT: IntensityWindow = IntensityWindow { min: 0.0, max: 1.0 };

/// The colour between and around slices.
pub const BACKGROUND: Colour = [22, 24, 28];

/// Which slices of a volume are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Slices {
    /// The middles of so many equal parts of the axis, padding at its ends left out; all slices when there are fewer.
    Even(usize),
    /// So many that show every structure of the first row with labels, as far as they suffice; the rest fills the widest
    /// gaps. As [`Self::Even`] without labels.
    Structures(usize),
    /// These indices, from left to right.
    At(Vec<usize>),
}

/// How a slice is enlarged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zoom {
    /// Every voxel is a rectangle.
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
    /// Voxels are enlarged by the smallest whole number that makes a slice's longer side at least
    /// this many pixels, and along their longer edge by more, as `spacing` has it.
    pub cell: usize,
    /// Millimetres between voxels along each stored axis; only their proportions matter.
    pub spacing: [f64; 3],
    /// The values that are drawn black and white, in the units of the rows.
    pub window: IntensityWindow,
    /// How they are enlarged.
    pub zoom: Zoom,
    /// Opacity of labels, 0 to 1.
    pub opacity: f32,
    /// Pixels between slices.
    pub gap: usize,
}

impl Display {
    /// Axial slices of cubic voxels from 0 to 1 stored RAS+, as radiologists look at them: anterior
    /// at the top, the patient's right on the left.
    pub fn axial_ras(count: usize) -> Display {
        Display {
            axis: 2,
            transpose: false,
            flip_horizontal: true,
            flip_vertical: true,
            slices: Slices::Even(count),
            cell: 192,
            spacing: [1.0; 3],
            window: UNIT,
            zoom: Zoom::Bilinear,
            opacity: 0.45,
            gap: 4,
        }
    }

    /// The same view of volumes stored with this affine, voxels in its proportions. Every stored axis counts as the
    /// patient's axis that it comes closest to, so slices are axial whichever way a volume is stored.
    pub fn axial(affine: &Affine, count: usize) -> Display {
        let ras = Display::axial_ras(count);
        // No volume without depth is ever read.
        let Ok([right, front, head]) = ras_axes(affine) else {
            return ras;
        };
        Display {
            axis: head.input,
            transpose: front.input < right.input,
            flip_horizontal: !right.flipped,
            flip_vertical: !front.flipped,
            spacing: std::array::from_fn(|axis| affine.fixed_view::<3, 1>(0, axis).norm()),
            ..ras
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::montage::montage;
    use crate::transform::AXIS_ORDERS;

    /// Voxels to the patient's right, to the front and to the head, and one of them.
    const SIZES: [usize; 3] = [6, 8, 10];
    const BRIGHT: [usize; 3] = [1, 6, 3];

    /// Checks where a bright voxel is shown. Stored axis `n` runs along axis `order[n]` of the patient, backwards where
    /// bit `n` is set, and the patient is turned.
    fn check(order: [usize; 3], backwards: usize, turn: &Affine) {
        let shape = order.map(|world| SIZES[world]);
        let mut affine = Affine::zeros();
        affine[(3, 3)] = 1.0;
        let mut at = [0; 3];
        for (axis, world) in order.into_iter().enumerate() {
            let step = [0.7, 0.9, 3.0][axis];
            (at[axis], affine[(world, axis)]) = match backwards >> axis & 1 {
                1 => (SIZES[world] - 1 - BRIGHT[world], -step),
                _ => (BRIGHT[world], step),
            };
        }
        let mut values = vec![0.0_f32; shape.iter().product()];
        values[(at[0] * shape[1] + at[1]) * shape[2] + at[2]] = 1.0;
        let axial = Display::axial(&(turn * affine), 1);
        let display = Display {
            slices: Slices::At(vec![at[axial.axis]]),
            cell: 1,
            // A pixel a voxel.
            spacing: [1.0; 3],
            zoom: Zoom::Nearest,
            ..axial
        };
        let shown = montage(&[("v", values.as_slice()).into()], shape, &display);
        let image = shown.unwrap().image;
        let stored = format!("{order:?} {backwards:03b}");
        // Left and right across, the right on the left; the front at the top.
        assert_eq!((image.width(), image.height()), (6, 8), "{stored}");
        assert_eq!(image.get(4, 1), Some([255; 3]), "{stored}");
    }

    #[test]
    fn slices_are_axial_and_radiological_however_a_volume_is_stored() {
        let oblique = Affine::new_rotation(nalgebra::Vector3::new(0.2, -0.15, 0.35));
        for turn in [Affine::identity(), oblique] {
            for order in AXIS_ORDERS {
                (0..8).for_each(|backwards| check(order, backwards, &turn));
            }
        }
    }

    #[test]
    fn a_sagittally_stored_volume_has_its_in_plane_axes_exchanged() {
        // To the back, to the feet, to the left.
        let affine = Affine::new(
            0.0, 0.0, -3.0, 90.0, -0.8, 0.0, 0.0, 120.0, 0.0, -0.8, 0.0, 60.0, 0.0, 0.0, 0.0, 1.0,
        );
        let expected = Display {
            axis: 1,
            transpose: true,
            flip_horizontal: false,
            flip_vertical: false,
            spacing: [0.8, 0.8, 3.0],
            ..Display::axial_ras(4)
        };
        assert_eq!(Display::axial(&affine, 4), expected);
    }

    #[test]
    fn a_volume_stored_along_the_body_axes_needs_no_turn() {
        assert_eq!(
            Display::axial(&Affine::identity(), 4),
            Display::axial_ras(4)
        );
    }
}
