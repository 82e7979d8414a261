//! Scores against the specification's vectors, MONAI's numbers and their definitions.

use crate::support::{fill, numbers, vectors};
use hounsfield::metric::{
    CaseScore, LabelPair, Overlaps, SurfaceOptions, mean_of_running_means, mean_of_some, score,
    summarize, surface_distances,
};
use serde_json::Value;

/// Computed by `scripts/metric_reference.py`.
const MONAI: &str = include_str!("../data/surface_distances.json");

/// The three volumes of the vectors: prediction and label.
fn volumes() -> Vec<(Vec<u8>, Vec<u8>)> {
    let volume = |value: &dyn Fn(usize, usize, usize) -> usize| {
        let places = (0..36).map(|at| value(at / 12, at / 4 % 3, at % 4) as u8);
        places.collect::<Vec<_>>()
    };
    let make = |n: usize| {
        let classes = if n == 0 { 4 } else { 3 };
        let label = volume(&|i, j, k| (n + i + 2 * j + k) % classes);
        (volume(&|i, j, k| (n + 2 * i + j + k) % 4), label)
    };
    (0..3).map(make).collect()
}

fn optional(value: &Value) -> Vec<Option<f64>> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(Value::as_f64)
        .collect()
}

fn assert_close(what: &str, found: Option<f64>, expected: Option<f64>, tolerance: f64) {
    let close = match (found, expected) {
        (Some(found), Some(expected)) => (found - expected).abs() <= tolerance,
        (found, expected) => found == expected,
    };
    assert!(close, "{what}: {found:?}, should be {expected:?}");
}

#[test]
fn dice_is_the_originals_per_class_per_volume_and_over_volumes() {
    let expected = &vectors()["dice_metric"];
    let mut scores = Vec::new();
    for (n, (prediction, label)) in volumes().iter().enumerate() {
        let mut overlaps = Overlaps::new(4).unwrap();
        overlaps.add(prediction, label).unwrap();
        let classes = optional(&expected["per_volume_per_class(null=NaN)"][n]);
        for (class, (found, value)) in overlaps.dice().into_iter().zip(classes).enumerate() {
            assert_close(&format!("volume {n}, class {class}"), found, value, 1e-7);
        }
        scores.push(mean_of_some(overlaps.dice()));
    }
    for (n, running) in numbers(&expected["running_aggregate"])
        .into_iter()
        .enumerate()
    {
        let so_far = mean_of_some(scores[..=n].iter().copied());
        assert_close(&format!("after volume {n}"), so_far, Some(running), 1e-7);
    }
    let upstream = expected["upstream_mean_of_running"].as_f64();
    assert_close("reported", mean_of_running_means(&scores), upstream, 1e-7);
}

#[test]
fn a_summary_holds_the_plain_mean_beside_the_originals_number() {
    let cases: Vec<CaseScore> = volumes()
        .iter()
        .map(|(prediction, label)| {
            let pair = LabelPair::new(prediction, label, [3, 3, 4], [1.0; 3]).unwrap();
            score("volume", &pair, 4, None).unwrap()
        })
        .collect();
    let summary = summarize(&cases).unwrap();
    let expected = &vectors()["dice_metric"];
    let plain = numbers(&expected["running_aggregate"])[2];
    assert_close("plain", summary.dice, Some(plain), 1e-7);
    let upstream = expected["upstream_mean_of_running"].as_f64();
    assert_close("upstream", summary.upstream_dice, upstream, 1e-7);
    // Only the first volume's label has class 3, and every prediction has it.
    let last = &summary.classes[3];
    assert_eq!((last.present, last.missed, last.invented), (1, 0, 2));
    let weights = [0.4083, 0.2417, 0.1583, 0.1028, 0.0611, 0.0278];
    for (case, weight) in weights.into_iter().enumerate() {
        let mut alone = [Some(0.0); 6];
        alone[case] = Some(1.0);
        assert_close("weight", mean_of_running_means(&alone), Some(weight), 6e-5);
    }
}

/// Six whole numbers `floor(factor u(name)[index])`.
fn whole(name: &str, factor: [usize; 6]) -> [i64; 6] {
    std::array::from_fn(|i| (fill::uniform(name, i) * factor[i] as f64).floor() as i64)
}

/// A label map of `scripts/metric_reference.py`, which has the formula.
fn label_map(case: &Value, which: &str) -> Vec<u8> {
    let name = case["name"].as_str().unwrap();
    let size: Vec<usize> = numbers(&case["shape"])
        .iter()
        .map(|n| *n as usize)
        .collect();
    let of = |key: &str| case[key].as_u64().unwrap() as usize;
    let noise_name = format!("{name}.{which}");
    let noise: Vec<i64> = (0..size.iter().product())
        .map(|at| (fill::uniform(&noise_name, at) * of("noise") as f64).floor() as i64)
        .collect();
    let mut labels = vec![0; noise.len()];
    let without = case["without"][which]
        .as_array()
        .cloned()
        .unwrap_or_default();
    for class in (1..of("classes")).filter(|c| !without.contains(&Value::from(*c))) {
        let own = format!("{name}.{class}");
        let twice = [size[0], size[1], size[2], size[0], size[1], size[2]];
        let (mut centre, mut radius) = (whole(&own, twice), whole(&own, [of("largest"); 6]));
        let moved = whole(
            &format!("{own}.moved"),
            [if which == "prediction" { 5 } else { 0 }; 6],
        );
        let grown = whole(&format!("{own}.moved"), [3; 6]);
        for axis in 0..3 {
            radius[3 + axis] += 1;
            if which == "prediction" {
                centre[axis] += moved[axis] - 2;
                radius[3 + axis] = (radius[3 + axis] + grown[3 + axis] - 1).max(1);
            }
        }
        for (at, label) in labels.iter_mut().enumerate() {
            let place = [at / size[2] / size[1], at / size[2] % size[1], at % size[2]];
            let total: i64 = (0..3)
                .map(|a| 10_000 * (place[a] as i64 - centre[a]).pow(2) / radius[3 + a].pow(2))
                .sum();
            if noise[at] + total < 10_000 {
                *label = class as u8;
            }
        }
    }
    labels
}

/// What a case of the reference file is scored on.
struct Made {
    prediction: Vec<u8>,
    reference: Vec<u8>,
    shape: [usize; 3],
    spacing: [f64; 3],
}

impl Made {
    fn of(case: &Value) -> Made {
        let three = |key: &str| -> [f64; 3] { numbers(&case[key]).try_into().unwrap() };
        let made = Made {
            prediction: label_map(case, "prediction"),
            reference: label_map(case, "reference"),
            shape: three("shape").map(|n| n as usize),
            spacing: three("spacing"),
        };
        for (which, labels) in [
            ("prediction", &made.prediction),
            ("reference", &made.reference),
        ] {
            let mut count = vec![0.0; case["classes"].as_u64().unwrap() as usize];
            labels.iter().for_each(|l| count[usize::from(*l)] += 1.0);
            assert_eq!(
                count,
                numbers(&case["voxels"][which]),
                "{} differs",
                case["name"]
            );
        }
        made
    }

    fn pair(&self) -> LabelPair<'_> {
        LabelPair::new(&self.prediction, &self.reference, self.shape, self.spacing).unwrap()
    }
}

fn cases() -> Vec<Value> {
    let all: Value = serde_json::from_str(MONAI).unwrap();
    all["cases"].as_array().unwrap().clone()
}

#[test]
fn surface_distances_are_monais() {
    for case in cases() {
        let made = Made::of(&case);
        let classes = case["classes"].as_u64().unwrap() as usize;
        for (tolerance, nsd) in case["nsd"].as_object().unwrap() {
            let options = SurfaceOptions {
                tolerance_mm: tolerance.parse().unwrap(),
            };
            let found = score("case", &made.pair(), classes, Some(options)).unwrap();
            let what =
                |what: &str, class: usize| format!("{}, class {class}: {what}", case["name"]);
            for (class, dice) in optional(&case["dice"]).into_iter().enumerate() {
                assert_close(&what("Dice", class), found.classes[class].dice, dice, 1e-6);
            }
            let distances = optional(&case["hd95"]).into_iter().zip(optional(nsd));
            for (class, (hd95, nsd)) in (1..).zip(distances) {
                let score = &found.classes[class];
                assert_close(&what("HD95", class), score.hd95_mm, hd95, 1e-6);
                assert_close(
                    &what(&format!("NSD {tolerance}"), class),
                    score.nsd,
                    nsd,
                    1e-6,
                );
            }
        }
    }
}

#[test]
fn scores_do_not_depend_on_which_map_is_the_prediction() {
    for case in cases() {
        let made = Made::of(&case);
        let turned = LabelPair::new(&made.reference, &made.prediction, made.shape, made.spacing);
        for class in 1..case["classes"].as_u64().unwrap() as u8 {
            let there = surface_distances(&made.pair(), class);
            let back = surface_distances(&turned.clone().unwrap(), class);
            assert_eq!(there.hd95(), back.hd95());
            assert_eq!(there.nsd(1.0), back.nsd(1.0));
            assert_eq!(there.prediction, back.reference);
        }
    }
}

#[test]
fn a_map_agrees_with_itself_completely() {
    for case in cases() {
        let made = Made::of(&case);
        let same = LabelPair::new(&made.reference, &made.reference, made.shape, made.spacing);
        let classes = case["classes"].as_u64().unwrap() as usize;
        let options = SurfaceOptions { tolerance_mm: 0.0 };
        let found = score("case", &same.unwrap(), classes, Some(options)).unwrap();
        for class in found
            .classes
            .iter()
            .skip(1)
            .filter(|c| c.reference_ml > 0.0)
        {
            let scores = (class.dice, class.hd95_mm, class.nsd);
            assert_eq!(scores, (Some(1.0), Some(0.0), Some(1.0)));
        }
        assert!(found.classes.iter().any(|class| class.hd95_mm.is_some()));
    }
}

#[test]
fn moving_a_segmentation_moves_its_surface_by_as_much() {
    // A block moved by two voxels of 3 mm along the last axis, up to the border.
    let block = |start: usize| -> Vec<u8> {
        let inside = |at: usize| (start..start + 6).contains(&(at % 12));
        (0..5 * 6 * 12).map(|at| u8::from(inside(at))).collect()
    };
    let (a, b) = (block(4), block(6));
    let pair = LabelPair::new(&a, &b, [5, 6, 12], [1.0, 1.0, 3.0]).unwrap();
    let distances = surface_distances(&pair, 1);
    assert_eq!(distances.hd95(), Some(6.0));
    assert_eq!(distances.nsd(6.0), Ok(Some(1.0)));
    assert!(distances.nsd(5.9).unwrap() < Some(1.0));
}
