//! What is written around the slices, and where.

use super::*;
use crate::report::montage::{Display, Row, montage};
use crate::volume::Affine;

#[test]
fn names_go_into_the_margin_and_the_slices_stay_as_they_are() -> Result<(), ReportError> {
    let volume = [1.0; 8];
    let row = Row::from(("original", volume.as_slice()));
    let slices = montage(&[row, row], [2; 3], &Display::axial_ras(2))?;
    let bare = slices.image.clone();
    let image = labelled(&slices, &Caption::default())?;
    let white = |image: &RgbImage| {
        image
            .pixels()
            .chunks(3)
            .filter(|pixel| *pixel == [255; 3])
            .count()
    };
    assert_eq!(white(&image), white(&bare));
    let (left, top) = (image.width() - bare.width(), image.height() - bare.height());
    assert!(left > 80 && top > 40, "{left} {top}");
    let margin = |x: usize| (0..image.height()).any(|y| image.get(x, y) != Some(BACKGROUND));
    assert!((0..80).any(margin), "no text at the left");
    Ok(())
}

fn segmentation(labels: Vec<u8>) -> Picture {
    predicted(labels, vec![0, 1, 1, 0, 0, 0, 3, 0])
}

fn predicted(labels: Vec<u8>, prediction: Vec<u8>) -> Picture {
    Picture::Segmentation {
        name: "scan 7".to_owned(),
        shape: [2; 3],
        affine: Affine::identity(),
        image: vec![0.0; 8],
        labels,
        prediction,
    }
}

#[test]
fn a_picture_without_a_structure_says_so() {
    let caption = Caption::of(&predicted(Vec::new(), vec![0; 8]), &[]).unwrap();
    assert_eq!(caption.title, "scan 7: nothing but background");
    assert!(caption.legend.is_empty());
}

#[test]
fn structures_that_occur_are_named_and_others_are_not() {
    let classes = ["background", "liver", "spleen"].map(str::to_owned);
    let caption = |labels| Caption::of(&segmentation(labels), &classes).unwrap();
    let names = |caption: Caption| -> Vec<String> {
        caption.legend.into_iter().map(|(_, name)| name).collect()
    };
    assert_eq!(caption(Vec::new()).title, "scan 7");
    assert_eq!(names(caption(Vec::new())), ["liver", "class 3"]);
    let missed = vec![2; 8];
    assert_eq!(names(caption(missed)), ["liver", "spleen", "class 3"]);
}

#[test]
fn the_legend_shows_every_colour_below_the_slices() -> Result<(), ReportError> {
    let volume = [0.0; 8];
    let row = Row::from(("image", volume.as_slice()));
    let slices = montage(&[row], [2; 3], &Display::axial_ras(2))?;
    let colours: [Colour; 2] = [[255, 0, 0], [0, 0, 255]];
    let bare = labelled(&slices, &Caption::default())?;
    let caption = Caption {
        title: "scan 7".to_owned(),
        legend: colours
            .map(|colour| (colour, "structure".to_owned()))
            .to_vec(),
    };
    let image = labelled(&slices, &caption)?;
    assert!(image.height() > bare.height() + LINE);
    let below = image.height() - MARGIN - LINE;
    for colour in colours {
        let filled = (below..image.height())
            .flat_map(|y| (0..image.width()).map(move |x| (x, y)))
            .filter(|(x, y)| image.get(*x, *y) == Some(colour))
            .count();
        // The square of the colour, but for its edges.
        assert!(filled > 150, "{filled} pixels of {colour:?}");
    }
    Ok(())
}

#[test]
fn a_legend_goes_on_in_another_line_where_one_is_full() {
    let places = wrapped(&[40.0, 30.0, 50.0, 200.0, 10.0], 10.0, 100.0);
    let expected = [(0, 0.0), (0, 50.0), (1, 0.0), (2, 0.0), (3, 0.0)];
    assert_eq!(places, expected);
}

fn of_shape(shape: [usize; 3], cell: usize) -> Result<Montage, ReportError> {
    let volume = vec![1.0; shape.iter().product()];
    let row = Row::from(("image", volume.as_slice()));
    let display = Display {
        cell,
        ..Display::axial_ras(6)
    };
    montage(&[row, row], shape, &display)
}

#[test]
fn names_of_narrow_slices_and_of_flat_ones_stay_apart() -> Result<(), ReportError> {
    let name = widest(NUMBER, [&"slice 5".to_owned()].into_iter())?;
    for (shape, expected) in [
        ([1, 192, 6], [6.0 * name, 2.0 * 192.0]),
        ([192, 1, 6], [6.0 * 192.0, 3.0 * LINE as f64]),
    ] {
        let slices = of_shape(shape, CELL)?;
        let image = labelled(&slices, &Caption::default())?;
        let size = [image.width() as f64, image.height() as f64];
        assert!(size[0] > expected[0] && size[1] > expected[1], "{size:?}");
        let white = image.pixels().chunks(3).filter(|p| *p == [255; 3]).count();
        assert_eq!(white, 2 * 6 * 192, "{shape:?}");
    }
    Ok(())
}

#[test]
fn text_grows_with_the_slices() -> Result<(), ReportError> {
    // Rows of pixels that hold a part of the names at the left.
    let tall = |cell: usize| -> Result<usize, ReportError> {
        let slices = of_shape([2; 3], cell)?;
        let image = labelled(&slices, &Caption::default())?;
        let left = (image.width() - slices.image.width()) / 2;
        let inked = |y: &usize| (0..left).any(|x| image.get(x, *y) != Some(BACKGROUND));
        Ok((0..image.height()).filter(inked).count())
    };
    let (small, large) = (tall(CELL)?, tall(3 * CELL)?);
    assert!(small > 10 && large > 2 * small, "{small} {large}");
    Ok(())
}

#[test]
fn a_name_that_the_font_lacks_is_told_by_its_number() {
    let picture = |case: &str| {
        let mut picture = segmentation(Vec::new());
        if let Picture::Segmentation { name, .. } = &mut picture {
            *name = case.to_owned();
        }
        picture
    };
    let classes = ["background", "肝臓", "Milz", "Ösophagus"].map(str::to_owned);
    // The second with an accent of its own, as macOS writes names of files.
    for (case, title) in [
        ("Müller 7", "Müller 7"),
        ("Mu\u{308}ller 7", "Muller 7"),
        ("患者7", "7"),
    ] {
        let caption = Caption::of(&picture(case), &classes).unwrap();
        assert_eq!(caption.title, title);
        let names: Vec<&str> = caption
            .legend
            .iter()
            .map(|(_, name)| name.as_str())
            .collect();
        assert_eq!(names, ["class 1", "Ösophagus"]);
    }
}

#[test]
fn slices_of_very_many_voxels_are_drawn_with_fewer() -> Result<(), ReportError> {
    let large = |width: usize| Picture::Segmentation {
        name: String::new(),
        shape: [width, 1, 2],
        affine: Affine::identity(),
        image: vec![0.5; 2 * width],
        labels: Vec::new(),
        prediction: vec![0; 2 * width],
    };
    let drawn = |width: usize| {
        small_enough(&large(width), |picture| match picture {
            Picture::Segmentation { shape, .. } if shape[0] <= 40 => {
                RgbImage::new(shape[0], 1, BACKGROUND)
            }
            _ => Err(ReportError::PictureSize { width, height: 1 }),
        })
    };
    assert_eq!(drawn(40)?.width(), 40);
    assert_eq!(drawn(41)?.width(), 21);
    assert_eq!(drawn(40 * 32)?.width(), 40);
    assert!(matches!(
        drawn(40 * 32 + 1),
        Err(ReportError::PictureSize { .. })
    ));
    Ok(())
}

#[test]
fn a_picture_that_is_too_large_is_told_with_its_own_size() {
    let found = paint(6_000, 6_000, BACKGROUND, |_| Ok(()));
    let expected = "a picture of 6000 x 6000 pixels is too large";
    assert_eq!(found.unwrap_err().to_string(), expected);
}
