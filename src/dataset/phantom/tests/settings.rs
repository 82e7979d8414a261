//! What the settings change, what they leave alone, and what is refused.

use super::{cases, made, organs};
use crate::dataset::phantom::*;

#[test]
fn a_case_is_a_function_of_its_seed_and_settings() {
    let spec = PhantomSpec::quickstart();
    assert_eq!(made(0, &spec), cases()[0]);
    assert_ne!(made(1, &spec).label, cases()[0].label);
    let clean = made(
        0,
        &PhantomSpec {
            noise_hu: 0.0,
            ..spec
        },
    );
    assert_eq!(clean.label, cases()[0].label, "the noise changes no label");
    assert_ne!(clean.image, cases()[0].image);
}

#[test]
fn another_grid_shows_the_same_patient() {
    let coarse = PhantomSpec {
        grid_variation: 0.0,
        ..PhantomSpec::quickstart()
    };
    let fine = PhantomSpec {
        shape: [117, 96, 85],
        spacing: [3.0, 3.0, 3.0],
        ..coarse.clone()
    };
    let (a, b) = (organs(&made(4, &coarse)), organs(&made(4, &fine)));
    for id in [1, 2, 3, 6, 8] {
        assert!(
            (a[id].ml / b[id].ml - 1.0).abs() < 0.08,
            "{}: {:.1} and {:.1} mL",
            ORGAN_NAMES[id],
            a[id].ml,
            b[id].ml
        );
    }
}

#[test]
fn a_fixed_grid_is_kept_and_others_vary() {
    let spec = PhantomSpec {
        grid_variation: 0.0,
        ..PhantomSpec::quickstart()
    };
    let case = made(2, &spec);
    assert_eq!(case.image.shape(), spec.shape);
    assert_eq!(case.label.affine(), case.image.affine());
    assert!(
        case.image
            .spacing()
            .iter()
            .zip(spec.spacing)
            .all(|(a, b)| (a - b).abs() < 1e-9)
    );
    let spacings: Vec<_> = cases()
        .iter()
        .take(5)
        .map(|c| c.image.spacing()[0])
        .collect();
    assert!(spacings.iter().any(|s| (s - spacings[0]).abs() > 0.02));
}

#[test]
fn storage_orientation_moves_no_voxel_in_the_world() {
    let spec = PhantomSpec {
        grid_variation: 0.0,
        ..PhantomSpec::quickstart()
    };
    let ras = made(6, &spec);
    let [n0, n1, n2] = spec.shape;
    for (orientation, flips) in [
        (Orientation::Las, [true, false]),
        (Orientation::Lps, [true, true]),
    ] {
        let other = made(
            6,
            &PhantomSpec {
                orientation,
                ..spec.clone()
            },
        );
        for (i, j, k) in [(0, 0, 0), (30, 20, 40), (n0 - 1, 7, n2 - 1)] {
            let (fi, fj) = (
                if flips[0] { n0 - 1 - i } else { i },
                if flips[1] { n1 - 1 - j } else { j },
            );
            let world = |case: &PhantomCase, i: usize, j: usize| {
                case.image.affine() * nalgebra::Vector4::new(i as f64, j as f64, k as f64, 1.0)
            };
            assert!((world(&ras, i, j) - world(&other, fi, fj)).norm() < 1e-9);
            let (a, b) = ((i * n1 + j) * n2 + k, (fi * n1 + fj) * n2 + k);
            assert_eq!(ras.image.data()[a], other.image.data()[b]);
            assert_eq!(ras.label.data()[a], other.label.data()[b]);
        }
    }
}

#[test]
fn extreme_settings_still_give_13_organs() {
    let small = PhantomSpec {
        shape: [76, 56, 59],
        spacing: [4.0; 3],
        grid_variation: 0.25,
        ..PhantomSpec::quickstart()
    };
    let wild = PhantomSpec {
        variation: 1.5,
        noise_hu: 30.0,
        circular_mask: true,
        table: false,
        ..PhantomSpec::quickstart()
    };
    for (seed, spec) in [(8, small), (9, wild)] {
        for (id, organ) in organs(&made(seed, &spec)).iter().enumerate() {
            assert!(
                organ.ml > 0.5,
                "{} is missing with {spec:?}",
                ORGAN_NAMES[id]
            );
        }
    }
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    let good = PhantomSpec::quickstart;
    let cases = [
        (
            "spacing",
            PhantomSpec {
                spacing: [0.0, 4.0, 4.0],
                ..good()
            },
        ),
        (
            "spacing",
            PhantomSpec {
                spacing: [4.0, f64::NAN, 4.0],
                ..good()
            },
        ),
        (
            "shape x spacing",
            PhantomSpec {
                shape: [88, 72, 20],
                ..good()
            },
        ),
        (
            "shape x spacing",
            PhantomSpec {
                shape: [0, 72, 64],
                ..good()
            },
        ),
        (
            "shape x spacing",
            PhantomSpec {
                shape: [400, 72, 64],
                ..good()
            },
        ),
        (
            "shape",
            PhantomSpec {
                shape: [usize::MAX, 72, 64],
                ..good()
            },
        ),
        (
            "noise_hu",
            PhantomSpec {
                noise_hu: -1.0,
                ..good()
            },
        ),
        (
            "blur_mm",
            PhantomSpec {
                blur_mm: f32::INFINITY,
                ..good()
            },
        ),
        (
            "streak_hu",
            PhantomSpec {
                streak_hu: f32::NAN,
                ..good()
            },
        ),
        (
            "variation",
            PhantomSpec {
                variation: 2.0,
                ..good()
            },
        ),
        (
            "grid_variation",
            PhantomSpec {
                grid_variation: 0.5,
                ..good()
            },
        ),
    ];
    for (name, spec) in cases {
        let refusal = abdomen(0, &spec).err();
        let named = matches!(&refusal, Some(PhantomError::Setting { field, .. }) if *field == name);
        assert!(named, "{name}: {refusal:?}");
    }
    assert!(good().validate().is_ok() && PhantomSpec::default().validate().is_ok());
}

#[test]
fn the_limit_of_voxels_holds_for_the_largest_grid_that_may_be_drawn() {
    // 2^27 voxels are 512 slices of this plane, as which 384 count where each may be a quarter thinner.
    for (slices, grid_variation, refused) in [
        (512, 0.0, false),
        (513, 0.0, true),
        (512, 0.25, true),
        (384, 0.25, false),
        (385, 0.25, true),
    ] {
        let spec = PhantomSpec {
            shape: [512, 512, slices],
            spacing: [0.625; 3],
            grid_variation,
            ..PhantomSpec::default()
        };
        let found = spec.validate();
        let of_shape = matches!(found, Err(PhantomError::Setting { field: "shape", .. }));
        assert_eq!(
            of_shape, refused,
            "{slices} slices, {grid_variation}: {found:?}"
        );
        assert_eq!(found.is_err(), refused, "{found:?}");
    }
}

#[test]
fn settings_are_read_from_text_and_unknown_names_are_refused() {
    let spec: PhantomSpec =
        serde_json::from_str(r#"{"noise_hu": 5.0, "phase": "portal", "orientation": "las"}"#)
            .unwrap_or_default();
    let wanted = PhantomSpec {
        noise_hu: 5.0,
        phase: Some(Phase::Portal),
        orientation: Orientation::Las,
        ..PhantomSpec::default()
    };
    assert_eq!(spec, wanted);
    assert!(serde_json::from_str::<PhantomSpec>(r#"{"noise": 5.0}"#).is_err());
}
