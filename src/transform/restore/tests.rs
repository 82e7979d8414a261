//! Tests of the way back.

use super::*;
use crate::transform::{FinetuneTransform, IntensityWindow, Space};
use crate::volume::{Affine, Region, Volume};

/// The original's resampling moves a scan whose axes are not exactly those of the world by up to half a slice, so that
/// the first or last slices of the file lie beyond the prepared volume's.
#[test]
fn no_slice_of_an_oblique_scan_is_lost_at_its_ends() {
    for (slice, spacing) in [(5.0, 2.0), (6.0, 1.5), (0.5, 2.0), (1.0, 1.0), (4.0, 2.0)] {
        for (stray, flip) in [
            (2e-5, 1.0),
            (-2e-5, 1.0),
            (2e-5, -1.0),
            (0.2, 1.0),
            (-0.2, -1.0),
        ] {
            let shape = [11, 12, 25];
            let mut affine = Affine::identity();
            affine[(0, 0)] = flip;
            affine[(2, 2)] = slice;
            (affine[(0, 2)], affine[(1, 2)], affine[(2, 1)]) = (stray, -stray, 0.5 * stray);
            let image = Volume::new(shape, vec![100.0; 11 * 12 * 25], affine).unwrap();
            let transform = FinetuneTransform {
                spacing: [1.0, 1.0, spacing],
                intensity: IntensityWindow {
                    min: 0.0,
                    max: 200.0,
                }
                .into(),
                patch: [1; 3],
                ..FinetuneTransform::default()
            };
            let made = transform.image(image).unwrap();
            let count = made.image.data().len();
            let values = made
                .geometry
                .restore_values(&vec![1.0; count], -1.0)
                .unwrap();
            let lost = values.iter().filter(|value| **value != 1.0).count();
            assert_eq!(lost, 0, "{slice} mm to {spacing} mm, {stray}, {flip}");

            let mut restorer = LabelRestorer::new(&made.geometry, 2).unwrap();
            for _ in 0..made.image.shape()[0] {
                let plane = count / made.image.shape()[0];
                restorer.push(&[0.0, 1.0].repeat(plane)).unwrap();
            }
            let labels = restorer.finish().unwrap();
            assert!(
                labels.iter().all(|label| *label == 1),
                "{slice} {stray} {flip}"
            );
        }
    }
}

#[test]
fn only_memory_limits_the_voxels_of_an_input() {
    let made = |shape| {
        let space = |shape| Space {
            shape,
            affine: Affine::identity(),
        };
        let inside = Region {
            start: [0; 3],
            size: [1; 3],
        };
        let geometry = Geometry {
            input: space(shape),
            resampled: space([1; 3]),
            crop: inside,
            inside,
            prepared: space([1; 3]),
        };
        LabelRestorer::new(&geometry, 2)
    };
    // Zeros that nobody touches take no memory.
    assert!(made([(1 << 31) + 1, 1, 1]).is_ok());
    let error = made([usize::MAX, 2, 1]).unwrap_err();
    let fits = matches!(error, TransformError::InputTooLarge { .. });
    assert!(
        fits && error.to_string().contains("crop the volume"),
        "{error}"
    );
}

#[test]
fn the_best_class_is_the_first_of_the_highest_scores() {
    assert_eq!(best_class(&[-1.0, 2.0, 0.5, 2.0]), 1);
    assert_eq!(best_class(&[0.0; 3]), 0);
    assert_eq!(best_class(&[]), 0);
}

#[test]
fn each_place_is_read_once_from_planes_that_are_at_hand() {
    let scores = [0.0; 4];
    let windows = [(0, 1), (1, 4), (4, 6)].map(|(start, end)| Window {
        carry: &scores[..usize::from(start > 0)],
        scores: &scores[..end - start],
        start,
        end,
        row: 1,
        size: 1,
        classes: 1,
    });
    for tenth in 0..=50u8 {
        let place = [f64::from(tenth) / 10.0, 0.0, 0.0];
        let mut reading = windows.iter().filter(|window| window.can_read(place));
        let window = reading.next().unwrap();
        assert!(reading.next().is_none(), "{place:?}");
        let (low, high) = window.reach();
        assert!(low < place[0] && place[0] <= high, "{place:?}");
        for plane in [place[0].floor(), place[0].ceil()] {
            assert_eq!(window.plane(plane as usize).len(), 1, "{place:?}");
        }
    }
}
