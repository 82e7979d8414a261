//! What a validation, a prediction or a preview shows, as rows of axial slices.

use super::ReportError;
use super::montage::{Display, Montage, Row, montage};
use crate::train::Picture;

/// Rows: original, view 1, view 2 and, where there is one, the reconstruction; or image, reference where there is one,
/// and prediction. `slices` of each, their longer side of at least `cell` pixels.
///
/// # Errors
/// As [`montage`].
pub fn picture_montage(
    picture: &Picture,
    slices: usize,
    cell: usize,
) -> Result<Montage, ReportError> {
    let (shape, affine, rows) = match picture {
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
            (*shape, affine, rows)
        }
        Picture::Segmentation {
            shape,
            affine,
            image,
            labels,
            prediction,
            ..
        } => (*shape, affine, overlays(image, labels, prediction)),
    };
    let display = Display {
        cell,
        ..Display::axial(affine, slices)
    };
    montage(&rows, shape, &display)
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
    use crate::volume::Affine;

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
}
