//! Which scores are compared with which.

use super::*;
use crate::metric::ClassScore;
use crate::report::scores::Evaluation;
use serde_json::json;
use std::path::PathBuf;

const PLAN: &str = "name = \"n\"\nsizes = [6, 12]\narms = [\"random\", \"pretrained\", \"unet\"]\nseeds = [1, 2]\n\
    [data]\nfinetune = { 6 = \"a.json\", 12 = \"b.json\" }\n[pretrain]\nweights = \"before\"\n\
    [bootstrap]\nresamples = 50\n";

/// What every arm has more than the first.
const GAINS: [(Arm, f64); 3] = [
    (Arm::Random, 0.0),
    (Arm::Pretrained, 0.1),
    (Arm::Unet, -0.2),
];
/// How much better the seeds and the cases do.
const SEEDS: [(u64, f64); 2] = [(1, -0.01), (2, 0.03)];
const CASES: [(&str, f64); 2] = [("a", 0.0), ("b", 0.04)];

fn of_size(size: usize) -> f64 {
    match size {
        6 => 0.3,
        _ => 0.5,
    }
}

/// A case of this foreground Dice; without one nothing but background is there.
fn case(name: &str, dice: Option<f64>) -> CaseScore {
    // The background, which is easy, does not count, and the mean of the others does.
    let classes = [Some(1.0), dice.map(|d| d - 0.05), dice.map(|d| d + 0.05)];
    let class = |(label, dice): (u8, Option<f64>)| ClassScore {
        label,
        dice,
        hd95_mm: None,
        nsd: None,
        reference_ml: 1.0,
        prediction_ml: 1.0,
    };
    CaseScore {
        case: name.to_owned(),
        classes: (0..).zip(classes).map(class).collect(),
    }
}

fn ended(scores: Vec<CaseScore>) -> Ended {
    let finished = json!({
        "complete": true, "device": "cpu", "parameters": 1, "steps": 4, "best_step": 2, "seconds": 1.0, "training_volumes": 6,
    });
    let classes = ["background", "one", "two"].map(str::to_owned).to_vec();
    Ended {
        finished: serde_json::from_value(finished).unwrap(),
        curve: Vec::new(),
        test: Some(Evaluation::new(classes, None, scores).unwrap()),
    }
}

/// All runs, in another order than the plan's.
fn runs() -> Vec<(Trial, Ended)> {
    let mut runs = Vec::new();
    for (arm, gain) in GAINS.into_iter().rev() {
        for size in [12, 6] {
            for (seed, luck) in SEEDS {
                let base = of_size(size) + gain + luck;
                let scored = CASES.map(|(name, ease)| case(name, Some(base + ease)));
                let mut scores = scored.to_vec();
                scores.insert(1, case("empty", None));
                let list = PathBuf::new();
                let trial = Trial {
                    size,
                    arm,
                    seed,
                    list,
                };
                runs.push((trial, ended(scores)));
            }
        }
    }
    runs
}

fn close(found: f64, expected: f64) -> bool {
    (found - expected).abs() < 1e-12
}

#[test]
fn every_arm_has_the_scores_of_its_own_runs_and_is_compared_with_the_first() {
    let plan = ExperimentPlan::from_toml(PLAN, "plan.toml").unwrap();
    let results = Results::new(&plan, &[], &runs(), None).unwrap();
    assert_eq!(results.left_out, ["empty"]);
    assert_eq!(results.device, "cpu");
    let sizes: Vec<usize> = results.sizes.iter().map(|s| s.training_cases).collect();
    assert_eq!(sizes, [6, 12]);
    for size in &results.sizes {
        assert_eq!((size.test_cases, size.methods.len()), (2, 3));
        // Cases add 0.02 in the mean, seeds 0.01.
        let baseline = of_size(size.training_cases) + 0.02 + 0.01;
        for (method, (arm, gain)) in size.methods.iter().zip(GAINS) {
            assert_eq!(method.name, arm.to_string());
            assert!(close(method.seeds.mean, baseline + gain), "{method:?}");
            for (mean, (_, luck)) in method.seed_means.iter().zip(SEEDS) {
                assert!(close(*mean, baseline - 0.01 + gain + luck), "{method:?}");
            }
            let Some(difference) = method.difference else {
                assert_eq!(arm, Arm::Random);
                continue;
            };
            assert!(close(difference.difference, gain), "{difference:?}");
            assert!(close(difference.baseline, baseline), "{difference:?}");
        }
    }
}

#[test]
fn all_devices_of_an_experiment_are_told() {
    let plan = ExperimentPlan::from_toml(PLAN, "plan.toml").unwrap();
    let mut runs = runs();
    runs[3].1.finished.device = "a GPU".to_owned();
    let results = Results::new(&plan, &[], &runs, None).unwrap();
    assert_eq!(results.device, "a GPU and cpu");
}

#[test]
fn every_run_is_listed_with_the_scores_of_its_cases() {
    let plan = ExperimentPlan::from_toml(PLAN, "plan.toml").unwrap();
    let results = Results::new(&plan, &[], &runs(), None).unwrap();
    assert_eq!(results.runs.len(), 12);
    for run in &results.runs {
        let gain = GAINS.into_iter().find(|(arm, _)| *arm == run.arm).unwrap();
        let luck = SEEDS.into_iter().find(|(seed, _)| *seed == run.seed);
        let base = of_size(run.size) + gain.1 + luck.unwrap().1;
        assert_eq!(run.cases["empty"], None);
        for (name, ease) in CASES {
            let found = run.cases[name].unwrap();
            assert!(close(found, base + ease), "{}: {found}", run.folder);
        }
        let mean = run.test.foreground_dice.unwrap();
        assert!(close(mean, base + 0.02), "{}: {mean}", run.folder);
    }
}

#[test]
fn tables_and_curves_are_in_percent_and_the_numbers_behind_them_are_not() {
    let plan = ExperimentPlan::from_toml(PLAN, "plan.toml").unwrap();
    let mut runs = runs();
    for (_, ended) in &mut runs {
        ended.curve = vec![(2.0, 0.25)];
        ended.finished.best_validation_dice = Some(0.25);
    }
    let results = Results::new(&plan, &[], &runs, None).unwrap();
    let text = results.markdown();
    assert!(
        text.contains("| 6 | random | 1 | 4 | 2 | 25.00 | 31.00 |"),
        "{text}"
    );
    assert!(text.contains("| 6 | 2 | 33.00 ± "), "{text}");
    assert_eq!(results.runs[0].validation_dice, Some(0.25));
    let curves = panels(&[6], &runs);
    assert_eq!(curves[0].series[0].points, [(2.0, 25.0)]);
}
