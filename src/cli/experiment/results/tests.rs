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
fn runs() -> Done {
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
    Done {
        ended: runs,
        ..Done::default()
    }
}

/// The results of runs on test cases that nothing has learned from.
fn compared(done: &Done) -> Results {
    let plan = ExperimentPlan::from_toml(PLAN, "plan.toml").unwrap();
    Results::new(&plan, done, Seen::default()).unwrap()
}

fn close(found: f64, expected: f64) -> bool {
    (found - expected).abs() < 1e-12
}

#[test]
fn every_arm_has_the_scores_of_its_own_runs_and_is_compared_with_the_first() {
    let results = compared(&runs());
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
    let mut runs = runs();
    runs.ended[3].1.finished.device = "a GPU".to_owned();
    assert_eq!(compared(&runs).device, "a GPU and cpu");
}

#[test]
fn every_run_is_listed_with_the_scores_of_its_cases() {
    let results = compared(&runs());
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
    let mut runs = runs();
    for (_, ended) in &mut runs.ended {
        ended.curve = vec![(2.0, 0.25)];
        ended.finished.best_validation_dice = Some(0.25);
    }
    let results = compared(&runs);
    let text = results.markdown();
    assert!(
        text.contains("| 6 | random | 1 | 4 | 2 | 25.00 | 31.00 |"),
        "{text}"
    );
    assert!(text.contains("| 6 | 2 | 33.00 ± "), "{text}");
    assert_eq!(results.runs[0].validation_dice, Some(0.25));
    let curves = panels(&[6], &runs.ended);
    assert_eq!(curves[0].series[0].points, [(2.0, 25.0)]);
}

/// As if these runs had failed.
fn without(mut done: Done, failing: &[&str]) -> Done {
    done.ended
        .retain(|(trial, _)| !failing.contains(&trial.folder().as_str()));
    let failed = |folder: &&str| Failed {
        folder: (*folder).to_owned(),
        reason: "the disk is full".to_owned(),
    };
    done.failed = failing.iter().map(failed).collect();
    done
}

#[test]
fn seeds_that_a_run_is_missing_of_are_in_no_comparison() {
    let whole = compared(&runs());
    let found = compared(&without(runs(), &["006-unet-seed2"]));
    // With 12 training cases nothing is missing.
    assert_eq!(found.sizes[1], whole.sizes[1]);
    for (method, (arm, gain)) in found.sizes[0].methods.iter().zip(GAINS) {
        assert_eq!(method.name, arm.to_string());
        assert_eq!(method.seeds.count, 1);
        // The first seed's luck, and what cases add in the mean.
        let expected = of_size(6) + gain - 0.01 + 0.02;
        assert!(close(method.seeds.mean, expected), "{method:?}");
    }
    assert_eq!((found.runs.len(), found.failed.len()), (11, 1));
    let text = found.markdown();
    assert!(text.contains("**1 of 12 runs failed.**"), "{text}");
    assert!(
        text.contains("* `006-unet-seed2`: the disk is full\n"),
        "{text}"
    );
    assert!(!whole.markdown().contains("failed"));
    let json = serde_json::to_value(&found).unwrap();
    assert_eq!(json["failed"][0]["folder"], "006-unet-seed2");
}

#[test]
fn a_number_of_cases_that_has_no_seed_with_all_arms_is_left_out() {
    let failing = ["006-unet-seed2", "006-random-seed1"];
    let found = compared(&without(runs(), &failing));
    let sizes: Vec<usize> = found.sizes.iter().map(|s| s.training_cases).collect();
    assert_eq!(sizes, [12]);
    assert!(!found.are_none());
    let more = [&failing[..], &["012-unet-seed1", "012-pretrained-seed2"]].concat();
    assert!(compared(&without(runs(), &more)).are_none());
}

#[test]
fn what_results_are_worth_is_said() {
    let plan = PLAN.replacen("[bootstrap]", "[scoring]\ntolerance = 1.5\n[bootstrap]", 1);
    let plan = ExperimentPlan::from_toml(&plan, "plan.toml").unwrap();
    let names = |names: [&str; 2]| names.map(str::to_owned).to_vec();
    let seen = Seen {
        in_pretraining: Some(names(["a", "b"])),
        told_by: ToldBy::List,
        in_finetuning: names(["b", "empty"]),
    };
    let found = Results::new(&plan, &runs(), seen).unwrap();
    let text = found.markdown();
    for part in [
        "no further apart than 1.5 mm",
        "none is corrected for their number",
        // Two that have a foreground.
        "**There are fewer than 10 test cases**",
        "**In the list of data.pretrain, which is taken for that of the given weights: 2 of the test cases**",
        "**Among the training or validation cases of the same list: 2 of the test cases**, so their results are too good: b, empty.",
    ] {
        assert!(text.contains(part), "'{part}' in {text}");
    }
    let json = serde_json::to_value(&found).unwrap();
    assert_eq!(json["seen_in_finetuning"][1], "empty");
    let unseen = compared(&runs()).markdown();
    assert!(!unseen.contains("of the test cases**"), "{unseen}");
}
