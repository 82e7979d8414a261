//! What every case must show, checked on a few seeds at both sizes.

mod settings;

use std::sync::OnceLock;

use super::*;

/// Some quickstart cases and one of the default size, made once for all tests.
fn cases() -> &'static [PhantomCase] {
    static CASES: OnceLock<Vec<PhantomCase>> = OnceLock::new();
    CASES.get_or_init(|| {
        let quick = (0..5).map(|seed| (seed, PhantomSpec::quickstart()));
        let large = [(100, PhantomSpec::default())];
        quick
            .chain(large)
            .map(|(seed, spec)| made(seed, &spec))
            .collect()
    })
}

fn made(seed: u64, spec: &PhantomSpec) -> PhantomCase {
    abdomen(seed, spec).unwrap_or_else(|e| unreachable!("seed {seed}: {e}"))
}

/// Count, mean HU and centre in world mm of every class.
struct Organ {
    ml: f64,
    hu: f64,
    centre: [f64; 3],
}

fn organs(case: &PhantomCase) -> Vec<Organ> {
    let [_, n1, n2] = case.image.shape();
    let mut sums = [[0.0; 5]; 14];
    for (at, (hu, id)) in case.image.data().iter().zip(case.label.data()).enumerate() {
        let sum = &mut sums[*id as usize];
        let index = [at / (n1 * n2), at / n2 % n1, at % n2];
        let values = [
            1.0,
            f64::from(*hu),
            index[0] as f64,
            index[1] as f64,
            index[2] as f64,
        ];
        sum.iter_mut().zip(values).for_each(|(s, v)| *s += v);
    }
    let affine = case.image.affine();
    let ml = case.image.spacing().iter().product::<f64>() / 1000.0;
    let organ = |[count, hu, i, j, k]: [f64; 5]| {
        let world = affine * nalgebra::Vector4::new(i / count, j / count, k / count, 1.0);
        Organ {
            ml: count * ml,
            hu: hu / count,
            centre: [world.x, world.y, world.z],
        }
    };
    sums.into_iter().map(organ).collect()
}

/// Plausible volumes in mL by id. Our choice: the spread of healthy adults in CT volumetry, widened
/// for the few voxels of small organs and for the part of the esophagus, aorta and vena cava that
/// the field of view holds.
const VOLUMES: [(f64, f64); 14] = [
    (0.0, f64::INFINITY),
    (50.0, 450.0),
    (60.0, 330.0),
    (60.0, 330.0),
    (8.0, 90.0),
    (5.0, 50.0),
    (850.0, 2700.0),
    (150.0, 1300.0),
    (40.0, 190.0),
    (40.0, 190.0),
    (9.0, 50.0),
    (25.0, 140.0),
    (1.5, 12.0),
    (1.5, 12.0),
];

#[test]
fn every_case_has_the_13_organs_with_plausible_volumes() {
    for (n, case) in cases().iter().enumerate() {
        for (id, organ) in organs(case).iter().enumerate() {
            let (low, high) = VOLUMES[id];
            assert!(
                (low..=high).contains(&organ.ml),
                "case {n}: {} has {:.1} mL",
                ORGAN_NAMES[id],
                organ.ml
            );
        }
    }
}

#[test]
fn organs_have_the_ct_numbers_of_their_phase() {
    // Liver, aorta and kidneys by phase; partial volume lowers the means of small organs.
    let ranges = |phase| match phase {
        Phase::Plain => [(5.0, 75.0), (20.0, 70.0), (12.0, 45.0)],
        Phase::Arterial => [(20.0, 95.0), (200.0, 400.0), (90.0, 210.0)],
        Phase::Portal => [(50.0, 150.0), (90.0, 220.0), (100.0, 230.0)],
        Phase::Delayed => [(40.0, 125.0), (60.0, 160.0), (85.0, 190.0)],
    };
    for phase in [Phase::Plain, Phase::Arterial, Phase::Portal, Phase::Delayed] {
        let case = made(
            3,
            &PhantomSpec {
                phase: Some(phase),
                ..PhantomSpec::quickstart()
            },
        );
        assert_eq!(case.phase, phase);
        let organs = organs(&case);
        for (id, (low, high)) in [6, 8, 2].into_iter().zip(ranges(phase)) {
            assert!(
                (low..=high).contains(&organs[id].hu),
                "{phase:?}: {} is {:.0} HU",
                ORGAN_NAMES[id],
                organs[id].hu
            );
        }
    }
    for (n, case) in cases().iter().enumerate() {
        let organs = organs(case);
        assert!(
            (-20.0..40.0).contains(&organs[4].hu),
            "case {n}: bile is watery, not {:.0} HU",
            organs[4].hu
        );
        for id in [1, 9, 10, 11, 12, 13] {
            assert!(
                (-30.0..250.0).contains(&organs[id].hu),
                "case {n}: {} is {:.0} HU",
                ORGAN_NAMES[id],
                organs[id].hu
            );
        }
    }
}

#[test]
fn organs_lie_where_they_belong() {
    for (n, case) in cases().iter().enumerate() {
        let organs = organs(case);
        let at = |id: u8| organs[usize::from(id)].centre;
        use labels::*;
        // World axes are RAS+: x grows to the patient's right.
        for (right, left) in [
            (LIVER, SPLEEN),
            (LIVER, STOMACH),
            (RIGHT_KIDNEY, LEFT_KIDNEY),
            (VENA_CAVA, AORTA),
        ] {
            assert!(
                at(right)[0] > at(left)[0],
                "case {n}: {right} right of {left}"
            );
        }
        for (right, left) in [
            (GALLBLADDER, AORTA),
            (RIGHT_ADRENAL, LEFT_ADRENAL),
            (AORTA, LEFT_KIDNEY),
        ] {
            assert!(
                at(right)[0] > at(left)[0],
                "case {n}: {right} right of {left}"
            );
        }
        for (front, back) in [
            (STOMACH, LEFT_KIDNEY),
            (PANCREAS, AORTA),
            (PANCREAS, VENA_CAVA),
            (GALLBLADDER, RIGHT_KIDNEY),
        ] {
            assert!(
                at(front)[1] > at(back)[1],
                "case {n}: {front} in front of {back}"
            );
        }
        for (above, below) in [
            (RIGHT_ADRENAL, RIGHT_KIDNEY),
            (LEFT_ADRENAL, LEFT_KIDNEY),
            (LIVER, GALLBLADDER),
            (ESOPHAGUS, STOMACH),
        ] {
            assert!(
                at(above)[2] > at(below)[2],
                "case {n}: {above} above {below}"
            );
        }
    }
    let lower = |case: &PhantomCase| organs(case)[3].centre[2] - organs(case)[2].centre[2];
    let mean = cases().iter().map(lower).sum::<f64>() / cases().len() as f64;
    assert!(
        mean > 5.0,
        "the right kidney is the lower one: {mean:.1} mm"
    );
}

#[test]
fn tissues_have_plausible_shares() {
    for (n, case) in cases().iter().enumerate() {
        let share = |test: fn(f32) -> bool| {
            let values = case.image.data();
            values.iter().filter(|hu| test(**hu)).count() as f64 / values.len() as f64
        };
        let body = share(|hu| hu > -300.0);
        assert!((0.25..0.8).contains(&body), "case {n}: body {body:.2}");
        let fat = share(|hu| (-300.0..-40.0).contains(&hu)) / body;
        assert!((0.12..0.65).contains(&fat), "case {n}: fat {fat:.2}");
        let bone = share(|hu| hu > 200.0) / body;
        assert!((0.001..0.08).contains(&bone), "case {n}: bone {bone:.3}");
        let corner = f64::from(case.image.data()[0]);
        assert!(
            (-1024.0..-900.0).contains(&corner),
            "case {n}: air outside is {corner}"
        );
        assert!(
            case.image
                .data()
                .iter()
                .all(|hu| (-1024.0..=3071.0).contains(hu) && hu.fract() == 0.0)
        );
    }
}
