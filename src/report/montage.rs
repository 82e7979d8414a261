//! Pictures of volumes: one row a volume, one column a slice, with an optional colour overlay of
//! labels. Text is added by `labels::labelled` (feature `cli`).

use super::ReportError;
use super::image::RgbImage;
use super::showing::showing;
use super::slice::Plane;

pub use super::display::{BACKGROUND, Display, Slices, Zoom};
pub use super::label_colours::{LABEL_COLOURS, label_colour};
pub use super::row::Row;

/// A montage with what is needed to write names beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Montage {
    /// The slices, with gaps between them and no margin.
    pub image: RgbImage,
    /// Names of the rows, from top to bottom.
    pub rows: Vec<String>,
    /// Slice indices of the columns, from left to right.
    pub columns: Vec<usize>,
    /// Width and height of one enlarged slice in pixels.
    pub cell: [usize; 2],
    /// Pixels between slices.
    pub gap: usize,
}

/// Draws `rows` of volumes of one `shape`.
///
/// # Errors
/// When there is nothing to show, a row does not fill the shape, a slice is outside it, or the
/// picture would be too large.
pub fn montage(
    rows: &[Row<'_>],
    shape: [usize; 3],
    display: &Display,
) -> Result<Montage, ReportError> {
    let plane = Plane::new(shape, display)?;
    let columns = columns(rows, &plane, &display.slices);
    if rows.is_empty() || columns.is_empty() || shape.contains(&0) {
        let (rows, slices) = (rows.len(), columns.len());
        return Err(ReportError::Empty {
            rows,
            slices,
            shape,
        });
    }
    if let Some(&index) = columns.iter().find(|&&index| index >= plane.depth) {
        let axis = display.axis;
        return Err(ReportError::Slice { index, axis, shape });
    }
    for row in rows {
        check_length(row.name, "values", row.values.len(), shape)?;
        if let Some(labels) = row.labels {
            check_length(row.name, "labels", labels.len(), shape)?;
        }
    }

    let factors = plane.factors(display.cell);
    let cell = [
        plane.width.saturating_mul(factors[0]),
        plane.height.saturating_mul(factors[1]),
    ];
    let side = |length: usize, count: usize| {
        let pitch = length.saturating_add(display.gap);
        pitch.saturating_mul(count).saturating_sub(display.gap)
    };
    let size = (side(cell[0], columns.len()), side(cell[1], rows.len()));
    let mut image = RgbImage::new(size.0, size.1, BACKGROUND)?;
    for (r, row) in rows.iter().enumerate() {
        for (c, &slice) in columns.iter().enumerate() {
            let picture = plane.draw(row, slice, factors, display)?;
            let pitch = cell.map(|length| length + display.gap);
            image.paste(&picture, c * pitch[0], r * pitch[1]);
        }
    }
    Ok(Montage {
        image,
        rows: rows.iter().map(|row| row.name.to_owned()).collect(),
        columns,
        cell,
        gap: display.gap,
    })
}

/// The slices that are shown, from left to right.
fn columns(rows: &[Row<'_>], plane: &Plane, slices: &Slices) -> Vec<usize> {
    match slices {
        Slices::At(indices) => indices.clone(),
        Slices::Structures(count) | Slices::Even(count) => {
            let filled = plane.filled(rows.first().map_or(&[], |row| row.values));
            let mut labels = rows.iter().filter_map(|row| row.labels);
            let labels = labels.find(|l| l.iter().any(|label| *label != 0));
            match labels.filter(|_| matches!(slices, Slices::Structures(_))) {
                Some(labels) => showing(labels, plane, &filled, *count),
                None => (evenly(filled.len(), *count).into_iter())
                    .map(|slice| filled.start + slice)
                    .collect(),
            }
        }
    }
}

/// The middles of `count` equal parts of `length`.
fn evenly(length: usize, count: usize) -> Vec<usize> {
    let count = count.min(length);
    // length - 1 slices at most and small counts: the products fit.
    let middle = |i: usize| (2 * i + 1).saturating_mul(length) / (2 * count);
    (0..count).map(middle).collect()
}

fn check_length(
    row: &str,
    what: &'static str,
    found: usize,
    shape: [usize; 3],
) -> Result<(), ReportError> {
    let expected = shape.into_iter().fold(1, usize::saturating_mul);
    if found == expected {
        return Ok(());
    }
    Err(ReportError::RowLength {
        row: row.to_owned(),
        what,
        found,
        expected,
        shape,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    const SHAPE: [usize; 3] = [4, 5, 6];

    fn volume_with(bright: [usize; 3]) -> Vec<f32> {
        let mut volume = vec![0.0; 4 * 5 * 6];
        if let Some(voxel) = volume.get_mut((bright[0] * 5 + bright[1]) * 6 + bright[2]) {
            *voxel = 1.0;
        }
        volume
    }

    fn plain(axis: usize) -> Display {
        Display {
            axis,
            slices: Slices::At(vec![2, 3]),
            cell: 10,
            zoom: Zoom::Nearest,
            gap: 1,
            flip_horizontal: false,
            flip_vertical: false,
            ..Display::axial_ras(0)
        }
    }

    /// Column and row of the white pixels' top left corner, and how many there are.
    fn white(image: &RgbImage) -> (usize, usize, usize) {
        let is_white = |&(x, y): &(usize, usize)| image.get(x, y) == Some([255; 3]);
        let all = (0..image.height()).flat_map(|y| (0..image.width()).map(move |x| (x, y)));
        let found: Vec<_> = all.filter(is_white).collect();
        let (x, y) = found.first().copied().unwrap_or_default();
        (x, y, found.len())
    }

    #[test]
    fn a_bright_voxel_appears_where_it_is() -> Outcome {
        let volume = volume_with([1, 3, 2]);
        let row = Row::from(("original", volume.as_slice()));
        // Axial, 4 x 5 voxels, doubled: column 1, row 3, first slice.
        let axial = montage(&[row], SHAPE, &plain(2))?;
        assert_eq!((axial.image.width(), axial.image.height()), (8 + 1 + 8, 10));
        assert_eq!(white(&axial.image), (2, 6, 4));
        // Coronal, 4 x 6 voxels: slice 3 is the second column.
        let coronal = montage(&[row], SHAPE, &plain(1))?;
        assert_eq!(white(&coronal.image), (8 + 1 + 2, 4, 4));
        // Sagittal slice 1, 5 x 6 voxels.
        let slices = Slices::At(vec![1]);
        let sagittal = montage(&[row], SHAPE, &Display { slices, ..plain(0) })?;
        assert_eq!(white(&sagittal.image), (6, 4, 4));
        Ok(())
    }

    #[test]
    fn transposed_slices_have_their_axes_exchanged_before_they_are_flipped() -> Outcome {
        let volume = volume_with([1, 3, 2]);
        let display = Display {
            transpose: true,
            flip_horizontal: true,
            slices: Slices::At(vec![2]),
            cell: 1,
            ..plain(2)
        };
        let shown = montage(&[("v", volume.as_slice()).into()], SHAPE, &display)?;
        assert_eq!((shown.image.width(), shown.image.height()), (5, 4));
        assert_eq!(white(&shown.image), (1, 1, 1));
        Ok(())
    }

    #[test]
    fn ras_volumes_are_shown_in_the_radiological_view() -> Outcome {
        // The voxel furthest to the patient's left and to the front.
        let volume = volume_with([0, 4, 2]);
        let display = Display {
            axis: 2,
            slices: Slices::At(vec![2]),
            cell: 1,
            ..Display::axial_ras(1)
        };
        let shown = montage(&[("v", volume.as_slice()).into()], SHAPE, &display)?;
        assert_eq!(white(&shown.image), (3, 0, 1));
        Ok(())
    }

    #[test]
    fn labels_are_blended_and_background_stays_grey() -> Outcome {
        let volume = vec![1.0; 120];
        let mut labels = vec![0; 120];
        if let Some(label) = labels.get_mut(2) {
            *label = 1;
        }
        let row = Row {
            labels: Some(&labels),
            ..("v", volume.as_slice()).into()
        };
        let shown = montage(
            &[row],
            SHAPE,
            &Display {
                opacity: 1.0,
                ..plain(2)
            },
        )?;
        assert_eq!(shown.image.get(0, 0), label_colour(1));
        assert_eq!(shown.image.get(2, 0), Some([255; 3]));
        Ok(())
    }

    #[test]
    fn even_slices_are_the_middles_of_equal_parts() {
        assert_eq!(evenly(96, 4), [12, 36, 60, 84]);
        assert_eq!(evenly(3, 8), [0, 1, 2]);
        assert!(evenly(0, 4).is_empty());
    }

    #[test]
    fn slices_of_padding_are_not_shown() -> Outcome {
        let mut values = vec![0.0; 4 * 5 * 6];
        for k in [2, 4] {
            values[7 * 6 + k] = 1.0;
        }
        for (axis, slices) in [(2, vec![2, 3, 4]), (1, vec![2]), (0, vec![1])] {
            let display = Display {
                slices: Slices::Even(5),
                ..plain(axis)
            };
            let shown = montage(&[("v", values.as_slice()).into()], SHAPE, &display)?;
            assert_eq!(shown.columns, slices, "axis {axis}");
        }
        Ok(())
    }

    #[test]
    fn what_cannot_be_shown_is_an_error() {
        let volume = vec![0.0; 120];
        let row: Row<'_> = ("v", volume.as_slice()).into();
        let slices = |at: usize| Display {
            slices: Slices::At(vec![at]),
            ..plain(2)
        };
        assert!(matches!(
            montage(&[], SHAPE, &plain(2)),
            Err(ReportError::Empty { .. })
        ));
        assert!(matches!(
            montage(&[row], [4, 5, 7], &plain(2)),
            Err(ReportError::RowLength { .. })
        ));
        assert!(matches!(
            montage(&[row], SHAPE, &slices(6)),
            Err(ReportError::Slice { .. })
        ));
        assert!(matches!(
            montage(&[row], SHAPE, &plain(3)),
            Err(ReportError::Slice { .. })
        ));
        let huge = Display {
            cell: usize::MAX,
            ..plain(2)
        };
        assert!(matches!(
            montage(&[row], SHAPE, &huge),
            Err(ReportError::PictureSize { .. })
        ));
    }
}
