//! What a validation, a prediction or a preview shows, as rows of axial slices.

use super::ReportError;
use super::display::UNIT;
use super::montage::{Display, Montage, Row, Slices, montage};
use crate::train::Picture;
use crate::transform::{IntensityWindow, own_window};
use crate::volume::{Affine, Volume};

/// Rows: original, view 1, view 2 and, where there is one, the reconstruction; or image, reference where there is one,
/// and prediction. `slices` of each, their longer side of at least `cell` pixels. All rows have the scale of greys of the
/// original or the image.
///
/// # Errors
/// As [`montage`].
pub fn picture_montage(
    picture: &Picture,
    slices: usize,
    cell: usize,
) -> Result<Montage, ReportError> {
    let (shape, affine, clean, rows) = match picture {
        Picture::Reconstruction {
            shape,
            affine,
            original,
            view1,
            view2,
            reconstruction,
        } => {
            let rows = [
                ("original", original),
                ("view 1", view1),
                ("view 2", view2),
                ("reconstruction", reconstruction),
            ];
            let shown = rows.into_iter().filter(|(_, values)| !values.is_empty());
            let rows: Vec<Row<'_>> = shown
                .map(|(name, values)| (name, values.as_slice()).into())
                .collect();
            (*shape, affine, original, rows)
        }
        Picture::Segmentation {
            shape,
            affine,
            image,
            labels,
            prediction,
            ..
        } => {
            let rows = overlays(image, labels, prediction);
            (*shape, affine, image, rows)
        }
    };
    let display = Display {
        cell,
        slices: Slices::Structures(slices),
        window: window(clean, shape, affine),
        ..Display::axial(affine, slices)
    };
    montage(&rows, shape, &display)
}

/// What is drawn black and white. Values of z-score go beyond 0 and 1, to which all other modes clip, and get a window
/// of their own: from the 0.5th to the 99.5th percentile without 0, which is air there, else from end to end.
fn window(values: &[f32], shape: [usize; 3], affine: &Affine) -> IntensityWindow {
    let finite = values.iter().copied().filter(|value| value.is_finite());
    let (min, max) = finite.fold((f32::MAX, f32::MIN), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    if min >= UNIT.min && max <= UNIT.max {
        return UNIT;
    }
    let image = Volume::new(shape, values.to_vec(), *affine).ok();
    let own = image.and_then(|image| own_window(&image));
    let window = own.unwrap_or(IntensityWindow { min, max });
    match window.validate() {
        Ok(()) => window,
        Err(_) => UNIT,
    }
}

/// An image alone, and with each of the label maps that there are.
fn overlays<'a>(image: &'a [f32], labels: &'a [u8], prediction: &'a [u8]) -> Vec<Row<'a>> {
    let overlaid = |name, labels| Row {
        name,
        values: image,
        labels: Some(labels),
    };
    let mut rows = vec![("image", image).into()];
    if !labels.is_empty() {
        rows.push(overlaid("reference", labels));
    }
    rows.push(overlaid("prediction", prediction));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::image::{Colour, RgbImage};
    use crate::report::montage::{Slices, Zoom, label_colour};

    #[test]
    fn a_preview_has_no_reconstruction_and_a_prediction_no_reference() {
        let names = |picture: &Picture| picture_montage(picture, 1, 1).unwrap().rows;
        let values = || vec![0.5; 8];
        let (shape, affine) = ([2; 3], Affine::identity());
        let views = |reconstruction| Picture::Reconstruction {
            shape,
            affine,
            original: values(),
            view1: values(),
            view2: values(),
            reconstruction,
        };
        assert_eq!(names(&views(Vec::new())), ["original", "view 1", "view 2"]);
        assert_eq!(names(&views(values())).len(), 4);
        let segmented = |labels| Picture::Segmentation {
            name: String::new(),
            shape,
            affine,
            image: values(),
            labels,
            prediction: vec![1; 8],
        };
        assert_eq!(names(&segmented(Vec::new())), ["image", "prediction"]);
        assert_eq!(
            names(&segmented(vec![0; 8])),
            ["image", "reference", "prediction"]
        );
    }

    #[test]
    fn slices_are_cut_across_the_axis_from_foot_to_head() {
        // The first stored axis runs from foot to head.
        let affine = Affine::new(
            0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0,
        );
        let picture = Picture::Segmentation {
            name: String::new(),
            shape: [5, 3, 2],
            affine,
            image: vec![0.5; 30],
            labels: Vec::new(),
            prediction: vec![0; 30],
        };
        let shown = picture_montage(&picture, 5, 1).unwrap();
        assert_eq!(shown.columns, [0, 1, 2, 3, 4]);
        assert_eq!(shown.cell, [3, 2]);
    }

    /// The greys of a picture's rows, each of one slice of 50 x 40 voxels, drawn with a pixel a voxel.
    fn greys(original: Vec<f32>, view: Vec<f32>) -> [Vec<u8>; 2] {
        let picture = Picture::Reconstruction {
            shape: [50, 40, 1],
            affine: Affine::identity(),
            original,
            view1: view,
            view2: Vec::new(),
            reconstruction: Vec::new(),
        };
        let image = picture_montage(&picture, 1, 1).unwrap().image;
        [0, 44].map(|top| {
            // From the first voxel to the last: right and left, front and back are exchanged.
            let voxels = (0..50).flat_map(|x| (0..40).map(move |y| (49 - x, top + 39 - y)));
            voxels.map(|(x, y)| image.get(x, y).unwrap()[0]).collect()
        })
    }

    #[test]
    fn values_of_zscore_are_drawn_by_one_window_of_the_original() {
        // Tissue from -2 to 3, and two voxels that are far brighter.
        let mut original: Vec<f32> = (1..=2000).map(|n| n as f32 / 400.0 - 2.0).collect();
        (original[0], original[1999]) = (20.0, 20.0);
        let view = vec![0.5; 2000];
        let [clean, other] = greys(original, view);
        // 0.5 is in the middle; below the mean and above one deviation there is something to see.
        assert_eq!((clean[0], clean[4]), (255, 0));
        let (low, middle, high) = (clean[399], clean[999], clean[1599]);
        assert!((48..=52).contains(&low), "{low}");
        assert!((126..=129).contains(&middle), "{middle}");
        assert!((203..=207).contains(&high), "{high}");
        // A view has the scale of the original, not its own.
        assert_eq!(other, [middle; 2000]);
    }

    #[test]
    fn values_from_0_to_1_are_drawn_as_they_are_whatever_the_network_makes() {
        let original: Vec<f32> = (0..2000).map(|n| n as f32 / 4000.0).collect();
        let expected: Vec<u8> = (original.iter())
            .map(|value| (value * 255.0).round() as u8)
            .collect();
        let [clean, other] = greys(original, vec![-3.0; 2000]);
        assert_eq!(clean, expected);
        assert_eq!(other, [0; 2000]);
    }

    #[test]
    fn a_window_is_never_empty_nor_without_end() {
        let of = |values: &[f32]| window(values, [values.len(), 1, 1], &Affine::identity());
        assert_eq!(of(&[]), UNIT);
        assert_eq!(of(&[f32::NAN, f32::INFINITY]), UNIT);
        assert_eq!(of(&[-2.0; 3]), UNIT);
        let flat = IntensityWindow {
            min: -2.0,
            max: 0.0,
        };
        assert_eq!(of(&[0.0, -2.0, f32::NEG_INFINITY]), flat);
        assert_eq!(of(&[f32::MAX, f32::MIN]), UNIT);
    }

    /// Voxels of 0.5 x 0.5 x 4 mm, to the back, to the feet and to the left.
    fn sagittal() -> Affine {
        Affine::new(
            0.0, 0.0, -4.0, 0.0, -0.5, 0.0, 0.0, 0.0, 0.0, -0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0,
        )
    }

    #[test]
    fn slices_of_thick_voxels_have_the_proportions_of_the_body() {
        let shape = [500, 2, 15];
        let picture = Picture::Segmentation {
            name: String::new(),
            shape,
            affine: sagittal(),
            image: vec![0.5; 500 * 2 * 15],
            labels: Vec::new(),
            prediction: vec![1; 500 * 2 * 15],
        };
        let shown = picture_montage(&picture, 1, 192).unwrap();
        assert_eq!(shown.cell, [120, 500]);
        assert_eq!((shown.image.width(), shown.image.height()), (120, 1004));
    }

    #[test]
    fn labels_of_thick_voxels_lie_over_their_voxels() {
        let mut values = vec![0.0_f32; 10 * 2 * 3];
        let mut labels = vec![0_u8; 10 * 2 * 3];
        // The second voxel to the back, the third to the left.
        (values[8], labels[8]) = (1.0, 1);
        let row = Row {
            name: "prediction",
            values: &values,
            labels: Some(&labels),
        };
        let image = Row::from(("image", values.as_slice()));
        let display = Display {
            slices: Slices::At(vec![0]),
            cell: 1,
            zoom: Zoom::Nearest,
            opacity: 1.0,
            gap: 0,
            ..Display::axial(&sagittal(), 1)
        };
        let shown = montage(&[image, row], [10, 2, 3], &display).unwrap();
        let shown = shown.image;
        assert_eq!((shown.width(), shown.height()), (3 * 8, 2 * 10));
        let voxel = |y: usize| -> Vec<(usize, usize)> { (16..24).map(|x| (x, y)).collect() };
        assert_eq!(places(&shown, [255; 3]), voxel(1));
        assert_eq!(places(&shown, label_colour(1).unwrap()), voxel(11));
    }

    /// The pixels of a colour.
    fn places(image: &RgbImage, colour: Colour) -> Vec<(usize, usize)> {
        (0..image.height())
            .flat_map(|y| (0..image.width()).map(move |x| (x, y)))
            .filter(|(x, y)| image.get(*x, *y) == Some(colour))
            .collect()
    }

    #[test]
    fn pictures_of_broken_affines_stay_small() {
        for broken in [0.0, f64::NAN, f64::INFINITY, 1e9, 1e-9, 1e200] {
            let mut affine = Affine::identity();
            affine[(0, 0)] = broken;
            let picture = Picture::Segmentation {
                name: String::new(),
                shape: [40, 50, 2],
                affine,
                image: vec![0.5; 40 * 50 * 2],
                labels: Vec::new(),
                prediction: vec![0; 40 * 50 * 2],
            };
            let cell = picture_montage(&picture, 1, 100).unwrap().cell;
            let bounded = cell.iter().all(|side| (80..=400).contains(side));
            assert!(bounded, "{broken}: {cell:?}");
        }
    }
}
