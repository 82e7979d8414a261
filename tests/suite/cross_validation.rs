//! `cross-validate` as its users meet it.

use crate::command::{Done, FAILED, folder, refused, run, texture, words, write_volume};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

const SETTINGS: &str = "cross-validate --datalist organs --out cv --architecture unet --spacing 4 --roi-size 16 --patch-size 8 \
                        --feature-size 2 --samples-per-volume 1 --max-steps 2 --checkpoint-minutes 0 --device cpu";

/// A folder of labelled volumes, two classes beside the background.
fn labelled(at: &Path, cases: usize) {
    for kind in ["imagesTr", "labelsTr"] {
        std::fs::create_dir_all(at.join("organs").join(kind)).unwrap();
    }
    for number in 0..cases {
        let file = |kind: &str| at.join(format!("organs/{kind}/case_{number}.nii"));
        write_volume(&file("imagesTr"), texture(number));
        write_volume(&file("labelsTr"), move |index| {
            ((index / 20 + number) % 3) as i16
        });
    }
    let about = r#"{"modality": {"0": "MRI"}, "labels": {"0": "background", "1": "a", "2": "b"}}"#;
    std::fs::write(at.join("organs/dataset.json"), about).unwrap();
}

fn validated(at: &Path, more: &str) -> Done {
    run(at, &words(&format!("{SETTINGS} {more}"), &[]))
}

fn names(list: &Value) -> BTreeSet<String> {
    let name = |case: &Value| {
        let image = case["image"].as_str().unwrap();
        Path::new(image)
            .file_name()
            .unwrap()
            .to_string_lossy()
            .into_owned()
    };
    list.as_array().unwrap().iter().map(name).collect()
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn every_case_is_scored_by_a_network_that_was_not_trained_on_it() {
    let folder = folder();
    let at = folder.path();
    labelled(at, 4);
    let done = validated(at, "").succeeded();
    let scores = json(&at.join("cv/scores.json"));
    let scored: Vec<&str> = (scores["cases"].as_array().unwrap().iter())
        .map(|case| case["case"].as_str().unwrap())
        .collect();
    assert_eq!(
        scored,
        [0, 1, 2, 3].map(|n| format!("case_{n}.nii")),
        "{}",
        done.told()
    );
    assert!(done.stdout.contains("Dice, foreground"), "{}", done.told());
    assert!(at.join("cv/scores.csv").is_file());
    let mut all = BTreeSet::new();
    for fold in 1..=4 {
        let list = json(&at.join(format!("cv/folds/fold{fold}.json")));
        let run = at.join(format!("cv/runs/fold{fold}"));
        let [test, training] = ["test", "training"].map(|key| names(&list[key]));
        assert_eq!((test.len(), training.len()), (1, 2));
        // What the run itself says of its cases.
        let cases = std::fs::read_to_string(run.join("cases.json")).unwrap();
        for name in &test {
            assert!(!cases.contains(name.as_str()), "{name} in {cases}");
        }
        let own = json(&run.join("test.json"));
        assert_eq!(own["cases"].as_array().unwrap().len(), 1);
        assert!(run.join("model.safetensors").is_file());
        all.extend(test);
    }
    assert_eq!(all.len(), 4);
}

#[test]
fn the_same_command_goes_on_and_trains_nothing_twice() {
    let folder = folder();
    let at = folder.path();
    labelled(at, 4);
    validated(at, "--folds 2").succeeded();
    let written = |fold: usize| {
        let file = at.join(format!("cv/runs/fold{fold}/model.safetensors"));
        (
            std::fs::metadata(&file).unwrap().modified().unwrap(),
            std::fs::read(&file).unwrap(),
        )
    };
    let before = [written(1), written(2)];
    let scores = std::fs::read(at.join("cv/scores.json")).unwrap();
    // As where it was stopped while the second one trained.
    std::fs::remove_dir_all(at.join("cv/runs/fold2")).unwrap();
    std::fs::remove_file(at.join("cv/scores.json")).unwrap();
    let again = validated(at, "--folds 2 --json").succeeded();
    assert_eq!(written(1), before[0], "{}", again.told());
    assert!(written(2).1 == before[1].1, "{}", again.told());
    assert!(std::fs::read(at.join("cv/scores.json")).unwrap() == scores);
    assert_eq!(again.json()["cases"].as_array().unwrap().len(), 4);
    // Other settings, and other folds, are other runs.
    let call = words(SETTINGS, &["--folds", "2", "--seed", "9"]);
    refused(at, &call, FAILED, &["--seed", "other"]);
    let split = std::fs::read(at.join("cv/folds/fold1.json")).unwrap();
    let call = words(SETTINGS, &["--folds", "4"]);
    refused(at, &call, FAILED, &["cv was begun with other --folds"]);
    assert!(std::fs::read(at.join("cv/folds/fold1.json")).unwrap() == split);
    let call = words(SETTINGS, &["--folds", "2", "--learning-rate", "0.5"]);
    refused(at, &call, FAILED, &["optimizer.learning_rate was"]);
    // Its folder is no place for a run.
    let call = SETTINGS.replace("cross-validate", "finetune");
    refused(
        at,
        &words(&call, &[]),
        FAILED,
        &["cv holds a cross-validation"],
    );
}

#[test]
fn folds_that_started_otherwise_are_not_taken_for_those_of_other_weights() {
    let folder = folder();
    let at = folder.path();
    labelled(at, 3);
    let call = SETTINGS.replace(
        "--architecture unet",
        "--layers 3 --hidden-size 16 --mlp-dim 16 --heads 2",
    );
    let random = run(at, &words(&call, &[])).succeeded();
    let before = call
        .replace("cross-validate", "finetune")
        .replace("--out cv", "--out before");
    run(at, &words(&before, &[])).succeeded();
    let pretrained = words(&call, &["--pretrained", "before"]);
    let refusal = run(at, &pretrained);
    let last = refusal.stderr.lines().last().unwrap_or_default();
    assert!(
        last.contains("start.pretrained was not set"),
        "{}{}",
        random.told(),
        refusal.told()
    );
    // Those weights saw label maps.
    let told = "have learned from 3 of the cases to be scored";
    assert!(refusal.stderr.contains(told), "{}", refusal.told());
    let call = call.replace("--out cv", "--out other --pretrained nowhere");
    refused(at, &words(&call, &[]), FAILED, &["--pretrained", "nowhere"]);
}

#[test]
fn a_broken_case_is_named_before_the_first_fold_is_trained() {
    let folder = folder();
    let at = folder.path();
    labelled(at, 3);
    write_volume(&at.join("organs/labelsTr/case_1.nii"), |_| 200);
    let done = validated(at, "");
    assert_eq!(done.code, Some(FAILED), "{}", done.told());
    let last = done.stderr.lines().last().unwrap_or_default();
    assert!(
        last.contains("case_1.nii") && last.contains("200"),
        "{}",
        done.told()
    );
    assert!(!at.join("cv/runs/fold1").exists(), "{}", done.told());
}

#[test]
fn what_cannot_be_cross_validated_is_refused_before_anything_is_made() {
    let folder = folder();
    let at = folder.path();
    labelled(at, 2);
    refused(
        at,
        &words(SETTINGS, &[]),
        FAILED,
        &["2 labelled images", "needs 3"],
    );
    labelled(at, 4);
    refused(
        at,
        &words(SETTINGS, &["--folds", "5"]),
        FAILED,
        &["--folds is 5", "from 2 to 4"],
    );
    let call = words("cross-validate --out cv", &[]);
    refused(at, &call, FAILED, &["--datalist"]);
    // The folder of something else.
    std::fs::create_dir_all(at.join("cv/runs/other")).unwrap();
    refused(
        at,
        &words(SETTINGS, &[]),
        FAILED,
        &["cv holds runs of something else"],
    );
    std::fs::write(at.join("cv/config.toml"), "").unwrap();
    refused(at, &words(SETTINGS, &[]), FAILED, &["cv holds a run"]);
}
