//! Plans and lists that are refused before anything is trained, and the plan in the guide.

use super::{CALL, PLAN, prepared};
use crate::command::{FAILED, refused, words};
use hounsfield::config::{Arm, ExperimentPlan, PlanScoring, PretrainPlan};
use hounsfield::metric::Bootstrap;
use serde_json::{Value, json};

#[test]
fn the_plan_in_the_guide_is_read_and_shows_the_defaults_of_scoring() {
    let guide = include_str!("../../../docs/guide.md");
    let (_, plan) = guide.split_once("```toml\n").unwrap();
    let (plan, _) = plan.split_once("```").unwrap();
    let plan = ExperimentPlan::from_toml(plan, "docs/guide.md").unwrap();
    let lists: Vec<&str> = plan.data.finetune.keys().map(String::as_str).collect();
    assert_eq!(lists, ["12", "6"]);
    assert!(matches!(
        plan.pretrain,
        Some(PretrainPlan::Run { per_seed: true, .. })
    ));
    assert_ne!(plan.optimizer(Arm::Pretrained), plan.optimizer(Arm::Random));
    assert_eq!(plan.scoring, PlanScoring::default());
    assert_eq!(plan.bootstrap, Bootstrap::default());
}

#[test]
fn a_plan_that_cannot_work_is_refused_by_file_and_key() {
    let folder = prepared();
    for (from, to, parts) in [
        ("max_steps = 4", "max_step = 4", ["plan.toml", "max_step"]),
        ("seeds = [1, 2]", "seeds = []", ["plan.toml", "seeds"]),
        (
            "{ 2 = \"split.json\" }",
            "{ 2 = \"none.json\" }",
            ["none.json", "does not exist"],
        ),
        ("sizes = [2]", "sizes = [3]", ["plan.toml", "3"]),
        (
            "resamples = 200",
            "resamples = 1",
            ["plan.toml", "bootstrap.resamples is 1: give 40 to"],
        ),
        (
            "decoder = { feature_size = 2 }",
            "decoder = { feature_size = 2, classes = 3 }",
            [
                "split.json names 14 classes",
                "finetune.decoder.classes of the plan is 3: give 14",
            ],
        ),
    ] {
        let text = PLAN.replacen(from, to, 1);
        assert_ne!(text, PLAN, "{from}");
        std::fs::write(folder.path().join("plan.toml"), text).unwrap();
        refused(folder.path(), &words(CALL, &[]), FAILED, &parts);
    }
}

#[test]
fn weights_that_are_not_there_are_refused_by_key_before_the_folder_is_made() {
    let folder = prepared();
    let (start, rest) = PLAN.split_once("[pretrain]\n").unwrap();
    let (_, rest) = rest.split_once("[finetune]\n").unwrap();
    let text = format!("{start}[pretrain]\nweights = \"absent\"\n[finetune]\n{rest}");
    std::fs::write(folder.path().join("plan.toml"), text).unwrap();
    let parts = ["plan.toml", "`weights`", "absent", "does not exist"];
    refused(folder.path(), &words(CALL, &[]), FAILED, &parts);
}

/// What fine-tuning would find out after all of pre-training.
#[test]
fn lists_without_classes_or_with_others_are_refused_before_anything_is_trained() {
    let folder = prepared();
    let at = |name: &str| folder.path().join(name);
    let list = std::fs::read(at("phantoms/split.json")).unwrap();
    let mut list: Value = serde_json::from_slice(&list).unwrap();
    list["labels"] = Value::Null;
    std::fs::write(at("phantoms/bare.json"), list.to_string()).unwrap();
    list["labels"] = json!({ "0": "background", "1": "tumour" });
    list["training"].as_array_mut().unwrap().truncate(1);
    std::fs::write(at("phantoms/one.json"), list.to_string()).unwrap();
    for (sizes, lists, parts) in [
        (
            "sizes = [2]",
            "2 = \"bare.json\"",
            ["bare.json", "names no classes"],
        ),
        (
            "sizes = [2, 1]",
            "2 = \"split.json\", 1 = \"one.json\"",
            ["one.json", "name different classes"],
        ),
    ] {
        let text = PLAN.replacen("sizes = [2]", sizes, 1);
        let text = text.replacen("2 = \"split.json\"", lists, 1);
        std::fs::write(at("plan.toml"), text).unwrap();
        refused(folder.path(), &words(CALL, &[]), FAILED, &parts);
    }
}
